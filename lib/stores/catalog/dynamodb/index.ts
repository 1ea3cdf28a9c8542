import { VarveError } from '../../../errors.ts';
import type { Head, Run, TopicIdPartition } from '../partitions.ts';
import { type Engine, first, insist } from './engine.ts';
import { encodeEntry } from './entry.ts';
import { moveHead } from './head.ts';
import { key } from './keys.ts';
import { endOf, maxTimestampOf, putRun, runningMax } from './runs.ts';

/**
 * The index of compacted entries: items under a generation, and the frontier that makes them the truth. No compactor deletes
 * what it wrote, won or lost: an item that was refused may be a loser's, with true facts.
 */

/** DynamoDB's items end at 400 KB. */
const ITEM_BYTES = 380_000;

/** Exactly one item a commit: a loser's second item could take the key of the winner's. */
export async function advanceFrontier(engine: Engine, at: TopicIdPartition, head: Head, run: Run): Promise<boolean> {
  const { frontier, generation } = head;
  const end = endOf(run);
  if (run.base !== frontier || end === frontier) {
    throw new VarveError(
      'INVALID_REQUEST',
      'The run must begin at the frontier and hold an entry; plan the compaction again.',
    );
  }
  const before = await first(engine, {
    pk: key.head(at).pk,
    from: key.index(at, generation, 0).sk,
    to: key.index(at, generation, frontier).sk,
    descending: true,
    consistent: true,
  });
  await putIndex(engine, at, generation, run, before ? runningMax(before) : -1);
  const { moved, again, item } = await moveHead(engine, at, {
    update: 'SET c = :new',
    condition: 'c = :old AND cg = :g',
    values: { ':new': end, ':old': frontier, ':g': generation },
  });
  return moved || (again && item?.head.frontier === end && item.head.generation === generation);
}

export async function replaceIndex(
  engine: Engine,
  at: TopicIdPartition,
  head: Head,
  generation: string,
  runs: readonly Run[],
): Promise<boolean> {
  const { frontier } = head;
  const gap = runs.some((run, i) => endOf(run) !== (runs[i + 1]?.base ?? frontier));
  if (gap || (runs.length === 0 && frontier > head.logStart)) {
    throw new VarveError('INVALID_REQUEST', 'The runs must adjoin and end at the frontier; plan the rewrite again.');
  }
  let max = -1;
  for (const run of runs) {
    await putIndex(engine, at, generation, run, max);
    max = Math.max(max, maxTimestampOf(run));
  }
  const { moved, again, item } = await moveHead(engine, at, {
    update: 'SET cg = :new',
    condition: 'c = :c AND cg = :old',
    values: { ':new': generation, ':c': frontier, ':old': head.generation },
  });
  return moved || (again && item?.head.frontier === frontier && item.head.generation === generation);
}

async function putIndex(engine: Engine, at: TopicIdPartition, generation: string, run: Run, maxBefore: number) {
  const wire = run.entries.map((entry) => encodeEntry(entry, entry.place));
  if (wire.reduce((sum, bytes) => sum + bytes.length + 1, 0) > ITEM_BYTES) {
    throw new VarveError('INVALID_REQUEST', 'The run is too long for one index item; compact fewer entries at a time.');
  }
  await insist(engine, () => engine.table.put(putRun(key.index(at, generation, endOf(run) - 1), run, wire, maxBefore)));
}
