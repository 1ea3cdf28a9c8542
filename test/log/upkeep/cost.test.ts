import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../lib/clock.ts';
import { systemRandom } from '../../../lib/ids.ts';
import { parseBrokerConfig } from '../../../lib/log/broker-config.ts';
import type { EventLog } from '../../../lib/log/event-log.ts';
import { createLog } from '../../../lib/log/log.ts';
import { openCatalog } from '../../../lib/stores/catalog/dynamodb/dynamodb.ts';
import { createTable, openTable, type TableOptions } from '../../../lib/stores/catalog/dynamodb/table.ts';
import { openMemory } from '../../../lib/stores/objects/memory.ts';
import { through } from '../../faults/transport.ts';
import { type Dynoxide, dynoxideMissing, startDynoxide } from '../../support/dynoxide.ts';
import { SEGMENTS } from './stores.ts';

const HOUR = 3_600_000;
const PARTITIONS = 5;
/** Enough for a page. */
const APPENDS = 30;

/** What docs/retention.md says of requests. */
describe.skipIf(dynoxideMissing)(`upkeep over DynamoDB${dynoxideMissing ? ` (${dynoxideMissing})` : ''}`, () => {
  let engine: Dynoxide;
  let options: TableOptions;
  let asked: Record<string, number> = {};
  const logs: EventLog[] = [];

  beforeAll(async () => {
    engine = await startDynoxide();
    options = { client: engine.client, table: 'varve', clock: systemClock };
    await createTable(options);
  });
  beforeEach(() => {
    asked = {};
  });
  afterAll(async () => {
    await Promise.all(logs.map((log) => log.close()));
    await engine?.stop();
  });

  const objects = openMemory();
  let ahead = 0;
  const clock = { ...systemClock, now: () => systemClock.now() + ahead };

  async function open(sweepEvery: number): Promise<EventLog> {
    const client = through(options.client, (request, send) => {
      asked[request.operation] = (asked[request.operation] ?? 0) + 1;
      return send();
    });
    const count =
      <Args extends unknown[], T>(name: string, call: (...args: Args) => T) =>
      (...args: Args): T => {
        asked[name] = (asked[name] ?? 0) + 1;
        return call(...args);
      };
    const { list, delete: remove } = objects;
    const log = createLog({
      catalog: await openCatalog(openTable({ ...options, clock, client }), { clock, random: systemRandom }),
      objects: { ...objects, list: count('list', list), delete: count('delete', remove), close: async () => {} },
      clock,
      random: systemRandom,
      brokerConfig: parseBrokerConfig([]),
      prices: SEGMENTS,
      writer: { linger: 0 },
      upkeep: { wait: 0, sweepEvery },
    });
    logs.push(log);
    return log;
  }

  it('asks of an idle partition one shared read of its head, and of its first page where it has one', async () => {
    const log = await open(1_000 * HOUR);
    await log.topics.create('small', { partitions: PARTITIONS });
    await log.topics.create('paged', { partitions: 1 });
    for (let partition = 0; partition < PARTITIONS; partition++) await log.append('small', [{ value: 'v', partition }]);
    for (let i = 0; i < APPENDS; i++) await log.append('paged', [{ value: 'v' }]);
    expect(await log.upkeep()).toMatchObject({ failed: 0, raised: 0 });
    asked = {};

    expect(await log.upkeep()).toMatchObject({ partitions: PARTITIONS + 1, failed: 0 });

    // Three leases: its own, taken and given back, and the sweep's, which is not due. Deletions, topics, one first page.
    expect(asked).toEqual({ UpdateItem: 3, BatchGetItem: 1, Query: 3 });
  });

  it('sweeps with one list of a thousand segments, and of a partition with a write, a head, its pages and its chunks', async () => {
    const log = await open(0);
    ahead += 2 * HOUR;
    await log.upkeep();
    asked = {};

    expect(await log.upkeep()).toMatchObject({ candidates: PARTITIONS + APPENDS, deleted: 0, failed: 0 });

    const partitions = PARTITIONS + 1;
    expect(asked).toEqual({
      // Two of a pass, that begins somewhere in the middle.
      list: 2,
      // The leases of the run and of its end, and the floors.
      UpdateItem: 2 + partitions,
      // One to ask what it refers to, one before its chunks.
      GetItem: 2 * partitions,
      BatchGetItem: 1,
      // Deletions, groups, topics twice, the pages of the one that has some, twice; sixteen keys of chunks each.
      Query: 1 + 1 + 2 + 2 + 16 * partitions,
    });
  });

  it('deletes a thousand segments in one request, and what pages held by a request each', async () => {
    const log = await open(0);
    ahead += 8 * 24 * HOUR;
    await log.upkeep();
    asked = {};

    expect(await log.upkeep()).toMatchObject({
      candidates: PARTITIONS + APPENDS,
      deleted: PARTITIONS + APPENDS,
      failed: 0,
    });

    expect(asked.delete).toBe(1);
    expect(asked.DeleteItem).toBeLessThan(10);
    asked = {};
    await log.upkeep();
    expect(asked.DeleteItem).toBeUndefined();
    expect(asked.delete).toBeUndefined();
  });
});
