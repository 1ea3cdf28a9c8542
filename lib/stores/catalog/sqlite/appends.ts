import { timeOf } from '../../../ids.ts';
import type { AppendOutcome, Head, NewEntry, ProducerBatch, TopicIdPartition } from '../partitions.ts';
import type { Database } from './database.ts';
import { idBytes, insertEntry, type Running, toEntry } from './entries.ts';
import { headRow } from './heads.ts';

/** Sequences are below it. */
const SEQUENCES = 2 ** 31;

export interface Appended {
  outcomes: AppendOutcome[];
  /** Without its tail, which the caller of the append already holds. */
  head?: Omit<Head, 'tail'>;
}

/** A producer in one partition; sequence and base are those of its last batch. */
interface Producer {
  epoch: number;
  sequence: number;
  next: number;
  base: number;
}

/** Sequences run from 0 to 2^31 - 1 and around. */
export function sequenceBefore(next: number): number {
  return (next - 1 + SEQUENCES) % SEQUENCES;
}

export function openAppends(db: Database, now: () => number) {
  return function append(to: TopicIdPartition, entries: readonly NewEntry[]): Appended {
    const row = headRow(db, to);
    if (!row) return { outcomes: entries.map(() => ({ status: 'refused', code: 'UNKNOWN_TOPIC_OR_PARTITION' })) };
    let { highWatermark, runningMax, runningBytes } = row;
    const producers = new Map<number, Producer | undefined>();
    const moved = new Set<number>();
    let isStale = false;

    const outcomes = entries.map((entry): AppendOutcome => {
      if (isStale) return { status: 'stale', floor: row.floor };
      const { producer } = entry;
      if (producer) {
        if (!producers.has(producer.id)) producers.set(producer.id, readProducer(row.key, producer.id));
        const verdict = judge(row.key, producers.get(producer.id), producer, entry.count);
        if (verdict !== 'next') return verdict;
      }
      isStale = !entry.bytes && timeOf(entry.id) <= row.floor;
      if (isStale) return { status: 'stale', floor: row.floor };
      const base = highWatermark;
      highWatermark += entry.count;
      runningMax = Math.max(runningMax, entry.maxTimestamp);
      runningBytes += entry.length;
      store(row.key, base, { max: runningMax, bytes: runningBytes }, entry);
      if (producer) {
        const { epoch, sequence } = producer;
        producers.set(producer.id, { epoch, sequence, next: (sequence + entry.count) % SEQUENCES, base });
        moved.add(producer.id);
      }
      return { status: 'appended', base };
    });

    if (highWatermark === row.highWatermark) return { outcomes };
    db.run(
      'UPDATE partitions SET high_watermark = ?, running_max = ?, running_bytes = ? WHERE key = ?',
      highWatermark,
      runningMax,
      runningBytes,
      row.key,
    );
    for (const id of moved) writeProducer(row.key, id, producers.get(id)!);
    const { logStart, frontier, generation, floor } = row;
    const head = { highWatermark, logStart, frontier, generation, floor, bytes: runningBytes, trimmed: logStart };
    return { outcomes, head };
  };

  function store(partition: number, base: number, running: Running, appended: NewEntry): void {
    const entry = toEntry(appended);
    insertEntry(db, partition, 0, base, running, entry);
    if (entry.place === 'chunk' && appended.bytes) {
      const sql = 'INSERT INTO chunks (partition, id, bytes) VALUES (?, ?, ?)';
      db.run(sql, partition, idBytes(entry.id), appended.bytes);
    }
  }

  function judge(
    partition: number,
    known: Producer | undefined,
    { id, epoch, sequence }: ProducerBatch,
    count: number,
  ): AppendOutcome | 'next' {
    if (!known) return sequence === 0 ? 'next' : { status: 'refused', code: 'UNKNOWN_PRODUCER_ID' };
    if (epoch < known.epoch) return { status: 'refused', code: 'INVALID_PRODUCER_EPOCH' };
    if (epoch > known.epoch) {
      return sequence === 0 ? 'next' : { status: 'refused', code: 'OUT_OF_ORDER_SEQUENCE_NUMBER' };
    }
    if (sequence === known.next) return 'next';
    if (sequence === known.sequence && (sequence + count) % SEQUENCES === known.next) {
      return { status: 'duplicate', base: known.base };
    }
    const behind = (known.next - sequence + SEQUENCES) % SEQUENCES;
    // What was appended in part only is no repeat: taken for one, the rest of it would be lost.
    if (behind > SEQUENCES / 2 || behind < count) return { status: 'refused', code: 'OUT_OF_ORDER_SEQUENCE_NUMBER' };
    const older = db.get<{ base: number }>(
      `SELECT base FROM entries WHERE partition = ? AND producer = ? AND epoch = ? AND sequence = ? AND count = ?
         AND layer = 0 ORDER BY base DESC LIMIT 1`,
      partition,
      id,
      epoch,
      sequence,
      count,
    );
    return older ? { status: 'duplicate', base: older.base } : { status: 'refused', code: 'DUPLICATE_SEQUENCE_NUMBER' };
  }

  function readProducer(partition: number, id: number): Producer | undefined {
    const sql = 'SELECT epoch, sequence, next, base FROM producers WHERE partition = ? AND id = ?';
    return db.get<Producer>(sql, partition, id);
  }

  function writeProducer(partition: number, id: number, { epoch, sequence, next, base }: Producer): void {
    db.run(
      `INSERT INTO producers (partition, id, epoch, sequence, next, base, seen) VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET epoch = excluded.epoch, sequence = excluded.sequence, next = excluded.next,
         base = excluded.base, seen = excluded.seen`,
      partition,
      id,
      epoch,
      sequence,
      next,
      base,
      now(),
    );
  }
}
