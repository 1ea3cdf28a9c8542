import type { ReadRecord } from './records.ts';

/**
 * How a reader waits for what comes: `events` by a stream of server-sent events, which brings records as they come; `polls` by
 * requests that wait, for API Gateway, where a stream arrives at its end, all at once.
 */
export type Following = 'events' | 'polls';

/** API Gateway's own addresses: on AWS, and the two of LocalStack. A domain name of one's own does not tell what is behind it. */
const API_GATEWAY = [/^https?:\/\/[^./]+\.execute-api\./, /^https?:\/\/[^/]+\/_aws\/execute-api\//];

/** What serves the address best. */
export function followingAt(url: string): Following {
  return API_GATEWAY.some((form) => form.test(url)) ? 'polls' : 'events';
}

/** Where the reader of a partition is. */
export interface Position {
  partition: number;
  /** The next offset that it reads. */
  next: number;
}

/**
 * Records as they come, as many together as arrived together, from `positions` on. `whole`: they are all partitions of the topic,
 * and those that it grows by are read as well, from their first record. Failures that may pass are repeated from where it was; it
 * ends when the signal aborts.
 */
export type Follow = (
  topic: string,
  positions: readonly Position[],
  options: { whole: boolean; signal: AbortSignal },
) => AsyncIterable<ReadRecord[]>;
