import { VarveError } from '../errors.ts';
import type { ReadRecord } from './records.ts';
import { path, type Requests } from './requests.ts';

/** Where to begin: an offset, the log start, the high watermark, or the first record at or after a time (milliseconds or ISO 8601). */
export type From = number | 'earliest' | 'latest' | { timestamp: number | string };

export interface Polled {
  /** From the offset that was asked for on. */
  records: ReadRecord[];
  /** Where to go on. */
  next: number;
  highWatermark: number;
  logStart: number;
}

export interface PollOptions {
  /** Records; default 1,000, at most 10,000. */
  limit?: number;
  /** Bytes of batches, default 1 MiB, at most 8 MiB; one batch is answered however large. */
  maxBytes?: number;
  /** Milliseconds to wait for something to read at the high watermark; default 0, at most 30,000. */
  wait?: number;
  signal?: AbortSignal;
}

/** What each read asks for where many follow each other. */
export const PAGE = { limit: 10_000, maxBytes: 1024 * 1024 };

export interface OffsetRange {
  /** The log start offset. */
  earliest: number;
  /** The high watermark: the next offset to be assigned. */
  latest: number;
}

/** What the door does with one partition. Unknown ones are UNKNOWN_TOPIC_OR_PARTITION. */
export interface Partitions {
  /** One read. OFFSET_OUT_OF_RANGE outside [log start, high watermark]. */
  poll(topic: string, partition: number, from: From, options?: PollOptions): Promise<Polled>;
  offsets(topic: string, partition: number, options?: { signal?: AbortSignal }): Promise<OffsetRange>;
  /** Where `from` is now, and the range that it is in: OFFSET_OUT_OF_RANGE outside. A time after the last record is the high watermark. */
  locate(
    topic: string,
    partition: number,
    from: From,
    options?: { signal?: AbortSignal },
  ): Promise<OffsetRange & { offset: number }>;
  /** Records below `before` are no longer readable ('latest': all that there are). Answers the log start. */
  deleteRecords(topic: string, partition: number, before: number | 'latest'): Promise<number>;
}

export function partitionsOf({ json }: Requests, timeout: number): Partitions {
  const offsets: Partitions['offsets'] = (topic, partition, options) =>
    json('GET', path`/api/topics/${topic}/partitions/${partition}/offsets`, options);

  return {
    offsets,
    async poll(topic, partition, from, { limit, maxBytes, wait = 0, signal } = {}) {
      const answer = await json<{ records: ReadRecord[]; next: number; high_watermark: number; log_start: number }>(
        'GET',
        path`/api/topics/${topic}/partitions/${partition}/records`,
        {
          query: {
            from: typeof from === 'object' ? `time:${from.timestamp}` : from,
            limit,
            max_bytes: maxBytes,
            wait: wait === 0 ? undefined : wait,
          },
          timeout: timeout + wait,
          signal,
        },
      );
      const { records, next, high_watermark: highWatermark, log_start: logStart } = answer;
      return { records, next, highWatermark, logStart };
    },
    async locate(topic, partition, from, options) {
      if (typeof from !== 'object') {
        const range = await offsets(topic, partition, options);
        return { ...range, offset: typeof from === 'number' ? within(range, from, partition) : range[from] };
      }
      const found = await json<OffsetRange & { offset: number | null }>(
        'GET',
        path`/api/topics/${topic}/partitions/${partition}/offsets`,
        { query: { time: from.timestamp }, ...options },
      );
      return { ...found, offset: found.offset ?? found.latest };
    },
    async deleteRecords(topic, partition, before) {
      const where = path`/api/topics/${topic}/partitions/${partition}/records`;
      return (await json<{ log_start: number }>('DELETE', where, { query: { before } })).log_start;
    },
  };
}

function within({ earliest, latest }: OffsetRange, offset: number, partition: number): number {
  if (offset >= earliest && offset <= latest) return offset;
  throw new VarveError(
    'OFFSET_OUT_OF_RANGE',
    `Offset ${offset} of partition ${partition} is not between ${earliest} and ${latest}: begin at earliest or latest.`,
  );
}
