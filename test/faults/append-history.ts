import { isDeepStrictEqual } from 'node:util';
import type { Clock } from '../../lib/clock.ts';
import { systemRandom, timeId } from '../../lib/ids.ts';
import type { Catalog } from '../../lib/stores/catalog/catalog.ts';
import type { AppendOutcome, Entry, NewEntry, TopicIdPartition } from '../../lib/stores/catalog/partitions.ts';
import { chunkOf } from '../support/chunk.ts';

/** Many writers append to partitions through several processes; afterwards the log is held against what they were told. */

export interface HistoryOptions {
  clock: Clock;
  /** One handle a process. */
  catalogs: readonly Catalog[];
  /** Plain writers append to all of them, a producer to one. */
  partitions: readonly TopicIdPartition[];
  /** Numbers in [0, 1). */
  random: () => number;
  plainWriters: number;
  producers: number;
  /** Above the ids of producers that are somebody else's; default 0. */
  producersFrom?: number;
  /** Calls of each plain writer, of one to three batches; pairs of batches of each producer. */
  appends: number;
}

export interface Told {
  at: TopicIdPartition;
  entry: NewEntry;
  outcome: AppendOutcome;
}

/** Runs the writers; everything that any of them was told. */
export async function writeHistory(options: HistoryOptions): Promise<Told[]> {
  const { clock, catalogs, partitions, random } = options;
  const told: Told[] = [];
  const one = <T>(of: readonly T[]) => of[Math.floor(random() * of.length)]!;
  const pick = () => one(catalogs);
  const newEntry = (producer?: NewEntry['producer']): NewEntry => {
    const bytes = random() < 0.3 ? systemRandom(1 + Math.floor(random() * 600)) : undefined;
    return {
      id: timeId(clock.now(), systemRandom),
      position: bytes ? 0 : Math.floor(random() * 1e6),
      length: bytes?.length ?? 100,
      crc: Math.floor(random() * 2 ** 32),
      count: 1 + Math.floor(random() * 3),
      maxTimestamp: clock.now(),
      ...(bytes && { bytes }),
      ...(producer && { producer }),
    };
  };
  const append = async (at: TopicIdPartition, entries: NewEntry[]) => {
    const { outcomes } = await pick().partitions.append(at, entries);
    for (const [i, outcome] of outcomes.entries()) told.push({ at, entry: entries[i]!, outcome });
    return outcomes;
  };

  const plain = async () => {
    for (let n = 0; n < options.appends; n += 1) {
      await append(
        one(partitions),
        Array.from({ length: 1 + Math.floor(random() * 3) }, () => newEntry()),
      );
    }
  };

  /** Two batches at a time; a quarter of the time through a second process as well; what failed is sent again. */
  const producer = async (id: number) => {
    const at = partitions[id % partitions.length]!;
    let sequence = 0;
    for (let n = 0; n < options.appends; n += 1) {
      const first = newEntry({ id, epoch: 0, sequence });
      const second = newEntry({ id, epoch: 0, sequence: sequence + first.count });
      sequence += first.count + second.count;
      let left = [first, second];
      for (let tries = 0; left.length > 0; tries += 1) {
        if (tries > 100) throw new Error(`producer ${id} got no further: ${JSON.stringify(told.at(-1)?.outcome)}`);
        const batch = left.map((entry) => ({ ...entry, id: timeId(clock.now(), systemRandom) }));
        const both =
          random() < 0.25
            ? append(
                at,
                left.map((entry) => ({ ...entry, id: timeId(clock.now(), systemRandom) })),
              )
            : undefined;
        const outcomes = await append(at, batch);
        await both;
        left = left.filter((_, i) => outcomes[i]!.status !== 'appended' && outcomes[i]!.status !== 'duplicate');
      }
    }
  };

  await Promise.all([
    ...Array.from({ length: options.plainWriters }, plain),
    ...Array.from({ length: options.producers }, (_, i) => producer((options.producersFrom ?? 0) + i + 1)),
  ]);
  return told;
}

