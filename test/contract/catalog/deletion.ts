import { describe, expect, it } from 'vitest';
import { systemRandom, timeId } from '../../../lib/ids.ts';
import type { Catalog } from '../../../lib/stores/catalog/catalog.ts';
import type { NewEntry, Run, TopicIdPartition } from '../../../lib/stores/catalog/partitions.ts';
import { chunkOf } from '../../support/chunk.ts';
import {
  append,
  compacted,
  createPartition,
  createTopic,
  entriesOf,
  expectSame,
  headOf,
  newEntry,
  referencesOf,
  type Subject,
} from './subject.ts';

const MANY = 300;

export function deletionContract(subject: () => Subject): void {
  /** Entries in turn in a segment, inline and in a chunk. */
  const mixed = (n: number): NewEntry[] =>
    Array.from({ length: n }, (_, i) =>
      newEntry(subject(), i % 3 === 0 ? { count: 2 } : { count: 2, bytes: systemRandom(i % 3 === 1 ? 100 : 700) }),
    );

  async function appendMixed(at: TopicIdPartition, n: number): Promise<NewEntry[]> {
    const entries = mixed(n);
    for (let i = 0; i < n; i += 20) await append(subject().catalog, at, entries.slice(i, i + 20));
    return entries;
  }

  const trimAll = async (catalog: Catalog, at: TopicIdPartition) => {
    while (await catalog.partitions.trim(at));
  };
  /** SQLite deletes by itself, when nothing else is to do. */
  const gone = (catalog: Catalog, at: TopicIdPartition, { id }: NewEntry) =>
    expect.poll(() => chunkOf(catalog, at, id), { timeout: 20_000 }).toBeUndefined();
  const chunksOf = (entries: readonly NewEntry[]) => entries.filter(({ bytes }) => bytes && bytes.length > 300);

  describe('the bytes of a partition', () => {
    it('are counted up to every run, wherever it is, and never less for what is deleted', async () => {
      const { catalog } = subject();
      const at = await createPartition(subject());
      expect(await headOf(catalog, at)).toMatchObject({ bytes: 0, trimmed: 0 });
      const entries = await appendMixed(at, MANY);
      const bytesBefore = (base: number) => entries.slice(0, base / 2).reduce((sum, { length }) => sum + length, 0);
      const head = await headOf(catalog, at);
      expect(head.bytes).toBe(bytesBefore(MANY * 2));

      const expectCounted = async (from: number) => {
        const seen: Run[] = [];
        for (let offset = from; offset < head.highWatermark; ) {
          const run: Run = (await catalog.partitions.find(at, offset, head))!;
          expect(run.before).toBe(bytesBefore(run.base));
          seen.push(run);
          offset = run.base + 2 * run.entries.length;
        }
        return seen;
      };
      expect((await expectCounted(0)).length).toBeGreaterThan(1);
      await catalog.partitions.raiseLogStart(at, 401);
      await trimAll(catalog, at);

      await expectCounted(401);
      expect((await headOf(catalog, at)).bytes).toBe(head.bytes);
    });
  });

  describe('what entries refer to', () => {
    it('is every segment, and the oldest chunk, of what can be reached', async () => {
      const { catalog } = subject();
      const at = await createPartition(subject());
      const entries = await appendMixed(at, MANY);
      const segments = (some: readonly NewEntry[]) => some.filter(({ bytes }) => !bytes).map(({ id }) => id);

      const all = await referencesOf(catalog, at);
      expect(new Set(all.segments)).toEqual(new Set(segments(entries)));
      // Where chunks are items of their own; else nobody need know.
      const smallest = chunksOf(entries)
        .map(({ id }) => id)
        .sort()[0];
      expect([undefined, smallest]).toContain(all.oldestChunk);

      await catalog.partitions.raiseLogStart(at, 301);
      const left = await referencesOf(catalog, at);
      expect(new Set(left.segments)).toEqual(new Set(segments(entries.slice(150))));

      await catalog.partitions.raiseLogStart(at, MANY * 2);
      expect(await referencesOf(catalog, at)).toEqual({ segments: [], oldestChunk: undefined });
      expect(await referencesOf(catalog, { ...at, partition: 7 })).toEqual({ segments: [], oldestChunk: undefined });
    });

    it('is what lies above the frontier', async () => {
      const { catalog } = subject();
      const at = await createPartition(subject());
      const entries = Array.from({ length: 60 }, () => newEntry(subject()));
      await append(catalog, at, entries);
      const run = compacted(subject(), (await entriesOf(catalog, at)).slice(0, 40));
      await catalog.partitions.advanceFrontier(at, await headOf(catalog, at), run);

      expect(new Set((await referencesOf(catalog, at)).segments)).toEqual(new Set(entries.slice(40).map((e) => e.id)));
    });

    it('is missed by no walk while appenders and rolls move it', async () => {
      const { catalog } = subject();
      const another = await subject().another();
      const at = await createPartition(subject());
      const settled = Array.from({ length: 200 }, () => newEntry(subject()));
      for (let i = 0; i < 200; i += 10) await append(catalog, at, settled.slice(i, i + 10));
      let appending = true;
      const appenders = Promise.all(
        Array.from({ length: 4 }, async () => {
          for (let n = 0; n < 30; n += 1) await append(another, at, [newEntry(subject())]);
        }),
      ).then(() => {
        appending = false;
      });

      while (appending) {
        const found = new Set((await referencesOf(catalog, at)).segments);
        expect(settled.filter(({ id }) => !found.has(id))).toEqual([]);
      }
      await appenders;
    });
  });

  describe('a trim', () => {
    it('deletes what lies below the log start, and nothing that can be reached', async () => {
      const { catalog } = subject();
      const at = await createPartition(subject());
      const entries = await appendMixed(at, MANY);
      const old = await headOf(catalog, at);

      await catalog.partitions.raiseLogStart(at, 301);
      await trimAll(catalog, at);

      const head = await headOf(catalog, at);
      expect(head).toMatchObject({ logStart: 301, trimmed: 301, highWatermark: MANY * 2 });
      // The page that spans the log start may keep what is just below it.
      for (const entry of chunksOf(entries.slice(0, 50))) await gone(catalog, at, entry);
      const found = await entriesOf(catalog, at);
      expect(found.map(({ base }) => base)).toEqual(Array.from({ length: 150 }, (_, i) => 300 + 2 * i));
      for (const [i, one] of found.entries()) await expectSame(catalog, at, one.entry, entries[150 + i]!);
      for (const offset of [0, 5])
        expect(
          await catalog.partitions.find(at, offset, { ...old, tail: { ...old.tail, base: old.highWatermark } }),
        ).toBeUndefined();
    });

    it('deletes all of a partition whose log start is its end, and it goes on', async () => {
      const { catalog } = subject();
      const at = await createPartition(subject());
      const entries = await appendMixed(at, 9);

      await catalog.partitions.raiseLogStart(at, 18);
      await trimAll(catalog, at);

      for (const entry of chunksOf(entries)) await gone(catalog, at, entry);
      expect(await headOf(catalog, at)).toMatchObject({ logStart: 18, trimmed: 18, highWatermark: 18 });
      const [next] = mixed(1);
      expect(await append(catalog, at, [next!])).toEqual([18]);
      expect((await entriesOf(catalog, at)).map(({ base }) => base)).toEqual([18]);
    });

    it('has nothing to do twice, at the beginning, or where there is no partition', async () => {
      const { catalog } = subject();
      const at = await createPartition(subject());
      await appendMixed(at, 60);

      expect(await catalog.partitions.trim(at)).toBe(false);
      await catalog.partitions.raiseLogStart(at, 80);
      await trimAll(catalog, at);
      expect(await catalog.partitions.trim(at)).toBe(false);
      expect(await catalog.partitions.trim({ ...at, partition: 3 })).toBe(false);
      expect((await entriesOf(catalog, at)).map(({ base }) => base)).toEqual(
        Array.from({ length: 20 }, (_, i) => 80 + 2 * i),
      );
    });

    it('by many at once, beside appenders and a log start that rises, loses nothing', async () => {
      const { catalog } = subject();
      const another = await subject().another();
      const at = await createPartition(subject());
      const appended: NewEntry[] = [];
      let appending = true;
      const appender = (async () => {
        for (let n = 0; n < 40; n += 1) {
          const entries = mixed(6);
          await append(catalog, at, entries);
          appended.push(...entries);
        }
        appending = false;
      })();
      const trimmers = [catalog, another].map(async (one) => {
        while (appending) {
          const { highWatermark } = await headOf(one, at);
          await one.partitions.raiseLogStart(at, Math.max(0, highWatermark - 40));
          await one.partitions.trim(at);
        }
      });
      await Promise.all([appender, ...trimmers]);

      const { logStart } = await headOf(catalog, at);
      const found = await entriesOf(catalog, at);
      expect(logStart).toBeGreaterThan(0);
      expect(found.length).toBeGreaterThan(0);
      for (const { base, entry } of found) await expectSame(catalog, at, entry, appended[base / 2]!);
    });
  });

  describe('chunks', () => {
    it('from the oldest that is referred to on stay', async () => {
      const { catalog, clock } = subject();
      const at = await createPartition(subject());
      const entries = await appendMixed(at, 60);
      const { oldestChunk = timeId(clock.now(), systemRandom) } = await referencesOf(catalog, at);

      while (await catalog.partitions.dropChunks(at, oldestChunk));

      for (const [i, { entry }] of (await entriesOf(catalog, at)).entries()) {
        await expectSame(catalog, at, entry, entries[i]!);
      }
    });
  });

  describe('a purge', () => {
    it('deletes what deleted topics left, and leaves those alone that exist', async () => {
      const { catalog, clock } = subject();
      const doomed = await createTopic(subject(), 3);
      const kept = await createTopic(subject(), 2);
      const places = [0, 1, 2].map((partition) => ({ topicId: doomed.id, partition }));
      const left: NewEntry[][] = [];
      for (const at of places) left.push(await appendMixed(at, 90));
      const at = { topicId: kept.id, partition: 1 };
      const entries = await appendMixed(at, 90);
      await catalog.topics.delete(doomed);

      while (await catalog.topics.purge(clock.now() + 1));

      for (const [p, one] of left.entries()) for (const entry of chunksOf(one)) await gone(catalog, places[p]!, entry);
      for (const [i, { entry }] of (await entriesOf(catalog, at)).entries()) {
        await expectSame(catalog, at, entry, entries[i]!);
      }
      expect(await catalog.topics.get(kept.name)).toEqual(kept);
      expect(await catalog.topics.purge(clock.now() + 1)).toBe(false);
    });

    it('does not touch a new topic of the old name', async () => {
      const { catalog, clock } = subject();
      const old = await createTopic(subject(), 2);
      await appendMixed({ topicId: old.id, partition: 0 }, 30);
      await catalog.topics.delete(old);
      const topic = await createTopic(subject(), 2, old.name);
      const at = { topicId: topic.id, partition: 0 };
      const entries = await appendMixed(at, 30);

      while (await catalog.topics.purge(clock.now() + 1));

      expect(await entriesOf(catalog, at)).toHaveLength(entries.length);
      expect(await append(catalog, { ...at, partition: 1 }, [newEntry(subject())])).toEqual([0]);
    });
  });
}
