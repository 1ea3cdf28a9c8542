import type { Groups } from '../../stores/catalog/groups.ts';
import { partitionKey, type TopicIdPartition } from '../../stores/catalog/partitions.ts';
import type { Plan } from './plan.ts';

/** A partition that the plan gives a member. */
export interface OwnPartition extends TopicIdPartition {
  topic: string;
  /** It came while the group ran: all that it holds is new. */
  isNew: boolean;
}

export function ownPartitions({ topics, members }: Plan, id: string): OwnPartition[] {
  return [...members.get(id)!.has].flatMap(([topic, partitions]) => {
    const { id: topicId, first } = topics.get(topic)!;
    return partitions.map((partition) => ({ topic, topicId, partition, isNew: partition >= first }));
  });
}

/** From here on nobody commits for these under a lower generation. What is committed, by partition key; undefined when a later generation holds already. */
export async function claim(
  groups: Groups,
  group: string,
  generation: number,
  own: readonly OwnPartition[],
): Promise<Map<string, number> | undefined> {
  const told = own.length > 0 ? await groups.claim(group, generation, own) : [];
  return told === 'fenced' ? undefined : new Map(told.map((one) => [partitionKey(one), one.offset]));
}
