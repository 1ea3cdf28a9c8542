import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Clock, systemClock } from '../../../../lib/clock.ts';
import { systemRandom, timeId } from '../../../../lib/ids.ts';
import { awsPrices } from '../../../../lib/log/placement.ts';
import type { Catalog } from '../../../../lib/stores/catalog/catalog.ts';
import { openCatalog } from '../../../../lib/stores/catalog/dynamodb/dynamodb.ts';
import { createTable, openTable } from '../../../../lib/stores/catalog/dynamodb/table.ts';
import type { NewEntry } from '../../../../lib/stores/catalog/partitions.ts';
import { type Dynoxide, dynoxideMissing, startDynoxide } from '../../../support/dynoxide.ts';

const APPENDS = 60;
const APPENDS_A_SECOND = 20;

describe.skipIf(dynoxideMissing)(
  `what appends cost in write units${dynoxideMissing ? ` (${dynoxideMissing})` : ''}`,
  () => {
    let engine: Dynoxide;
    let catalog: Catalog;
    let units = 0;
    let time = Date.now();
    /** Time passes by appends, whatever the engine takes for them. */
    const clock: Clock = { ...systemClock, now: () => time };

    beforeAll(async () => {
      engine = await startDynoxide();
      const options = { client: engine.client, table: 'varve', clock: systemClock };
      await createTable(options);
      const onUnits = (operation: string, used: number) => {
        if (['update', 'put', 'delete'].includes(operation)) units += used;
      };
      catalog = await openCatalog(openTable({ ...options, onUnits }), { clock, random: systemRandom });
    });
    afterAll(async () => {
      await catalog?.close();
      await engine?.stop();
    });

    /** Units an append, rolls and the later deletion included, and where the batches went. */
    async function cost(bytes: number | undefined): Promise<{ each: number; place: string }> {
      const topic = { name: randomUUID(), id: randomUUID(), partitions: 1, config: {}, created: time, revision: 1 };
      await catalog.topics.create(topic);
      const at = { topicId: topic.id, partition: 0 };
      const places = new Set<string>();
      units = 0;
      for (let i = 0; i < APPENDS; i += 1) {
        time += 1_000 / APPENDS_A_SECOND;
        const entry: NewEntry = {
          id: timeId(time, systemRandom),
          position: 0,
          length: bytes ?? 20_000,
          crc: 1,
          count: 1,
          maxTimestamp: time,
          ...(bytes !== undefined && { bytes: systemRandom(bytes) }),
        };
        const { head } = await catalog.partitions.append(at, [entry]);
        for (const { place } of head!.tail.entries) places.add(place);
      }
      await catalog.partitions.raiseLogStart(at, APPENDS);
      while (await catalog.partitions.trim(at));
      return { each: units / APPENDS, place: [...places].join() };
    }

    it('is what the prices say, by which it is decided where batches go', async () => {
      const pointer = await cost(undefined);
      expect(pointer.place).toBe('segment');
      expect(pointer.each / awsPrices.pointer).toBeCloseTo(1, 1);
      const costs: number[] = [];
      for (const [bytes, place] of [
        [100, 'inline'],
        [300, 'inline'],
        [301, 'chunk'],
        [2_000, 'chunk'],
      ] as const) {
        const measured = await cost(bytes);
        expect(measured.place, `${bytes} B`).toBe(place);
        costs.push(measured.each);
        const ratio = measured.each / awsPrices.carried(bytes);
        expect(ratio, `${bytes} B: ${measured.each.toFixed(2)} units`).toBeGreaterThan(0.88);
        expect(ratio, `${bytes} B: ${measured.each.toFixed(2)} units`).toBeLessThan(1.12);
      }
      // The entry is the cheaper place up to where it ends.
      expect(costs[1]).toBeLessThan(costs[2]!);
    });
  },
);
