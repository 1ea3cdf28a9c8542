import type { Entry, Run } from '../partitions.ts';
import { decodeEntry } from './entry.ts';
import type { Item, Key, Put } from './table.ts';

/**
 * A page or an index item: `b` base offset, `t` entries, `m` their max timestamp, `mt` that of everything up to its last offset.
 * A page has `rb` as well: bytes of all entries before its own.
 * Written once; an item that is there already says the same of every offset, perhaps beginning elsewhere.
 */
export function putRun(key: Key, run: Run, wire: readonly Uint8Array[], maxBefore: number): Put {
  const max = maxTimestampOf(run);
  return {
    item: {
      ...key,
      b: run.base,
      t: wire,
      m: max,
      mt: Math.max(max, maxBefore),
      ...(run.before !== undefined && { rb: run.before }),
    },
    condition: 'attribute_not_exists(pk)',
  };
}

export function decodeRun(item: Item, of: { level: 0 } | { level: 1; generation: string }): Run {
  const run = { base: Number(item.b), entries: (item.t as Uint8Array[]).map(decodeEntry), ...of };
  return item.rb === undefined ? run : { ...run, before: Number(item.rb) };
}

export const runningMax = (item: Item) => Number(item.mt);

/** The entries of a run with their offsets. */
export function* placed(run: Run): Generator<{ base: number; entry: Entry }> {
  let base = run.base;
  for (const entry of run.entries) {
    yield { base, entry };
    base += entry.count;
  }
}

export function covers(run: Run, offset: number): boolean {
  return run.base <= offset && offset < endOf(run);
}

/** The offset after the run's last entry. */
export function endOf(run: Run): number {
  return run.entries.reduce((offset, entry) => offset + entry.count, run.base);
}

export function maxTimestampOf(run: Run): number {
  return run.entries.reduce((max, entry) => Math.max(max, entry.maxTimestamp), -1);
}
