import type { EventLog } from '../../log/event-log.ts';

/** A partition of ours has had one leader for ever, as far as clients can tell. */
export const LEADER_EPOCH = 0;
/** In place of authorized operations. */
export const NOT_TOLD = -(2 ** 31);

export interface TopicSummary {
  name: string;
  id: string;
  partitions: number;
}

const PAGE = 1_000;

export async function allTopics(log: EventLog): Promise<TopicSummary[]> {
  const found: TopicSummary[] = [];
  for await (const page of pages(log)) found.push(...page);
  return found;
}

/** Looks through all topics: clients know ids only from answers that have names too, so it is rare. */
export async function topicById(log: EventLog, id: string): Promise<TopicSummary | undefined> {
  for await (const page of pages(log)) {
    const found = page.find((topic) => topic.id === id);
    if (found) return found;
  }
  return undefined;
}

async function* pages(log: EventLog): AsyncGenerator<TopicSummary[]> {
  for (let after: string | undefined; ; ) {
    const page = await log.topics.list({ limit: PAGE, ...(after !== undefined && { after }) });
    yield page;
    after = page.at(-1)?.name;
    if (page.length < PAGE) return;
  }
}
