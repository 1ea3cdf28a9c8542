import { VarveError } from '../../errors.ts';
import type { EventLog } from '../../log/event-log.ts';
import { unknownPartition } from '../../log/topic-name.ts';

/** A partition of ours has had one leader for ever, as far as clients can tell. */
export const LEADER_EPOCH = 0;

export interface TopicSummary {
  name: string;
  id: string;
  partitions: number;
}

/** There are no folders: all is told as if in one, which has the cluster's id for a name. */
export const logDirOf = (log: EventLog) => `/${log.clusterId}`;

const PAGE = 1_000;

export async function allTopics(log: EventLog): Promise<TopicSummary[]> {
  const found: TopicSummary[] = [];
  for await (const page of pages(log)) found.push(...page);
  return found;
}

/** Those that there are, by id. Looks through all topics once: clients know ids only from answers that have names too, so it is rare. */
export async function topicsById(log: EventLog, ids: ReadonlySet<string>): Promise<Map<string, TopicSummary>> {
  const found = new Map<string, TopicSummary>();
  if (ids.size === 0) return found;
  for await (const page of pages(log)) {
    for (const topic of page) if (ids.has(topic.id)) found.set(topic.id, topic);
    if (found.size === ids.size) break;
  }
  return found;
}

async function* pages(log: EventLog): AsyncGenerator<TopicSummary[]> {
  for (let after: string | undefined; ; ) {
    const page = await log.topics.list({ limit: PAGE, ...(after !== undefined && { after }) });
    yield page;
    after = page.at(-1)?.name;
    if (page.length < PAGE) return;
  }
}

/** For each partition named whether it is there: `error` says why not. */
export async function partitionsAt(
  log: EventLog,
  topic: string,
  partitions: readonly number[],
): Promise<{ partition: number; error: VarveError | undefined }[]> {
  try {
    const { partitions: count } = await log.topics.describe(topic);
    return partitions.map((partition) => {
      const isThere = partition >= 0 && partition < count;
      return { partition, error: isThere ? undefined : unknownPartition(topic, partition, count) };
    });
  } catch (error) {
    if (!(error instanceof VarveError)) throw error;
    return partitions.map((partition) => ({ partition, error }));
  }
}
