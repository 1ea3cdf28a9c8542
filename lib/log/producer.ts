import type { AppendedRecord, AppendOptions, AppendRecord } from './event-log.ts';

/**
 * Appends without duplicates, whatever fails between: each call is repeated under the same sequence until it is answered or its
 * time is up. Calls to one partition are appended in the order they were made.
 */
export interface Producer {
  readonly id: number;
  readonly epoch: number;
  append(
    topic: string,
    records: readonly AppendRecord[],
    options?: Pick<AppendOptions, 'timeout' | 'compression' | 'signal'>,
  ): Promise<AppendedRecord[]>;
}