export interface Verdict {
  acknowledged: number;
  unknown: number;
  /** Entries that the log holds twice, or batches of a producer. */
  doubled: number;
  /** Acknowledged, and not in the log. */
  lost: number;
  /** In the log, and not where it was told; or there though it was refused; or an answer of a duplicate that is not so. */
  wrong: number;
  /** Batches of a producer that are not in the order of their sequences. */
  disordered: number;
  /** In the log, and not what was sent. */
  altered: number;
}

/** What a verdict must say. */
export const RIGHT = { doubled: 0, lost: 0, wrong: 0, disordered: 0, altered: 0 };

/** Reads all of the partitions and compares. Throws when an offset is not found: offsets are dense. */
export async function judgeHistory(
  catalog: Catalog,
  partitions: readonly TopicIdPartition[],
  told: readonly Told[],
): Promise<Verdict> {
  const verdict: Verdict = { acknowledged: 0, unknown: 0, ...RIGHT };
  for (const at of partitions) {
    const ours = told.filter((one) => one.at.topicId === at.topicId && one.at.partition === at.partition);
    await judgePartition(catalog, at, ours, verdict);
  }
  return verdict;
}

async function judgePartition(catalog: Catalog, at: TopicIdPartition, told: readonly Told[], verdict: Verdict) {
  const sent = new Map(told.map(({ entry }) => [entry.id, entry]));
  const byId = new Map<string, number>();
  const byBatch = new Map<string, number>();
  const next = new Map<number, number>();
  for (const { base, entry } of await walk(catalog, at)) {
    if (byId.has(entry.id)) verdict.doubled += 1;
    byId.set(entry.id, base);
    if (!(await isAsSent(catalog, at, sent.get(entry.id), entry))) verdict.altered += 1;
    if (!entry.producer) continue;
    const { id, sequence } = entry.producer;
    const batch = `${id} ${sequence}`;
    if (byBatch.has(batch)) verdict.doubled += 1;
    byBatch.set(batch, base);
    if (sequence !== (next.get(id) ?? 0)) verdict.disordered += 1;
    next.set(id, sequence + entry.count);
  }
  for (const { entry, outcome } of told) {
    const found = byId.get(entry.id);
    if (outcome.status === 'unknown') verdict.unknown += 1;
    else if (outcome.status === 'appended') {
      verdict.acknowledged += 1;
      if (found === undefined) verdict.lost += 1;
      else if (found !== outcome.base) verdict.wrong += 1;
    } else {
      if (found !== undefined) verdict.wrong += 1;
      if (outcome.status !== 'duplicate') continue;
      verdict.acknowledged += 1;
      const batch = byBatch.get(`${entry.producer!.id} ${entry.producer!.sequence}`);
      if (batch === undefined) verdict.lost += 1;
      else if (batch !== outcome.base) verdict.wrong += 1;
    }
  }
}

async function isAsSent(catalog: Catalog, at: TopicIdPartition, sent: NewEntry | undefined, stored: Entry) {
  if (!sent) return false;
  const { bytes, ...facts } = sent;
  const { place, bytes: inline, ...found } = stored;
  const carried = place === 'chunk' ? await chunkOf(catalog, at, stored.id) : inline;
  const sameBytes = bytes ? carried !== undefined && Buffer.from(bytes).equals(carried) : place === 'segment';
  return sameBytes && isDeepStrictEqual(facts, found);
}

/** Every entry from the log start to the high watermark. */
export async function walk(catalog: Catalog, at: TopicIdPartition): Promise<{ base: number; entry: Entry }[]> {
  const head = await catalog.partitions.head(at);
  if (!head) throw new Error('the partition has no head');
  const found: { base: number; entry: Entry }[] = [];
  for (let offset = head.logStart; offset < head.highWatermark; ) {
    const run = await catalog.partitions.find(at, offset, head);
    if (!run || run.base > offset || run.entries.length === 0) throw new Error(`offset ${offset} was not found`);
    const before = offset;
    let base = run.base;
    for (const entry of run.entries) {
      if (base >= offset) {
        found.push({ base, entry });
        offset = base + entry.count;
      }
      base += entry.count;
    }
    if (base < offset || offset === before) throw new Error(`no entry begins at offset ${offset}`);
  }
  return found;
}
