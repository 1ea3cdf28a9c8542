import type { TopicIdPartition } from '../partitions.ts';
import { type Engine, forEach, insist, obtain, scan } from './engine.ts';
import { CHUNK_KEYS, chunks, DELETIONS, END, key, START } from './keys.ts';
import type { Item } from './table.ts';
import { deleteItems } from './trim.ts';

/**
 * What deleted topics leave. The record of a deletion has `name`, `partitions`, `at` (when), and, as the work goes on, `gone`: the
 * heads are, and `next`: the partitions below it too. Anyone goes on where another stopped; doing it twice is no harm.
 */

/** Items that one call deletes, about, and partitions that it looks through. */
const STEP_ITEMS = 1_000;
const STEP_PARTITIONS = 32;
const PAGE = 100;
const WIDTH = 16;

export async function purge(engine: Engine, before: number): Promise<boolean> {
  for await (const record of scan(engine, { pk: DELETIONS, from: START, to: END, consistent: true })) {
    if (record.gone === undefined) await finishHeads(engine, record);
    if (Number(record.at) > before) continue;
    if (await purgeTopic(engine, record)) return true;
  }
  return false;
}

/** Whoever deleted the topic may have ended before its heads were gone. */
async function finishHeads(engine: Engine, record: Item): Promise<void> {
  const topicId = record.sk as string;
  await deleteHeads(engine, topicId, 0, Number(record.partitions));
  await note(engine, topicId, 'gone', 1);
}

/** True when it is not done. */
async function purgeTopic(engine: Engine, record: Item): Promise<boolean> {
  const topicId = record.sk as string;
  const count = Number(record.partitions);
  const first = Number(record.next ?? 0);
  const budget = { items: STEP_ITEMS };
  for (let partition = first; partition < count; partition += 1) {
    if (partition - first === STEP_PARTITIONS || !(await wipe(engine, { topicId, partition }, budget))) {
      await note(engine, topicId, 'next', partition);
      return true;
    }
  }
  await insist(engine, () => engine.table.delete({ key: key.deletion(topicId) }));
  return false;
}

/** Whether nothing of the partition is left. */
async function wipe(engine: Engine, at: TopicIdPartition, budget: { items: number }): Promise<boolean> {
  const keys = [key.head(at).pk, ...Array.from({ length: CHUNK_KEYS }, (_, n) => chunks(at, n))];
  let isClean = true;
  await forEach(keys, WIDTH, async (pk) => {
    while (budget.items > 0) {
      const { items } = await obtain(engine, () => engine.table.query({ pk, from: START, to: END, limit: PAGE }));
      if (items.length === 0) return;
      budget.items -= items.length;
      await deleteItems(
        engine,
        items.map(({ sk }) => ({ pk, sk: sk as string })),
      );
    }
    isClean = false;
  });
  return isClean;
}

async function note(engine: Engine, topicId: string, name: 'gone' | 'next', value: number): Promise<void> {
  await insist(engine, () =>
    engine.table.update({
      key: key.deletion(topicId),
      update: 'SET #name = :value',
      condition: 'attribute_exists(pk)',
      names: { '#name': name },
      values: { ':value': value },
    }),
  );
}

export async function deleteHeads(engine: Engine, topicId: string, from: number, to: number): Promise<void> {
  const partitions = Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i);
  await forEach(partitions, WIDTH, (partition) =>
    insist(engine, () => engine.table.delete({ key: key.head({ topicId, partition }) })),
  );
}
