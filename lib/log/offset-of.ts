import type { Head, TopicIdPartition } from '../stores/catalog/partitions.ts';
import type { From } from './event-log.ts';
import type { Reader } from './reader.ts';

/** The offset that `from` means in a partition, by its head as it is now; of a time after all its records, its end. */
export async function offsetOf(
  reader: Pick<Reader, 'offsetAt'>,
  of: TopicIdPartition,
  { logStart, highWatermark }: Head,
  from: From,
): Promise<number> {
  if (typeof from === 'number') return from;
  if (from === 'earliest') return logStart;
  if (from === 'latest') return highWatermark;
  return (await reader.offsetAt(of, from.timestamp))?.offset ?? highWatermark;
}
