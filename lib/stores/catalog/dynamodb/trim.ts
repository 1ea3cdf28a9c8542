import type { TimeId } from '../../../ids.ts';
import type { TopicIdPartition } from '../partitions.ts';
import { type Engine, forEach, insist, obtain } from './engine.ts';
import { between, index, pages } from './find.ts';
import { type HeadItem, moveHead, readHead } from './head.ts';
import { CHUNK_KEYS, chunks, key, START } from './keys.ts';
import { roll } from './roll.ts';
import { placed } from './runs.ts';
import type { Key } from './table.ts';

/** Deletes items that nobody can reach any more. Any of it may be done twice, by many, and at any time later. */

/** Runs, or chunks of one key, that one step deletes. */
const STEP_RUNS = 25;
const STEP_CHUNKS = 100;
const WIDTH = 8;

export async function trim(engine: Engine, at: TopicIdPartition): Promise<boolean> {
  const item = await readHead(engine, at);
  if (!item || item.head.trimmed >= item.head.logStart) return false;
  const { logStart, generation } = item.head;
  // Chunks are found by their page, so those of an idle tail need one. The roll writes what is reachable and what is not.
  if (holdsChunkBelow(item, logStart)) await roll(engine, at, item);
  for (const shelf of [pages(at), index(at, generation)]) {
    const below = { ...between(shelf, 0, logStart - 1), consistent: true, limit: STEP_RUNS };
    const { items, after } = await obtain(engine, () => engine.table.query(below));
    for (const one of items) {
      const carried = shelf.decode(one).entries.filter(({ place }) => place === 'chunk');
      // Before the page, which alone names them.
      await deleteItems(
        engine,
        carried.map(({ id }) => key.chunk(at, id)),
      );
      await deleteItems(engine, [{ pk: one.pk as string, sk: one.sk as string }]);
    }
    if (after !== undefined) return true;
  }
  // So that the next one need not look. A page that a frozen roller still writes below is found when the log start rises again.
  await moveHead(engine, at, { update: 'SET lt = :to', condition: 'lt < :to', values: { ':to': logStart } });
  return false;
}

function holdsChunkBelow({ head }: HeadItem, logStart: number): boolean {
  for (const { base, entry } of placed(head.tail)) {
    if (entry.place === 'chunk' && base + entry.count <= logStart) return true;
  }
  return false;
}

export async function dropChunks(engine: Engine, at: TopicIdPartition, before: TimeId): Promise<boolean> {
  // The trim that is due deletes most of them by their pages, and to delete again what is gone costs as much.
  const item = await readHead(engine, at);
  if (item && item.head.trimmed < item.head.logStart) return false;
  let more = false;
  const keys = Array.from({ length: CHUNK_KEYS }, (_, n) => chunks(at, n));
  await forEach(keys, WIDTH, async (pk) => {
    const query = { pk, from: START, to: before, limit: STEP_CHUNKS };
    const { items, after } = await obtain(engine, () => engine.table.query(query));
    const old = items.map(({ sk }) => sk as string).filter((sk) => sk < before);
    await deleteItems(
      engine,
      old.map((sk) => ({ pk, sk })),
    );
    if (after !== undefined && old.length > 0) more = true;
  });
  return more;
}

export async function deleteItems(engine: Engine, keys: readonly Key[]): Promise<void> {
  await forEach(keys, WIDTH, (one) => insist(engine, () => engine.table.delete({ key: one })));
}
