import { VarveError } from '../../../errors.ts';
import type { GroupDescription, GroupPartition } from '../../../log/groups/groups.ts';
import { inputOf, readElements, readInt16, readInt32, readString } from '../protocol/input.ts';
import type { Group } from './group.ts';

/** A group as it is shown to who does not speak Kafka's protocol. */
export function descriptionOf(id: string, { state, protocolType, protocolName, members }: Group): GroupDescription {
  return {
    id,
    state,
    protocolType,
    assignor: protocolName,
    members: [...members.values()].map((member) => ({
      id: member.id,
      ...(member.instanceId !== null && { instanceId: member.instanceId }),
      clientId: member.clientId,
      host: member.clientHost,
      partitions: partitionsIn(member.assignment),
    })),
  };
}

/** Consumers' assignments begin with a version, topics and their partitions. Who was assigned something else reads nothing. */
function partitionsIn(assignment: Uint8Array): GroupPartition[] {
  if (assignment.length === 0) return [];
  try {
    const input = inputOf(Buffer.from(assignment));
    readInt16(input);
    const topics = readElements(input, readInt32(input), (at) => {
      const topic = readString(at, readInt16(at));
      return readElements(at, readInt32(at), (one) => ({ topic, partition: readInt32(one) }));
    });
    return topics.flat();
  } catch (error) {
    if (!(error instanceof VarveError)) throw error;
    return [];
  }
}
