import { timeOf } from '../../ids.ts';
import type { Entry, Head, Partitions, Run, TopicIdPartition } from '../../stores/catalog/partitions.ts';
import type { Retention } from '../topic-config.ts';

/**
 * The log start that retention asks for: past the leading entries that are all too old, then past those without which
 * `retention.bytes` are still kept, as Kafka has it. What is deleted is walked through, and one run more; `goesOn` ends the walk.
 * A head that is a moment old asks for less, never for too much.
 */
export async function dueLogStart(
  partitions: Partitions,
  of: TopicIdPartition,
  head: Head,
  { ms, bytes }: Retention,
  now: number,
  goesOn: () => boolean,
): Promise<number> {
  let due = head.logStart;
  /** Bytes from `due` on; not known where the log start lies in the index. */
  let kept: number | undefined;
  while (due < head.highWatermark && goesOn()) {
    const run: Run | undefined = due >= head.tail.base ? head.tail : await partitions.find(of, due, head);
    // Deleted meanwhile, by another.
    if (!run) return due;
    let base = run.base;
    let before = run.before;
    for (const entry of run.entries) {
      const end = base + entry.count;
      if (end > due) {
        if (before !== undefined) kept = head.bytes - before;
        const isTooOld = ms >= 0 && now - ageOf(entry) > ms;
        const isTooMuch = bytes >= 0 && kept !== undefined && kept - entry.length >= bytes;
        if (!isTooOld && !isTooMuch) return due;
        due = end;
      }
      base = end;
      if (before !== undefined) before += entry.length;
    }
    // A run that ends where it was asked for would be asked for again, for ever.
    if (due < base) return due;
  }
  return due;
}

/** Milliseconds since the epoch: of its newest record, or, when records carry no time, of the append. */
function ageOf({ id, maxTimestamp }: Entry): number {
  return maxTimestamp === -1 ? timeOf(id) : maxTimestamp;
}
