import { describe, expect, it } from 'vitest';
import { systemRandom, timeId } from '../../../lib/ids.ts';
import {
  append,
  compacted,
  createPartition,
  createTopic,
  entriesOf,
  headOf,
  newEntry,
  newId,
  refers,
  type Subject,
} from './subject.ts';

export function floorContract(subject: () => Subject): void {
  describe('the object-time floor', () => {
    it('refuses an appender that froze while its object was swept, and takes the bytes under a later id', async () => {
      const { catalog, clock } = subject();
      const at = await createPartition(subject());
      const floor = clock.now();
      const frozen = newEntry(subject(), { id: timeId(floor, systemRandom) });

      await catalog.partitions.raiseFloor(at, floor);
      const { outcomes, head } = await catalog.partitions.append(at, [frozen]);

      expect(outcomes).toEqual([{ status: 'stale', floor }]);
      expect(head).toBeUndefined();
      expect(await headOf(catalog, at)).toMatchObject({ highWatermark: 0, floor });
      expect(await append(catalog, at, [{ ...frozen, id: timeId(floor + 1, systemRandom) }])).toEqual([0]);
    });

    it('keeps what follows a stale entry out, so that all of it can go again in order', async () => {
      const { catalog, clock } = subject();
      const at = await createPartition(subject());
      const floor = clock.now();
      const withTime = (time: number, facts = {}) => newEntry(subject(), { id: timeId(time, systemRandom), ...facts });
      const first = withTime(floor + 1, { producer: { id: 7, epoch: 0, sequence: 0 } });
      const old = withTime(floor - 5, { producer: { id: 7, epoch: 0, sequence: 1 } });
      const later = withTime(floor + 2, { producer: { id: 7, epoch: 0, sequence: 2 } });
      const plain = withTime(floor + 2);
      await catalog.partitions.raiseFloor(at, floor);

      const { outcomes } = await catalog.partitions.append(at, [first, old, later, plain]);

      expect(outcomes).toEqual([
        { status: 'appended', base: 0 },
        { status: 'stale', floor },
        { status: 'stale', floor },
        { status: 'stale', floor },
      ]);
      const again = { ...old, id: timeId(floor + 3, systemRandom) };
      expect(await append(catalog, at, [again, later, plain])).toEqual([1, 2, 3]);
      expect((await entriesOf(catalog, at)).map((found) => found.entry.id)).toEqual(
        [first, again, later, plain].map(({ id }) => id),
      );
    });

    it('never lowers, is the partition’s own, and ignores partitions that do not exist', async () => {
      const { catalog } = subject();
      const { id: topicId } = await createTopic(subject(), 2);
      const at = { topicId, partition: 0 };

      await catalog.partitions.raiseFloor(at, 5_000);
      await catalog.partitions.raiseFloor(at, 4_000);
      await catalog.partitions.raiseFloor({ topicId, partition: 7 }, 4_000);

      expect((await headOf(catalog, at)).floor).toBe(5_000);
      expect((await headOf(catalog, { topicId, partition: 1 })).floor).toBeLessThan(5_000);
      expect(await catalog.partitions.head({ topicId, partition: 7 })).toBeUndefined();
    });
  });

  describe('a segment', () => {
    it('is referred to while an entry of its own can be reached, in the tail or rolled', async () => {
      const { catalog } = subject();
      const at = await createPartition(subject());
      const segment = newId(subject());
      await append(catalog, at, [newEntry(subject(), { id: segment, position: 0 })]);
      await append(catalog, at, [newEntry(subject(), { id: segment, position: 900 })]);

      expect(await refers(catalog, at, segment)).toBe(true);
      for (let i = 0; i < 15; i += 1) {
        await append(
          catalog,
          at,
          Array.from({ length: 20 }, () => newEntry(subject())),
        );
      }
      expect(await refers(catalog, at, segment)).toBe(true);
      expect(await refers(catalog, at, newId(subject()))).toBe(false);
    });

    it('is referred to no longer once all its entries are compacted', async () => {
      const { catalog } = subject();
      const at = await createPartition(subject());
      const [first, second] = [newId(subject()), newId(subject())];
      await append(catalog, at, [
        newEntry(subject(), { id: first, position: 0, count: 2 }),
        newEntry(subject(), { id: second, position: 0 }),
        newEntry(subject(), { id: first, position: 500 }),
        newEntry(subject(), { id: second, position: 500 }),
      ]);
      const entries = await entriesOf(catalog, at);

      const half = compacted(subject(), entries.slice(0, 2));
      expect(await catalog.partitions.advanceFrontier(at, await headOf(catalog, at), half)).toBe(true);
      expect(await refers(catalog, at, first)).toBe(true);
      const three = compacted(subject(), entries.slice(2, 3));
      expect(await catalog.partitions.advanceFrontier(at, await headOf(catalog, at), three)).toBe(true);

      expect(await refers(catalog, at, first)).toBe(false);
      expect(await refers(catalog, at, second)).toBe(true);
    });

    it('is referred to no longer below the log start or by a partition that is gone', async () => {
      const { catalog } = subject();
      const topic = await createTopic(subject());
      const at = { topicId: topic.id, partition: 0 };
      const [first, second] = [newId(subject()), newId(subject())];
      await append(catalog, at, [newEntry(subject(), { id: first, count: 2 }), newEntry(subject(), { id: second })]);

      await catalog.partitions.raiseLogStart(at, 1);
      expect(await refers(catalog, at, first)).toBe(true);
      await catalog.partitions.raiseLogStart(at, 2);
      expect(await refers(catalog, at, first)).toBe(false);
      expect(await refers(catalog, at, second)).toBe(true);
      await catalog.topics.delete(topic);
      expect(await refers(catalog, at, second)).toBe(false);
    });
  });

  describe('the log start', () => {
    it('rises up to the high watermark and never lowers', async () => {
      const { catalog } = subject();
      const at = await createPartition(subject());
      await append(catalog, at, [newEntry(subject(), { count: 10 })]);

      expect(await catalog.partitions.raiseLogStart(at, 4)).toBe(4);
      expect(await catalog.partitions.raiseLogStart(at, 2)).toBe(4);
      expect(await catalog.partitions.raiseLogStart(at, 11)).toBe('out of range');
      expect((await headOf(catalog, at)).logStart).toBe(4);
      expect(await catalog.partitions.raiseLogStart(at, 10)).toBe(10);
      expect(await catalog.partitions.raiseLogStart({ ...at, partition: 1 }, 0)).toBe('unknown partition');
    });

    it('hides what lies below it, also what is rolled, and no more', async () => {
      const { catalog } = subject();
      const at = await createPartition(subject());
      for (let i = 0; i < 15; i += 1) {
        await append(
          catalog,
          at,
          Array.from({ length: 20 }, () => newEntry(subject(), { count: 2 })),
        );
      }

      await catalog.partitions.raiseLogStart(at, 301);
      const head = await headOf(catalog, at);

      expect(head).toMatchObject({ logStart: 301, highWatermark: 600 });
      for (const offset of [0, 1, 299, 300]) {
        expect(await catalog.partitions.find(at, offset, head)).toBeUndefined();
      }
      expect((await entriesOf(catalog, at)).map((found) => found.base)).toEqual(
        Array.from({ length: 150 }, (_, i) => 300 + i * 2),
      );
    });
  });
}
