import { describe, expect, it } from 'vitest';
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
      const entries = [3, 1, 7].map((count) => newEntry(subject(), { count }));

      const { outcomes, head } = await catalog.partitions.append(at, entries);

      expect(outcomes).toEqual([0, 3, 4].map((base) => ({ status: 'appended', base })));
      expect(head?.highWatermark).toBe(11);
      expect((await headOf(catalog, at)).highWatermark).toBe(11);
      const found = await entriesOf(catalog, at);
      expect(found.map((one) => one.base)).toEqual([0, 3, 4]);
      for (const [i, one] of found.entries()) await expectSame(catalog, at, one.entry, entries[i]!);
    });

    it('shares no offsets with its neighbours', async () => {
      const { catalog } = subject();
      const { id: topicId } = await createTopic(subject(), 2);
      const [left, right] = [0, 1].map((partition) => ({ topicId, partition })) as [never, never];

      await append(catalog, left, [newEntry(subject(), { count: 5 })]);

      expect(await append(catalog, right, [newEntry(subject())])).toEqual([0]);
      expect(await append(catalog, left, [newEntry(subject())])).toEqual([5]);
    });

    it('that does not exist takes nothing and has no head', async () => {
      const { catalog } = subject();
      const { topicId } = await createPartition(subject());
      const at = { topicId, partition: 1 };

      const { outcomes, head } = await catalog.partitions.append(at, [newEntry(subject()), newEntry(subject())]);

      const refused = { status: 'refused', code: 'UNKNOWN_TOPIC_OR_PARTITION' };
      expect(outcomes).toEqual([refused, refused]);
      expect(head).toBeUndefined();
      expect(await catalog.partitions.head(at)).toBeUndefined();
    });
  });
}
