import type { LogRecord } from '../../format/records/record.ts';

export interface ConsumerOptions {
  group: string;
  topics: readonly string[];
  /** Where a partition without a committed offset, or with one that was deleted, begins. Default `earliest`. */
  autoOffsetReset?: 'earliest' | 'latest';
  /** Records a batch at most; default 500. */
  maxRecords?: number;
  signal?: AbortSignal;
}

export interface ConsumedBatch {
  topic: string;
  partition: number;
  records: LogRecord[];
  /** Commits the offset after the batch's last record. ILLEGAL_GENERATION when another consumer has taken the group over. */
  commit(): Promise<void>;
}

/**
 * The group's one active consumer: it holds the group's lease, and a second one waits until it is closed or dies. Iterating
 * reads all partitions of the topics from the committed offsets on, at least once, in order per partition.
 */
export interface Consumer extends AsyncIterable<ConsumedBatch> {
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}
