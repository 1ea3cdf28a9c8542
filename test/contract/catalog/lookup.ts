import { describe, expect, it } from 'vitest';
import type { Entry, Head, NewEntry, Run, TopicIdPartition } from '../../../lib/stores/catalog/partitions.ts';
import {
  append,
  compacted,
  createPartition,
  entriesOf,
  expectSame,
  type Found,
  findEntry,
  headOf,
  newEntry,
  newId,
  refers,
  type Subject,
} from './subject.ts';

export function lookupContract(subject: () => Subject): void {
  const fill = async (at: TopicIdPartition, appends: number) => {
    for (let i = 0; i < appends; i += 1) {
      await append(
        subject().catalog,
        at,
        Array.from({ length: 10 }, (_, k) => newEntry(subject(), { count: 1 + (k % 3) })),
      );
    }
  };

  describe('an offset', () => {
    it('is found by the newest head and by every older one, however far the tail has rolled', async () => {
      const { catalog } = subject();
      const at = await createPartition(subject());
      const heads: Head[] = [];
      const entries = new Map<number, NewEntry>();
      for (let i = 0; i < 60; i += 1) {
        const group = Array.from({ length: 1 + (i % 11) }, (_, k) => newEntry(subject(), { count: 1 + ((i + k) % 5) }));
        const { outcomes, head } = await catalog.partitions.append(at, group);
        for (const [k, outcome] of outcomes.entries()) {
          if (outcome.status === 'appended') entries.set(outcome.base, group[k]!);
        }
        heads.push(head!);
      }

      const newest = await headOf(catalog, at);
      for (const [base, entry] of entries) {
        const offset = base + entry.count - 1;
        const oldest = heads.find((head) => head.highWatermark > offset)!;
        for (const head of [newest, oldest]) {
          const found = await findEntry(catalog, at, offset, head);
          expect(found.base).toBe(base);
          await expectSame(catalog, at, found.entry, entry);
        }
      }
    });

    it('is found at all times while appenders, compaction and rewrites run', async () => {
      const { catalog } = subject();
      const another = await subject().another();
      const at = await createPartition(subject());
      const appended = new Map<number, NewEntry>();
      const heads: Head[] = [await headOf(catalog, at)];
      /** Every level-1 entry ever offered, by generation, id and position: where it begins, and what it must say. */
      const offered = new Map<string, { base: number; entry: Entry }>();
      const generations = new Set([heads[0]!.generation]);
      const offer = (generation: string, run: Run) => {
        let base = run.base;
        for (const entry of run.entries) {
          offered.set(`${generation}/${entry.id}/${entry.position}`, { base, entry });
          base += entry.count;
        }
      };
      let appending = true;

      const appenders = Array.from({ length: 4 }, async (_, loop) => {
        for (let n = 0; n < 40; n += 1) {
          const group = Array.from({ length: 1 + ((n + loop) % 4) }, (_, k) =>
            newEntry(subject(), { count: 1 + ((n + k) % 5) }),
          );
          const { outcomes, head } = await (loop % 2 ? catalog : another).partitions.append(at, group);
          for (const [k, outcome] of outcomes.entries()) {
            expect(outcome.status).toBe('appended');
            if (outcome.status === 'appended') appended.set(outcome.base, group[k]!);
          }
          heads.push(head!);
        }
      });

      const compaction = async () => {
        for (let round = 0; appending; round += 1) {
          const head = await headOf(another, at);
          const found: Found[] = [];
          for (let offset = head.frontier; offset < head.highWatermark && found.length < 30; ) {
            const one = await findEntry(another, at, offset, head);
            found.push(one);
            offset = one.base + one.entry.count;
          }
          if (found.length < 10) continue;
          const run = compacted(subject(), found);
          offer(head.generation, run);
          expect(await another.partitions.advanceFrontier(at, head, run)).toBe(true);
          if (round % 3 !== 2) continue;
          const moved = await headOf(another, at);
          const below = (await entriesOf(another, at)).filter((one) => one.base < moved.frontier);
          const generation = newId(subject());
          const runs = [merged(below.slice(0, 25)), merged(below.slice(25))].filter((part) => part.entries.length > 0);
          for (const part of runs) offer(generation, part);
          generations.add(generation);
          expect(await another.partitions.replaceIndex(at, moved, generation, runs)).toBe(true);
        }
      };
      /** One entry in place of each two. */
      const merged = (found: readonly Found[]): Run => {
        const run: Run = { base: found[0]?.base ?? 0, entries: [], level: 1 };
        for (let i = 0; i < found.length; i += 2) {
          const pair = found.slice(i, i + 2);
          const { bytes: _, ...facts } = pair[0]!.entry;
          run.entries.push({
            ...facts,
            id: newId(subject()),
            position: i,
            count: pair.reduce((sum, one) => sum + one.entry.count, 0),
            place: 'segment',
          });
        }
        return run;
      };

      const check = async (offset: number, head: Head) => {
        const found = await findEntry(catalog, at, offset, head);
        if (found.level === 0) {
          const original = appended.get(found.base);
          // An append is found before its appender was told.
          if (original) await expectSame(catalog, at, found.entry, original);
        } else {
          expect(generations).toContain(found.generation);
          const one = offered.get(`${found.generation}/${found.entry.id}/${found.entry.position}`);
          expect({ base: found.base, entry: found.entry }).toEqual(one);
        }
        return found;
      };
      const pick = <T>(items: readonly T[]): T => items[Math.floor(Math.random() * items.length)]!;
      const readers = Array.from({ length: 3 }, async () => {
        while (appending) {
          const head = pick(heads);
          if (head.highWatermark > 0) await check(Math.floor(Math.random() * head.highWatermark), head);
          else await headOf(catalog, at);
        }
      });

      const compacting = compaction();
      await Promise.all(appenders);
      appending = false;
      await Promise.all([compacting, ...readers]);

      const newest = await headOf(catalog, at);
      expect(newest.frontier).toBeGreaterThan(0);
      for (const base of appended.keys()) {
        const found = await check(base, newest);
        expect(found.level).toBe(base < newest.frontier ? 1 : 0);
        if (found.level === 1) expect(found.generation).toBe(newest.generation);
        const oldest = heads.find((head) => head.highWatermark > base)!;
        await check(base, oldest);
      }
    });
  });

  describe('the frontier', () => {
    it('moves over what was compacted, which is found at level 1 from then on', async () => {
      const { catalog } = subject();
      const at = await createPartition(subject());
      await fill(at, 12);
      const entries = await entriesOf(catalog, at);
      const before = await headOf(catalog, at);
      const run = compacted(subject(), entries.slice(0, 90));

      expect(await catalog.partitions.advanceFrontier(at, before, run)).toBe(true);

      const head = await headOf(catalog, at);
      expect(head).toMatchObject({ frontier: entries[90]!.base, highWatermark: before.highWatermark });
      const after = await entriesOf(catalog, at);
      expect(after.map((found) => found.base)).toEqual(entries.map((found) => found.base));
      for (const [i, found] of after.entries()) {
        if (i < 90) expect(found).toMatchObject({ level: 1, generation: head.generation, entry: run.entries[i]! });
        else expect(found).toEqual(entries[i]);
      }
      expect(await refers(catalog, at, entries[0]!.entry.id)).toBe(false);
      expect(await refers(catalog, at, entries[90]!.entry.id)).toBe(true);
    });

    it('moves for one of two compactors', async () => {
      const { catalog } = subject();
      const another = await subject().another();
      const at = await createPartition(subject());
      await fill(at, 12);
      const entries = await entriesOf(catalog, at);
      const head = await headOf(catalog, at);
      const runs = [compacted(subject(), entries.slice(0, 50)), compacted(subject(), entries.slice(0, 70))];

      const won = await Promise.all([
        catalog.partitions.advanceFrontier(at, head, runs[0]!),
        another.partitions.advanceFrontier(at, head, runs[1]!),
      ]);

      expect(won.filter(Boolean)).toHaveLength(1);
      const winner = runs[won.indexOf(true)]!;
      const after = (await entriesOf(catalog, at)).slice(0, winner.entries.length);
      // The loser's entries may serve the same offsets: they are as true.
      for (const [i, found] of after.entries()) {
        expect(found).toMatchObject({ base: entries[i]!.base, level: 1 });
        expect([runs[0]!.entries[i], runs[1]!.entries[i]]).toContainEqual(found.entry);
      }
      expect(await catalog.partitions.advanceFrontier(at, head, runs[0]!)).toBe(false);
      expect(await entriesOf(catalog, at)).toHaveLength(entries.length);
    });

    it('moves again after a compactor that lost offered the same place', async () => {
      const { catalog } = subject();
      const at = await createPartition(subject());
      await fill(at, 10);
      const entries = await entriesOf(catalog, at);
      const first = await headOf(catalog, at);
      await catalog.partitions.advanceFrontier(at, first, compacted(subject(), entries.slice(0, 30)));
      await catalog.partitions.advanceFrontier(at, first, compacted(subject(), entries.slice(0, 60)));

      const second = await headOf(catalog, at);
      expect(await catalog.partitions.advanceFrontier(at, second, compacted(subject(), entries.slice(30, 60)))).toBe(
        true,
      );

      const after = await entriesOf(catalog, at);
      expect(after.map((found) => found.level)).toEqual(entries.map((_, i) => (i < 60 ? 1 : 0)));
      expect(after.map((found) => found.base)).toEqual(entries.map((found) => found.base));
    });
  });

  describe('a rewrite of the index', () => {
    it('replaces it whole under its own generation', async () => {
      const { catalog } = subject();
      const at = await createPartition(subject());
      await fill(at, 10);
      const entries = await entriesOf(catalog, at);
      for (const part of [entries.slice(0, 40), entries.slice(40, 80)]) {
        await catalog.partitions.advanceFrontier(at, await headOf(catalog, at), compacted(subject(), part));
      }

      const before = await headOf(catalog, at);
      const runs = [compacted(subject(), entries.slice(0, 55)), compacted(subject(), entries.slice(55, 80))];
      expect(await catalog.partitions.replaceIndex(at, before, 'second', runs)).toBe(true);

      expect(await headOf(catalog, at)).toMatchObject({ generation: 'second', frontier: entries[80]!.base });
      const after = await entriesOf(catalog, at);
      expect(after.slice(0, 80).map((found) => found.entry)).toEqual(runs.flatMap((run) => run.entries));
      expect(after.slice(0, 80).every((found) => found.generation === 'second' && found.level === 1)).toBe(true);
      expect(after.slice(80)).toEqual(entries.slice(80));
      const next = compacted(subject(), entries.slice(80, 90));
      expect(await catalog.partitions.advanceFrontier(at, before, next)).toBe(false);
      expect(await catalog.partitions.advanceFrontier(at, await headOf(catalog, at), next)).toBe(true);
      expect((await entriesOf(catalog, at))[85]).toMatchObject({ level: 1, generation: 'second' });
    });

    it('and a move of the frontier, begun from the same head, do not both win', async () => {
      const { catalog } = subject();
      const another = await subject().another();
      const at = await createPartition(subject());
      await fill(at, 10);
      const entries = await entriesOf(catalog, at);
      const first = compacted(subject(), entries.slice(0, 40));
      await catalog.partitions.advanceFrontier(at, await headOf(catalog, at), first);
      const head = await headOf(catalog, at);

      const won = await Promise.all([
        catalog.partitions.replaceIndex(at, head, 'one', [compacted(subject(), entries.slice(0, 40))]),
        another.partitions.replaceIndex(at, head, 'two', [compacted(subject(), entries.slice(0, 40))]),
        another.partitions.advanceFrontier(at, head, compacted(subject(), entries.slice(40, 80))),
      ]);

      expect(won.filter(Boolean)).toHaveLength(1);
      expect((await entriesOf(catalog, at)).map((found) => found.base)).toEqual(entries.map((found) => found.base));
    });

    it('may begin at the log start', async () => {
      const { catalog } = subject();
      const at = await createPartition(subject());
      await fill(at, 10);
      const entries = await entriesOf(catalog, at);
      await catalog.partitions.advanceFrontier(
        at,
        await headOf(catalog, at),
        compacted(subject(), entries.slice(0, 80)),
      );
      await catalog.partitions.raiseLogStart(at, entries[30]!.base);

      const head = await headOf(catalog, at);
      const run = compacted(subject(), entries.slice(30, 80));
      expect(await catalog.partitions.replaceIndex(at, head, 'trimmed', [run])).toBe(true);

      const after = await entriesOf(catalog, at);
      expect(after.map((found) => found.base)).toEqual(entries.slice(30).map((found) => found.base));
      expect(await catalog.partitions.find(at, entries[29]!.base, await headOf(catalog, at))).toBeUndefined();
    });
  });
}
