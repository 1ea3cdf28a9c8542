import { VarveError } from '../../../errors.ts';
import type { Head, Run, TopicIdPartition } from '../partitions.ts';
import type { Database } from './database.ts';
import { APPENDED, insertEntry } from './entries.ts';
import { type HeadRow, headRow } from './heads.ts';

export function openCompaction(db: Database) {
  return { advanceFrontier, replaceIndex };

  function advanceFrontier(of: TopicIdPartition, head: Head, run: Run): boolean {
    const row = unmoved(of, head);
    if (!row) return false;
    const frontier = insertRuns(row, row.layer, row.frontier, [run]);
    if (frontier > row.highWatermark) throw misplaced(`it ends at ${frontier}, past the high watermark`);
    db.run('UPDATE partitions SET frontier = ? WHERE key = ?', frontier, row.key);
    markDeleted(row.key, APPENDED, frontier);
    return true;
  }

  function replaceIndex(of: TopicIdPartition, head: Head, generation: string, runs: readonly Run[]): boolean {
    const row = unmoved(of, head);
    if (!row) return false;
    const layer = row.layer + 1;
    const end = insertRuns(row, layer, runs[0]?.base ?? row.frontier, runs);
    if (end !== row.frontier) throw misplaced(`it ends at ${end}, the frontier is ${row.frontier}`);
    db.run('UPDATE partitions SET layer = ?, generation = ? WHERE key = ?', layer, generation, row.key);
    markDeleted(row.key, row.layer, row.frontier);
    return true;
  }

  function unmoved(of: TopicIdPartition, head: Head): HeadRow | undefined {
    const row = headRow(db, of);
    return row && row.frontier === head.frontier && row.generation === head.generation ? row : undefined;
  }

  /** Answers the offset after the last entry. */
  function insertRuns(row: HeadRow, layer: number, start: number, runs: readonly Run[]): number {
    const last = db.get<{ running_max: number; running_bytes: number }>(
      'SELECT running_max, running_bytes FROM entries WHERE partition = ? AND layer = ? ORDER BY base DESC LIMIT 1',
      row.key,
      layer,
    );
    let max = last?.running_max ?? -1;
    let bytes = last?.running_bytes ?? 0;
    let offset = start;
    for (const run of runs) {
      if (run.base !== offset) throw misplaced(`it begins at ${run.base} instead of ${offset}`);
      for (const entry of run.entries) {
        max = Math.max(max, entry.maxTimestamp);
        bytes += entry.length;
        insertEntry(db, row.key, layer, offset, { max, bytes }, entry);
        offset += entry.count;
      }
    }
    return offset;
  }

  function markDeleted(partition: number, layer: number, below: number): void {
    db.run('INSERT INTO deletions (partition, layer, below) VALUES (?, ?, ?)', partition, layer, below);
  }
}

function misplaced(why: string): VarveError {
  return new VarveError('INVALID_REQUEST', `A run of compacted entries does not fit: ${why}.`);
}
