import { describe, expect, it } from 'vitest';
import type { NewEntry, TopicIdPartition } from '../../../lib/stores/catalog/partitions.ts';
import {
  append,
  createPartition,
  createTopic,
  entriesOf,
  expectSame,
  headOf,
  newEntry,
  type Subject,
} from './subject.ts';

export function partitionsContract(subject: () => Subject): void {
  const entriesNew = (n: number, facts: Partial<NewEntry> = {}) =>
    Array.from({ length: n }, () => newEntry(subject(), facts));

  describe('a partition', () => {
    it('begins empty at offset 0', async () => {
      const at = await createPartition(subject());

      const head = await headOf(subject().catalog, at);

      expect(head).toMatchObject({
        highWatermark: 0,
        logStart: 0,
        frontier: 0,
        tail: { base: 0, entries: [], level: 0 },
      });
      expect(head.floor).toBeLessThanOrEqual(0);
    });

    it('gives the entries of an append the next offsets, in order, and finds each again', async () => {
      const { catalog } = subject();
      const at = await createPartition(subject());
      const entries = [
        newEntry(subject(), { count: 3, maxTimestamp: -1 }),
        newEntry(subject(), { count: 1, maxTimestamp: 0, crc: 0xffffffff, position: 2 ** 31 + 5 }),
        newEntry(subject(), { count: 7, crc: 0, producer: { id: 2 ** 40, epoch: 32_767, sequence: 0 } }),
      ];

      const { outcomes, head } = await catalog.partitions.append(at, entries);

      expect(outcomes).toEqual([0, 3, 4].map((base) => ({ status: 'appended', base })));
      expect(head?.highWatermark).toBe(11);
      expect((await headOf(catalog, at)).highWatermark).toBe(11);
      const found = await entriesOf(catalog, at);
      expect(found.map((one) => one.base)).toEqual([0, 3, 4]);
      for (const [i, one] of found.entries()) await expectSame(catalog, at, one.entry, entries[i]!);
    });

    it('shows in every head a tail that ends at the high watermark', async () => {
      const { catalog } = subject();
      const at = await createPartition(subject());
      const ids: string[] = [];

      for (let i = 1; i <= 40; i += 1) {
        const entries = entriesNew(i % 7 || 1, { count: i });
        ids.push(...entries.map((entry) => entry.id));
        const answer = await catalog.partitions.append(at, entries);
        for (const head of [answer.head!, await headOf(catalog, at)]) {
          const end = head.tail.entries.reduce((offset, entry) => offset + entry.count, head.tail.base);
          expect(end).toBe(head.highWatermark);
          expect(head.tail.entries.map((entry) => entry.id)).toEqual(ids.slice(ids.length - head.tail.entries.length));
        }
      }
    });

    it('shares no offsets with its neighbours', async () => {
      const { catalog } = subject();
      const { id: topicId } = await createTopic(subject(), 2);
      const [left, right] = [0, 1].map((partition) => ({ topicId, partition })) as [TopicIdPartition, TopicIdPartition];

      await append(catalog, left, entriesNew(1, { count: 5 }));

      expect(await append(catalog, right, entriesNew(1))).toEqual([0]);
      expect(await append(catalog, left, entriesNew(1))).toEqual([5]);
    });

    it('that does not exist takes nothing and has no head', async () => {
      const { catalog } = subject();
      const { topicId } = await createPartition(subject());
      const at = { topicId, partition: 1 };

      const { outcomes, head } = await catalog.partitions.append(at, entriesNew(2));

      const refused = { status: 'refused', code: 'UNKNOWN_TOPIC_OR_PARTITION' };
      expect(outcomes).toEqual([refused, refused]);
      expect(head).toBeUndefined();
      expect(await catalog.partitions.head(at)).toBeUndefined();
    });

    it('takes 200 entries in one append', async () => {
      const { catalog } = subject();
      const at = await createPartition(subject());

      expect(await append(catalog, at, entriesNew(200, { count: 2 }))).toEqual(
        Array.from({ length: 200 }, (_, i) => i * 2),
      );
      expect(await append(catalog, at, entriesNew(1))).toEqual([400]);
      expect(await entriesOf(catalog, at)).toHaveLength(201);
    });

    it('is peeked at with others in the order asked', async () => {
      const { catalog } = subject();
      const topic = await createTopic(subject(), 3);
      const at = (partition: number) => ({ topicId: topic.id, partition });
      await append(catalog, at(1), entriesNew(4));

      const heads = await catalog.partitions.peek([at(2), at(9), at(1), at(0)]);

      expect(heads).toHaveLength(4);
      expect(heads[1]).toBeUndefined();
      await expect
        .poll(async () =>
          (await catalog.partitions.peek([at(2), at(9), at(1), at(0)])).map((head) => head?.highWatermark),
        )
        .toEqual([0, undefined, 4, 0]);
    });

    it('keeps what was appended over a restart', async () => {
      const { catalog } = subject();
      const at = await createPartition(subject());
      const entries = entriesNew(30, { count: 2 });
      for (const entry of entries) await append(catalog, at, [entry]);
      await append(catalog, at, [newEntry(subject(), { producer: { id: 5, epoch: 0, sequence: 0 } })]);

      const reopened = await subject().reopen();

      const found = await entriesOf(reopened, at);
      for (const [i, entry] of entries.entries()) await expectSame(reopened, at, found[i]!.entry, entry);
      const again = newEntry(subject(), { producer: { id: 5, epoch: 0, sequence: 0 } });
      expect((await reopened.partitions.append(at, [again])).outcomes).toEqual([{ status: 'duplicate', base: 60 }]);
      expect(await append(reopened, at, entriesNew(1))).toEqual([61]);
    });
  });

  describe('many appenders at once', () => {
    it('get dense offsets, and every acknowledged entry is found at its own, once', async () => {
      const { catalog } = subject();
      const another = await subject().another();
      const topic = await createTopic(subject(), 2);
      const partitions = [0, 1].map((partition) => ({ topicId: topic.id, partition }));
      const acknowledged = partitions.map(() => new Map<number, NewEntry>());

      await Promise.all(
        Array.from({ length: 32 }, async (_, loop) => {
          const p = loop < 24 ? 0 : 1;
          for (let n = 0; n < 50; n += 1) {
            const entries = Array.from({ length: n % 10 ? 1 : 3 }, (_, i) =>
              newEntry(subject(), { count: 1 + ((loop + n + i) % 4) }),
            );
            const bases = await append(loop % 2 ? catalog : another, partitions[p]!, entries);
            for (const [i, base] of bases.entries()) {
              expect(acknowledged[p]!.has(base)).toBe(false);
              acknowledged[p]!.set(base, entries[i]!);
            }
          }
        }),
      );

      for (const [p, at] of partitions.entries()) {
        const found = await entriesOf(catalog, at);
        expect(found).toHaveLength(acknowledged[p]!.size);
        let next = 0;
        for (const { base, entry } of found) {
          expect(base).toBe(next);
          await expectSame(catalog, at, entry, acknowledged[p]!.get(base)!);
          next = base + entry.count;
        }
        expect((await headOf(catalog, at)).highWatermark).toBe(next);
      }
    });
  });
}
