import { randomUUID } from 'node:crypto';
import { expect } from 'vitest';
import { systemRandom, type TimeId, timeId } from '../../../lib/ids.ts';
import type { Catalog } from '../../../lib/stores/catalog/catalog.ts';
import type {
  Entry,
  Head,
  NewEntry,
  ProducerBatch,
  References,
  Run,
  TopicIdPartition,
} from '../../../lib/stores/catalog/partitions.ts';
import type { Topic } from '../../../lib/stores/catalog/topics.ts';
import { chunkOf } from '../../support/chunk.ts';
import type { TravelClock } from '../../support/clock.ts';

/** What the contract's tests share: the catalog under test, and words to say what happens to it. */
export interface Subject {
  clock: TravelClock;
  catalog: Catalog;
  /** A second handle on the same data where the engine allows one, else the same. */
  another(): Promise<Catalog>;
  /** The same data after close and open where the engine keeps data, else the same. */
  reopen(): Promise<Catalog>;
}

let names = 0;

export function freshName(prefix: string): string {
  names += 1;
  return `${prefix}-${String(names).padStart(5, '0')}-${randomUUID().slice(0, 8)}`;
}

export async function createTopic({ catalog, clock }: Subject, partitions = 1, name = freshName('t')): Promise<Topic> {
  const topic = await catalog.topics.create({ name, id: randomUUID(), partitions, config: {}, created: clock.now() });
  if (topic === 'taken') throw new Error(`topic name ${name} is taken`);
  return topic;
}

/** Partition 0 of a new topic. */
export async function createPartition(subject: Subject): Promise<TopicIdPartition> {
  return { topicId: (await createTopic(subject)).id, partition: 0 };
}

export function newId({ clock }: Pick<Subject, 'clock'>): TimeId {
  return timeId(clock.now(), systemRandom);
}

/** A batch in a segment, unless told otherwise. */
export function newEntry(subject: Pick<Subject, 'clock'>, facts: Partial<NewEntry> = {}): NewEntry {
  const random = systemRandom(8);
  return {
    id: newId(subject),
    position: facts.bytes ? 0 : (random[0]! << 16) | (random[1]! << 8) | random[2]!,
    length: facts.bytes?.length ?? 61 + random[3]!,
    crc: Buffer.from(random).readUInt32BE(4),
    count: 1,
    maxTimestamp: subject.clock.now(),
    ...facts,
  };
}

export function producerEntry(
  subject: Pick<Subject, 'clock'>,
  id: number,
  epoch: number,
  sequence: number,
  facts: Partial<NewEntry> = {},
): NewEntry {
  const producer: ProducerBatch = { id, epoch, sequence };
  return newEntry(subject, { producer, ...facts });
}

/** Appends and expects every entry to be accepted; answers their offsets. */
export async function append(catalog: Catalog, to: TopicIdPartition, entries: readonly NewEntry[]): Promise<number[]> {
  const { outcomes } = await catalog.partitions.append(to, entries);
  return outcomes.map((outcome) => {
    expect(outcome).toMatchObject({ status: 'appended' });
    return outcome.status === 'appended' ? outcome.base : Number.NaN;
  });
}

export async function headOf(catalog: Catalog, of: TopicIdPartition): Promise<Head> {
  const head = await catalog.partitions.head(of);
  if (!head) throw new Error('the partition has no head');
  return head;
}

export interface Found {
  base: number;
  entry: Entry;
  level: 0 | 1;
  generation?: string;
}

/** A run's entries, each with its offset. */
function entriesIn({ base, entries, level, generation }: Run): Found[] {
  let next = base;
  return entries.map((entry) => {
    const found = { base: next, entry, level, ...(generation !== undefined && { generation }) };
    next += entry.count;
    return found;
  });
}

/** The entries from the one at `offset` to the end of the run that was found. */
async function findFrom(catalog: Catalog, of: TopicIdPartition, offset: number, head: Head): Promise<Found[]> {
  const run = await catalog.partitions.find(of, offset, head);
  if (!run) throw new Error(`offset ${offset} was not found`);
  const entries = entriesIn(run).filter((found) => found.base + found.entry.count > offset);
  if (run.base > offset || entries.length === 0) throw new Error(`a run from ${run.base} lacks offset ${offset}`);
  return entries;
}

/** The entry at an offset, by a given head. */
export async function findEntry(catalog: Catalog, of: TopicIdPartition, offset: number, head: Head): Promise<Found> {
  return (await findFrom(catalog, of, offset, head))[0]!;
}

/** Every entry from the log start to the high watermark. */
export async function entriesOf(catalog: Catalog, of: TopicIdPartition): Promise<Found[]> {
  const head = await headOf(catalog, of);
  const found: Found[] = [];
  for (let offset = head.logStart; offset < head.highWatermark; ) {
    const run = await findFrom(catalog, of, offset, head);
    found.push(...run);
    offset = run.at(-1)!.base + run.at(-1)!.entry.count;
  }
  return found;
}

/** Whether a reachable entry points to the level-0 segment. */
export async function refers(catalog: Catalog, of: TopicIdPartition, id: TimeId): Promise<boolean> {
  return (await referencesOf(catalog, of)).segments.includes(id);
}

/** All steps of `references` together. */
export async function referencesOf(catalog: Catalog, of: TopicIdPartition) {
  const segments: TimeId[] = [];
  const chunks: TimeId[] = [];
  for (let from: number | undefined = 0; from !== undefined; ) {
    const step: References = await catalog.partitions.references(of, from);
    segments.push(...step.segments);
    if (step.oldestChunk !== undefined) chunks.push(step.oldestChunk);
    from = step.next;
  }
  return { segments, oldestChunk: chunks.sort()[0] };
}

/** The stored entry states the same facts as the one that was appended; its bytes are compared where the catalog carries them. */
export async function expectSame(catalog: Catalog, of: TopicIdPartition, stored: Entry, appended: NewEntry) {
  const { place, bytes, ...facts } = stored;
  const { bytes: expected, ...expectedFacts } = appended;
  expect(facts).toEqual(expectedFacts);
  if (expected === undefined) {
    expect({ place, bytes }).toEqual({ place: 'segment', bytes: undefined });
  } else {
    expect(place).not.toBe('segment');
    const carried = place === 'inline' ? bytes : await chunkOf(catalog, of, stored.id);
    expect(carried && Buffer.from(carried).equals(expected)).toBe(true);
  }
}

/** Level-1 entries, one for each entry given, under new ids and otherwise the same facts: what a compaction would commit. */
export function compacted(subject: Pick<Subject, 'clock'>, found: readonly Found[]): Run {
  const id = newId(subject);
  const entries = found.map(({ entry: { bytes: _, ...facts } }, i): Entry => {
    return { ...facts, id, position: i * 1_000, place: 'segment' };
  });
  return { base: found[0]!.base, entries, level: 1 };
}

export function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, key: Math.random() }))
    .sort((a, b) => a.key - b.key)
    .map(({ item }) => item);
}
