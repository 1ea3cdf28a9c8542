import { decodeBatch, encodeBatch, readHeader } from '../../../lib/format/records/batch.ts';
import { compactedName } from '../../../lib/format/segments/names.ts';
import { buildSegment, type SegmentBatch } from '../../../lib/format/segments/segment.ts';
import { timeId } from '../../../lib/ids.ts';
import { createBatches, type Located } from '../../../lib/log/batches.ts';
import { seal } from '../../../lib/log/sealed.ts';
import type { Entry, Head, Run, TopicIdPartition } from '../../../lib/stores/catalog/partitions.ts';
import type { Stores } from './stores.ts';

/** A batch as it will lie in a level-1 segment. */
type Compacted = SegmentBatch & { baseOffset: number; entry: Omit<Entry, 'id' | 'position'> };

const MAX_ENTRIES = 40;

/** Moves the frontier over some of the entries above it. */
export async function compact(stores: Stores, of: TopicIdPartition): Promise<void> {
  const { partitions } = stores.catalog;
  const head = await partitions.head(of);
  if (!head || head.highWatermark <= Math.max(head.frontier, head.logStart)) return;
  const batches = await collect(stores, of, head, Math.max(head.frontier, head.logStart), head.highWatermark);
  const taken = merged(batches.slice(0, stores.dice.int(1, MAX_ENTRIES)), stores);
  if (taken.length === 0) return;
  const run = await store(stores, of, head.generation, taken);
  // What was deleted between the frontier and the log start is nothing that can be read, but the index has no gaps.
  const gap = taken[0]!.baseOffset - head.frontier;
  const base = head.frontier;
  const entries = gap > 0 ? [{ ...run.entries[0]!, count: gap, maxTimestamp: -1 }, ...run.entries] : run.entries;
  const moved = await partitions.advanceFrontier(of, head, { ...run, base, entries });
  stores.count(moved ? 'frontier moved' : 'frontier moved by another');
}

/** Writes the whole index anew, under a new generation; the old one's segments go when the grace period is over. */
export async function rewrite(stores: Stores, of: TopicIdPartition, afterGrace: () => Promise<void>): Promise<void> {
  const { partitions } = stores.catalog;
  const head = await partitions.head(of);
  if (!head || head.frontier <= head.logStart) return;
  const batches = merged(await collect(stores, of, head, head.logStart, head.frontier), stores);
  if (batches.length === 0) return;
  const generation = Buffer.from(stores.dice.bytes(6)).toString('hex');
  const middle = stores.dice.int(0, batches.length);
  const parts = [batches.slice(0, middle), batches.slice(middle)].filter((part) => part.length > 0);
  const runs: Run[] = [];
  for (const part of parts) runs.push(await store(stores, of, generation, part));
  const replaced = await partitions.replaceIndex(of, head, generation, runs);
  stores.count(replaced ? 'index replaced' : 'index replaced by another');
  if (!replaced) return;
  await afterGrace();
  await deleteGeneration(stores, of, head.generation);
}

async function deleteGeneration({ objects }: Stores, of: TopicIdPartition, generation: string): Promise<void> {
  const mark = `/${of.topicId}_${of.partition}_${generation}_`;
  for (let after = ''; ; ) {
    const page = await objects.list('compacted/', { after });
    if (page.length === 0) return;
    await objects.delete(page.map(({ name }) => name).filter((name) => name.includes(mark)));
    after = page.at(-1)!.name;
  }
}

/** The batches from the one that holds `from` up to `to`, as they are stored now. */
async function collect(
  { catalog, objects }: Stores,
  of: TopicIdPartition,
  head: Head,
  from: number,
  to: number,
): Promise<Compacted[]> {
  const located: Located[] = [];
  for (let offset = from; offset < to; ) {
    const run = await catalog.partitions.find(of, offset, head);
    if (!run) return [];
    let base = run.base;
    for (const entry of run.entries) {
      if (base + entry.count > offset && base < to) {
        located.push({ of, base, entry, run });
        offset = base + entry.count;
      }
      base += entry.count;
    }
  }
  const loaded = await createBatches(catalog.partitions, objects).load(located);
  return located.map(({ entry: { id: _, position: __, bytes: ___, ...entry }, base }, i) => ({
    ...of,
    bytes: loaded[i]!,
    count: entry.count,
    firstTimestamp: readHeader(loaded[i]!).baseTimestamp,
    maxTimestamp: entry.maxTimestamp,
    baseOffset: base,
    entry: { ...entry, place: 'segment' },
  }));
}

/** Some neighbours become one batch, so that entries of the index end elsewhere than those that were appended. */
function merged(batches: readonly Compacted[], { dice }: Stores): Compacted[] {
  const result: Compacted[] = [];
  for (const batch of batches) {
    const last = result.at(-1);
    if (!last || last.entry.producer || batch.entry.producer || dice.chance(0.6)) {
      result.push(batch);
      continue;
    }
    const records = [...decodeBatch(last.bytes), ...decodeBatch(batch.bytes)];
    const { bytes, count, crc, firstTimestamp, maxTimestamp } = seal(
      encodeBatch(records, { baseOffset: last.baseOffset }),
    );
    result[result.length - 1] = {
      ...last,
      bytes,
      count,
      firstTimestamp,
      maxTimestamp,
      entry: { length: bytes.length, crc, count, maxTimestamp, place: 'segment' },
    };
  }
  return result;
}

async function store(
  { objects, clock, dice }: Stores,
  of: TopicIdPartition,
  generation: string,
  batches: readonly Compacted[],
): Promise<Run> {
  const id = timeId(clock.now(), dice.bytes);
  const { parts, positions } = buildSegment(batches, { level: 1 });
  await objects.put(compactedName(of, generation, id), parts);
  return {
    base: batches[0]!.baseOffset,
    level: 1,
    generation,
    entries: batches.map(({ entry }, i) => ({ ...entry, id, position: positions[i]! })),
  };
}
