import pLimit from 'p-limit';
import { VarveError } from '../../../errors.ts';
import type { TimeId } from '../../../ids.ts';
import type { Head, ProducerBatch, References, Run, TopicIdPartition } from '../partitions.ts';
import { backOff, type Engine, first, obtain, scan } from './engine.ts';
import { type HeadItem, readHead } from './head.ts';
import { key } from './keys.ts';
import { covers, decodeRun, endOf, placed, runningMax } from './runs.ts';
import type { Item, Key } from './table.ts';

/** Where entries are: in the tail, in pages above the frontier, in the index below it. */

/** Rolls and compaction move entries while one looks; each look goes by a newer head. */
const LOOKS = 5;
/** Pages that are searched for an old batch of a producer, newest first. Clients have at most five batches in flight. */
const PAGES_BACK = 500;

/** Pages in a step of `references`: at most the 1 MB of a query. */
const STEP_PAGES = 500;

/** One of the two places where runs are items of their own: their keys, and what their items decode to. */
export interface Shelf {
  key(last: number): Key;
  decode(item: Item): Run;
}

export const pages = (at: TopicIdPartition): Shelf => ({
  key: (last) => key.page(at, last),
  decode: (item) => decodeRun(item, { level: 0 }),
});

export const index = (at: TopicIdPartition, generation: string): Shelf => ({
  key: (last) => key.index(at, generation, last),
  decode: (item) => decodeRun(item, { level: 1, generation }),
});

/** Runs with a last offset in [from, to]. */
export function between(shelf: Shelf, from: number, to: number) {
  const { pk, sk } = shelf.key(from);
  return { pk, from: sk, to: shelf.key(to).sk };
}

export async function find(engine: Engine, at: TopicIdPartition, offset: number, seen: Head): Promise<Run | undefined> {
  let head: Head | undefined = seen;
  for (let look = 1; look <= LOOKS; look += 1) {
    if (!head || offset < head.logStart || offset >= head.highWatermark) return undefined;
    const below = offset < head.frontier;
    if (!below && offset >= head.tail.base) return head.tail;
    const shelf: Shelf = below ? index(at, head.generation) : pages(at);
    // A cached head may name a generation that is gone, and an eventually consistent read miss a page.
    for (const consistent of look === 1 ? [false, true] : [true]) {
      const { pk, sk } = shelf.key(offset);
      const item = await first(engine, { pk, from: sk, to: shelf.key(Number.MAX_SAFE_INTEGER).sk, consistent });
      const run = item && shelf.decode(item);
      if (run && covers(run, offset)) return run;
    }
    if (look > 1) await backOff(engine, look);
    head = (await readHead(engine, at))?.head;
  }
  throw new VarveError(
    'KAFKA_STORAGE_ERROR',
    'An offset is neither in the tail, nor in a page, nor in the index; verify the log.',
  );
}

export async function findTimestamp(engine: Engine, at: TopicIdPartition, timestamp: number): Promise<Run | undefined> {
  for (let look = 1; ; look += 1) {
    const head = (await readHead(engine, at))?.head;
    if (!head) return undefined;
    const { logStart, frontier, generation, tail } = head;
    const found =
      (await firstReaching(engine, index(at, generation), logStart, frontier, timestamp)) ??
      (await firstReaching(engine, pages(at), Math.max(logStart, frontier), tail.base, timestamp)) ??
      reaching(tail, Math.max(logStart, frontier), timestamp);
    if (found?.level === 0) return found;
    // The index of that generation may be on its way out: what it did not show counts only while it is the index.
    const after = (await readHead(engine, at))?.head;
    if (found || (after?.generation === generation && after.frontier === frontier) || look === LOOKS) return found;
  }
}

/** The first entry at or after `from` that reaches the timestamp, as a run of its own. */
function reaching(run: Run, from: number, timestamp: number): Run | undefined {
  const { before: _, ...where } = run;
  for (const { base, entry } of placed(run)) {
    if (base + entry.count > from && entry.maxTimestamp >= timestamp) return { ...where, base, entries: [entry] };
  }
  return undefined;
}

/** The same in [from, to) of a shelf: by running max timestamps, and onward by own ones where an earlier outlier misled. */
async function firstReaching(
  engine: Engine,
  shelf: Shelf,
  from: number,
  to: number,
  timestamp: number,
): Promise<Run | undefined> {
  let low = from;
  let high = to;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const item = await first(engine, { ...between(shelf, middle, to - 1), consistent: true });
    if (!item) return undefined;
    if (runningMax(item) >= timestamp) high = middle;
    else low = endOf(shelf.decode(item));
  }
  if (low >= to) return undefined;
  const onward = {
    ...between(shelf, low, to - 1),
    consistent: true,
    filter: 'm >= :timestamp',
    values: { ':timestamp': timestamp },
  };
  for await (const item of scan(engine, onward)) {
    const run = reaching(shelf.decode(item), from, timestamp);
    if (run) return run;
  }
  return undefined;
}

