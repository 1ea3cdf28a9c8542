import { describe, expect, it } from 'vitest';
import type { TopicIdPartition } from '../../../lib/stores/catalog/partitions.ts';
import { append, compacted, createPartition, entriesOf, headOf, newEntry, type Subject, shuffled } from './subject.ts';

export function timestampsContract(subject: () => Subject): void {
  /** Asks for timestamps all over the partition and compares with a walk over all entries. */
  const expectRight = async (at: TopicIdPartition) => {
    const { catalog } = subject();
    const entries = await entriesOf(catalog, at);
    const around = shuffled(entries).flatMap(({ entry }) => [entry.maxTimestamp - 1, entry.maxTimestamp]);
    const asked = [...around.slice(0, 20), Math.max(...around), 10_000_000];
    await Promise.all(
      asked.map(async (timestamp) => {
        const first = entries.find(({ entry }) => entry.maxTimestamp >= timestamp);
        const run = await catalog.partitions.findTimestamp(at, timestamp);
        const found = run && { base: run.base, level: run.level, generation: run.generation, entries: run.entries };
        const expected = first && { ...first, entry: undefined, entries: [first.entry] };
        expect(found, `timestamp ${timestamp}`).toEqual(expected);
      }),
    );
  };
  const appendTimes = async (at: TopicIdPartition, times: readonly number[]) => {
    for (let i = 0; i < times.length; i += 20) {
      const entries = times
        .slice(i, i + 20)
        .map((maxTimestamp, k) => newEntry(subject(), { maxTimestamp, count: 1 + (k % 3) }));
      await append(subject().catalog, at, entries);
    }
  };

  describe('an offset by timestamp', () => {
    it('is of the first entry that reaches it', async () => {
      const { catalog } = subject();
      const at = await createPartition(subject());
      await appendTimes(at, [100, 200, 200, 300]);

      expect((await catalog.partitions.findTimestamp(at, 0))?.base).toBe(0);
      expect((await catalog.partitions.findTimestamp(at, 150))?.base).toBe(1);
      expect((await catalog.partitions.findTimestamp(at, 300))?.base).toBe(6);
      expect(await catalog.partitions.findTimestamp(at, 301)).toBeUndefined();
    });

    it('is unknown in a partition that is empty, or is none', async () => {
      const { catalog } = subject();
      const at = await createPartition(subject());

      expect(await catalog.partitions.findTimestamp(at, 0)).toBeUndefined();
      expect(await catalog.partitions.findTimestamp({ ...at, partition: 5 }, 0)).toBeUndefined();
    });

    it('is right with outliers early and late, timestamps that fall, and entries without one', async () => {
      const at = await createPartition(subject());
      const times = Array.from({ length: 240 }, (_, i) => 1_000 + i * 10 - (i % 7) * 25);
      times[3] = 2_500;
      times[50] = 900_000;
      times[51] = -1;
      times[120] = 5;
      times[239] = 1_000_000;

      await appendTimes(at, times);

      await expectRight(at);
    });

    it('is looked for at or after the log start', async () => {
      const { catalog } = subject();
      const at = await createPartition(subject());
      const times = Array.from({ length: 200 }, (_, i) => 1_000 + i);
      times[5] = 900_000;
      await appendTimes(at, times);

      for (const logStart of [1, 2, 16, 150]) {
        await catalog.partitions.raiseLogStart(at, logStart);
        await expectRight(at);
      }
      const head = await headOf(catalog, at);
      await catalog.partitions.raiseLogStart(at, head.highWatermark);
      expect(await catalog.partitions.findTimestamp(at, 0)).toBeUndefined();
    });

    it('is right while compaction moves the frontier, and after a rewrite', async () => {
      const { catalog } = subject();
      const at = await createPartition(subject());
      const times = Array.from({ length: 200 }, (_, i) => 1_000 + i - (i % 5) * 3);
      times[20] = 1_150;
      times[70] = 4_000;
      await appendTimes(at, times);

      for (let round = 0; round < 4; round += 1) {
        const head = await headOf(catalog, at);
        const rest = (await entriesOf(catalog, at)).filter((found) => found.base >= head.frontier);
        await catalog.partitions.advanceFrontier(at, head, compacted(subject(), rest.slice(0, 40)));
        await expectRight(at);
      }
      const head = await headOf(catalog, at);
      const below = (await entriesOf(catalog, at)).filter((found) => found.base < head.frontier);
      const runs = [compacted(subject(), below.slice(0, 100)), compacted(subject(), below.slice(100))];
      expect(await catalog.partitions.replaceIndex(at, head, 'rewritten', runs)).toBe(true);
      await expectRight(at);
    });
  });
}
