import type { Head, Partitions, References, TopicIdPartition } from '../partitions.ts';
import { openAppends, sequenceBefore } from './appends.ts';
import { openCompaction } from './compaction.ts';
import type { Database } from './database.ts';
import { APPENDED, type EntryRow, idBytes, toRun } from './entries.ts';
import { type HeadRow, headRow } from './heads.ts';
import { openLookup, type TimestampStep } from './lookup.ts';
import type { Sync } from './sync.ts';

/** Entries in a head's tail. */
const TAIL_ENTRIES = 16;
/** How long Kafka counts an idle producer as active. */
const ACTIVE_MS = 24 * 3_600_000;
/** Entries in a step of `references`: a few milliseconds. */
const STEP_ENTRIES = 2_000;

/** The port, at once; two methods differ: time is the queue's, and a search by timestamp goes in steps. */
export interface SyncPartitions extends Omit<Sync<Partitions>, 'append' | 'find' | 'findTimestamp'> {
  append: ReturnType<typeof openAppends>;
  find(of: TopicIdPartition, offset: number): ReturnType<Sync<Partitions>['find']>;
  findTimestamp(of: TopicIdPartition, timestamp: number, from: number): TimestampStep;
}

export function openPartitions(db: Database, now: () => number): SyncPartitions {
  const head = (of: TopicIdPartition): Head | undefined => {
    const row = headRow(db, of);
    if (!row) return undefined;
    const { highWatermark, logStart, frontier, generation, floor, runningBytes: bytes } = row;
    const tail = db
      .all<EntryRow>(
        `SELECT * FROM entries WHERE partition = ? AND layer = ${APPENDED} AND base >= ? AND base + count > ?
         ORDER BY base DESC LIMIT ${TAIL_ENTRIES}`,
        row.key,
        frontier,
        logStart,
      )
      .reverse();
    // What is below the log start the catalog deletes by itself.
    const trimmed = logStart;
    return { highWatermark, logStart, frontier, generation, floor, bytes, trimmed, tail: toRun(tail, highWatermark) };
  };

  return {
    append: openAppends(db, now),
    ...openLookup(db),
    ...openCompaction(db),

    head,

    peek: (partitions) => partitions.map(head),

    producers(of) {
      const row = headRow(db, of);
      if (!row) return undefined;
      const sql = 'SELECT id, epoch, next, base FROM producers WHERE partition = ? AND seen > ? ORDER BY id';
      return db
        .all<{ id: number; epoch: number; next: number; base: number }>(sql, row.key, now() - ACTIVE_MS)
        .map(({ next, ...producer }) => ({ ...producer, lastSequence: sequenceBefore(next) }));
    },

    chunks(of, ids) {
      const row = headRow(db, of);
      if (!row) return ids.map(() => undefined);
      const sql = 'SELECT bytes FROM chunks WHERE partition = ? AND id = ?';
      return inOneBuffer(ids.map((id) => db.get<{ bytes: Uint8Array }>(sql, row.key, idBytes(id))?.bytes));
    },

    raiseLogStart(of, offset) {
      const row = headRow(db, of);
      if (!row) return 'unknown partition';
      if (offset > row.highWatermark) return 'out of range';
      if (offset <= row.logStart) return row.logStart;
      db.run('UPDATE partitions SET log_start = ? WHERE key = ?', offset, row.key);
      forget(row, offset);
      return offset;
    },

    raiseFloor({ topicId, partition }, time) {
      db.run(
        'UPDATE partitions SET floor = ? WHERE topic_id = ? AND partition = ? AND floor < ?',
        time,
        topicId,
        partition,
        time,
      );
    },

    references,

    // An entry's bytes come and go with it.
    trim: () => false,
    dropChunks: () => false,
  };

  function references(of: TopicIdPartition, from: number): References {
    const row = headRow(db, of);
    if (!row) return { segments: [] };
    const sql = `SELECT base, count, id, place FROM entries WHERE partition = ? AND layer = ${APPENDED} AND base >= ?
      ORDER BY base LIMIT ${STEP_ENTRIES}`;
    const rows = db.all<Pick<EntryRow, 'base' | 'count' | 'id' | 'place'>>(sql, row.key, Math.max(from, row.frontier));
    const reachable = rows.filter(({ base, count }) => base + count > row.logStart);
    const last = rows.at(-1);
    return {
      segments: reachable.filter(({ place }) => place === 0).map(({ id }) => Buffer.from(id).toString('hex')),
      ...(last && rows.length === STEP_ENTRIES && { next: last.base + last.count }),
    };
  }

  /** Marks for deletion what lies wholly below the log start. An entry that spans it stays. */
  function forget(row: HeadRow, logStart: number): void {
    for (const layer of [row.layer, APPENDED]) {
      const sql =
        'SELECT base, count FROM entries WHERE partition = ? AND layer = ? AND base <= ? ORDER BY base DESC LIMIT 1';
      const last = db.get<Pick<EntryRow, 'base' | 'count'>>(sql, row.key, layer, logStart);
      if (!last) continue;
      const below = last.base + last.count > logStart ? last.base : logStart;
      db.run('INSERT INTO deletions (partition, layer, below) VALUES (?, ?, ?)', row.key, layer, below);
    }
  }
}

/** Back to back: one buffer goes into another thread for the price of one, however many pieces it has. */
function inOneBuffer(pieces: (Uint8Array | undefined)[]): (Uint8Array | undefined)[] {
  if (pieces.length === 1) return pieces;
  const size = pieces.reduce((sum, piece) => sum + (piece?.length ?? 0), 0);
  const all = new Uint8Array(Buffer.allocUnsafeSlow(size).buffer);
  let at = 0;
  return pieces.map((piece) => {
    if (!piece) return undefined;
    all.set(piece, at);
    at += piece.length;
    return all.subarray(at - piece.length, at);
  });
}