/**
 * A step's pages are one request, and the head comes before them: an entry moves from the tail into a page, at the same offset,
 * so what is walked in the order of offsets is never missed.
 */
export async function references(engine: Engine, at: TopicIdPartition, from: number): Promise<References> {
  const head = (await readHead(engine, at))?.head;
  if (!head) return { segments: [] };
  const { logStart, frontier, tail } = head;
  const start = Math.max(from, logStart, frontier);
  const found: References = { segments: [] };
  const note = (run: Run) => {
    for (const { base, entry } of placed(run)) {
      if (base + entry.count <= start) continue;
      if (entry.place === 'segment') found.segments.push(entry.id);
      else if (entry.place === 'chunk' && !(found.oldestChunk !== undefined && found.oldestChunk < entry.id)) {
        found.oldestChunk = entry.id;
      }
    }
  };
  if (start < tail.base) {
    const query = { ...between(pages(at), start, tail.base - 1), consistent: true, limit: STEP_PAGES };
    const { items, after } = await obtain(engine, () => engine.table.query(query));
    const runs = items.map((item) => pages(at).decode(item));
    for (const run of runs) note(run);
    const last = runs.at(-1);
    if (after !== undefined && last) return { ...found, next: endOf(last) };
  }
  note(tail);
  return found;
}

/** The base offset of an entry that lies in [from, tail), by its stored bytes; `unknown` when pages that would tell are gone. */
export async function findInPages(
  engine: Engine,
  at: TopicIdPartition,
  from: number,
  head: Head,
  id: TimeId,
  position: number,
): Promise<number | undefined | 'unknown'> {
  let seen = from;
  if (from < head.tail.base) {
    for await (const item of scan(engine, { ...between(pages(at), from, head.tail.base - 1), consistent: true })) {
      const run = pages(at).decode(item);
      if (run.base > seen) return 'unknown';
      seen = Math.max(seen, endOf(run));
      const base = baseOf(run, id, position);
      if (base !== undefined) return base;
    }
    if (seen < head.tail.base) return 'unknown';
  }
  return baseOf(head.tail, id, position);
}

function baseOf(run: Run, id: TimeId, position: number): number | undefined {
  for (const { base, entry } of placed(run)) if (entry.id === id && entry.position === position) return base;
  return undefined;
}

/** The base offset of an older batch of a producer whose last batch begins at `last`; undefined when it is too far back. */
export async function findBatch(
  engine: Engine,
  at: TopicIdPartition,
  { head }: HeadItem,
  batch: ProducerBatch,
  last: number,
): Promise<number | undefined> {
  const inRun = (run: Run) => {
    for (const { base, entry } of placed(run)) {
      const { producer } = entry;
      if (producer?.id === batch.id && producer.epoch === batch.epoch && producer.sequence === batch.sequence)
        return base;
    }
    return undefined;
  };
  const inTail = inRun(head.tail);
  if (inTail !== undefined || last < head.logStart) return inTail;
  const shelf = pages(at);
  const { pk, sk } = shelf.key(last);
  const around = await first(engine, { pk, from: sk, to: shelf.key(Number.MAX_SAFE_INTEGER).sk, consistent: true });
  const found = around && inRun(shelf.decode(around));
  if (found !== undefined || last === 0) return found;
  const back = { ...between(shelf, 0, last - 1), descending: true, limit: PAGES_BACK, consistent: true };
  for await (const item of scan(engine, back)) {
    const base = inRun(shelf.decode(item));
    if (base !== undefined) return base;
  }
  return undefined;
}

/** Chunks that one call asks for at the same time. */
const CHUNKS_AT_ONCE = 16;

export function readChunks(engine: Engine, at: TopicIdPartition, ids: readonly TimeId[]) {
  return pLimit(CHUNKS_AT_ONCE).map(ids, (id) => readChunk(engine, at, id));
}

async function readChunk(engine: Engine, at: TopicIdPartition, id: TimeId): Promise<Uint8Array | undefined> {
  for (const consistent of [false, true]) {
    const item = await obtain(engine, () => engine.table.get(key.chunk(at, id), { consistent }));
    if (item) return item.b as Uint8Array;
  }
  return undefined;
}
