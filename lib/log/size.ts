import type { Head, Partitions, TopicIdPartition } from '../stores/catalog/partitions.ts';

/**
 * Bytes of the batches that can be read, as they are stored, the one that holds the log start whole. What was appended has been counted, so
 * that one look is enough; what was compacted is added up.
 */
export async function sizeOf(partitions: Partitions, of: TopicIdPartition, head: Head): Promise<number> {
  let size = 0;
  for (let next = head.logStart; next < head.highWatermark; ) {
    const run = next >= head.tail.base ? head.tail : await partitions.find(of, next, head);
    // Deleted meanwhile.
    if (!run) return size;
    let { base, before } = run;
    for (const entry of run.entries) {
      const end = base + entry.count;
      if (end > next) {
        if (before !== undefined) return size + head.bytes - before;
        size += entry.length;
        next = end;
      }
      base = end;
      if (before !== undefined) before += entry.length;
    }
    // A run that ends where it was asked for would be asked for again, for ever.
    if (next < base) return size;
  }
  return size;
}
