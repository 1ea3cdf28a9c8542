import type { Database } from './database.ts';

/** Rows that one step deletes or looks at: a few milliseconds. */
const STEP_ROWS = 400;
/** How long a producer stays known after its last batch. */
const PRODUCER_RETENTION_MS = 7 * 24 * 3_600_000;
const PRODUCER_SWEEP_MS = 3_600_000;

export interface Upkeep {
  /** Deletes a little of what cannot be reached any more, inside the caller's transaction. */
  step(): void;
  /** Whether another step would find something to do. */
  isDue(): boolean;
}

interface Deletion {
  key: number;
  partition: number;
  layer: number | null;
  below: number;
}

export function openUpkeep(db: Database, now: () => number): Upkeep {
  const nextDeletion = () => db.get<Deletion>('SELECT * FROM deletions ORDER BY key LIMIT 1');
  /** Where the sweep over producers stands; undefined between two. */
  let sweep: { partition: number; id: number } | undefined;
  let nextSweep = 0;

  return {
    isDue: () => nextDeletion() !== undefined || sweep !== undefined || now() >= nextSweep,

    step() {
      const deletion = nextDeletion();
      if (!deletion) return sweepProducers();
      const isDone = deletion.layer === null ? deletePartition(deletion.partition) : deleteEntries(deletion);
      if (isDone) db.run('DELETE FROM deletions WHERE key = ?', deletion.key);
    },
  };

  function deletePartition(partition: number): boolean {
    const sql = 'SELECT layer FROM entries WHERE partition = ? ORDER BY layer LIMIT 1';
    const left = db.get<{ layer: number }>(sql, partition);
    if (left) {
      deleteEntries({ partition, layer: left.layer, below: Number.MAX_SAFE_INTEGER });
      return false;
    }
    const producers = db.run(
      `DELETE FROM producers WHERE partition = ? AND id IN
         (SELECT id FROM producers WHERE partition = ? ORDER BY id LIMIT ${STEP_ROWS})`,
      partition,
      partition,
    );
    return producers < STEP_ROWS;
  }

  /** With their chunks; true when none is left. */
  function deleteEntries({ partition, layer, below }: Omit<Deletion, 'key'>): boolean {
    const rows = db.all<{ base: number; id: Uint8Array; isChunk: number }>(
      `SELECT base, id, place = 2 AS isChunk FROM entries WHERE partition = ? AND layer = ? AND base < ?
       ORDER BY base LIMIT ${STEP_ROWS}`,
      partition,
      layer,
      below,
    );
    for (const row of rows) {
      if (row.isChunk) db.run('DELETE FROM chunks WHERE partition = ? AND id = ?', partition, row.id);
    }
    const last = rows.at(-1);
    if (last) {
      db.run('DELETE FROM entries WHERE partition = ? AND layer = ? AND base <= ?', partition, layer, last.base);
    }
    return rows.length < STEP_ROWS;
  }

  function sweepProducers(): void {
    if (!sweep) {
      if (now() < nextSweep) return;
      nextSweep = now() + PRODUCER_SWEEP_MS;
    }
    const from = sweep ?? { partition: -1, id: -1 };
    const rows = db.all<{ partition: number; id: number; seen: number }>(
      `SELECT partition, id, seen FROM producers WHERE (partition, id) > (?, ?)
       ORDER BY partition, id LIMIT ${STEP_ROWS}`,
      from.partition,
      from.id,
    );
    for (const { partition, id, seen } of rows) {
      if (seen < now() - PRODUCER_RETENTION_MS) {
        db.run('DELETE FROM producers WHERE partition = ? AND id = ?', partition, id);
      }
    }
    sweep = rows.length < STEP_ROWS ? undefined : rows.at(-1);
  }
}
