import type { Run, TopicIdPartition } from '../partitions.ts';
import type { Database } from './database.ts';
import { APPENDED, type EntryRow, toRun } from './entries.ts';
import { type HeadRow, headRow } from './heads.ts';

/** Entries in a run that `find` answers. */
const RUN_ENTRIES = 128;
/** Entries that one step of a search by timestamp looks through. */
const STEP_ENTRIES = 10_000;

/** Found, or nowhere (`run` undefined), or not below offset `from`: search on there. */
export type TimestampStep = { run: Run | undefined } | { from: number };

interface Stretch {
  layer: number;
  /** Of the index; undefined for what was appended. */
  generation?: string;
  /** Offsets. */
  start: number;
  end: number;
}

/** Where the offsets from `start` on are to be looked up. */
function stretches(row: HeadRow, start: number): Stretch[] {
  const { layer, generation, frontier, highWatermark } = row;
  const all: Stretch[] = [
    { layer, generation, start, end: frontier },
    { layer: APPENDED, start: Math.max(start, frontier), end: highWatermark },
  ];
  return all.filter((stretch) => stretch.start < stretch.end);
}

export function openLookup(db: Database) {
  return { find, findTimestamp };

  function find(of: TopicIdPartition, offset: number): Run | undefined {
    const row = headRow(db, of);
    if (!row || offset < row.logStart) return undefined;
    const [stretch] = stretches(row, offset);
    if (!stretch) return undefined;
    const first = entryAt(row, stretch, offset);
    if (!first) return undefined;
    const rows = db.all<EntryRow>(
      `SELECT * FROM entries WHERE partition = ? AND layer = ? AND base >= ? ORDER BY base LIMIT ${RUN_ENTRIES}`,
      row.key,
      stretch.layer,
      first.base,
    );
    return toRun(rows, first.base, stretch.generation);
  }

  /** One bounded step, over offsets from `from` on. */
  function findTimestamp(of: TopicIdPartition, timestamp: number, from: number): TimestampStep {
    const row = headRow(db, of);
    if (!row) return { run: undefined };
    for (const stretch of stretches(row, Math.max(from, row.logStart))) {
      const start = firstReached(row, stretch, timestamp);
      if (start === undefined) continue;
      // An entry below the stretch may have raised the running maximum, so the entries' own decide.
      const found = db.get<EntryRow>(
        `SELECT * FROM (SELECT * FROM entries WHERE partition = ? AND layer = ? AND base >= ? AND base < ?
           ORDER BY base LIMIT ${STEP_ENTRIES}) WHERE max_timestamp >= ? ORDER BY base LIMIT 1`,
        row.key,
        stretch.layer,
        start,
        stretch.end,
        timestamp,
      );
      if (found) return { run: toRun([found], found.base, stretch.generation) };
      const next = db.get<{ base: number }>(
        `SELECT base FROM entries WHERE partition = ? AND layer = ? AND base >= ? AND base < ?
           ORDER BY base LIMIT 1 OFFSET ${STEP_ENTRIES}`,
        row.key,
        stretch.layer,
        start,
        stretch.end,
      );
      if (next) return { from: next.base };
    }
    return { run: undefined };
  }

  /** The base of the first entry of the stretch whose running maximum reaches the timestamp, by binary search over offsets. */
  function firstReached(row: HeadRow, stretch: Stretch, timestamp: number): number | undefined {
    let low = stretch.start;
    let high = stretch.end;
    let reached: number | undefined;
    while (low < high) {
      const entry = entryAt(row, stretch, Math.floor((low + high) / 2));
      if (!entry) return undefined;
      if (entry.running_max >= timestamp) {
        reached = entry.base;
        high = entry.base;
      } else {
        low = entry.base + entry.count;
      }
    }
    return reached;
  }

  function entryAt(row: HeadRow, { layer }: Stretch, offset: number) {
    return db.get<Pick<EntryRow, 'base' | 'count' | 'running_max'>>(
      `SELECT base, count, running_max FROM entries WHERE partition = ? AND layer = ? AND base <= ?
       ORDER BY base DESC LIMIT 1`,
      row.key,
      layer,
      offset,
    );
  }
}
