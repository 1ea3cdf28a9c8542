import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeBatch } from '../../lib/format/records/batch.ts';
import { segmentIdOf } from '../../lib/format/segments/names.ts';
import { systemRandom, timeOf } from '../../lib/ids.ts';
import { parseBrokerConfig } from '../../lib/log/broker-config.ts';
import type { EventLog } from '../../lib/log/event-log.ts';
import { createLog } from '../../lib/log/log.ts';
import type { Prices } from '../../lib/log/placement.ts';
import type { Catalog } from '../../lib/stores/catalog/catalog.ts';
import { openSqlite } from '../../lib/stores/catalog/sqlite/sqlite.ts';
import { openMemory } from '../../lib/stores/objects/memory.ts';
import { ObjectError } from '../../lib/stores/objects/objects.ts';
import { type TravelClock, travelClock } from '../support/clock.ts';
import { poll } from '../support/poll.ts';

const SEGMENTS: Prices = { put: 0, pointer: 0, carried: () => 1, carryLimit: 0 };

describe('an append whose object may be swept before it is committed', () => {
  let clock: TravelClock;
  let catalog: Catalog;
  let log: EventLog;
  /** Puts that wait for their answer, in order. */
  let puts: { name: string; answer: (error?: Error) => void }[];

  beforeEach(async () => {
    clock = travelClock();
    puts = [];
    catalog = await openSqlite({ path: ':memory:', clock, random: systemRandom });
    const objects = openMemory();
    log = createLog({
      catalog,
      objects: {
        ...objects,
        async put(name, parts) {
          await objects.put(name, parts);
          await new Promise<void>((resolve, reject) => {
            puts.push({ name, answer: (error) => (error ? reject(error) : resolve()) });
          });
        },
      },
      clock,
      random: systemRandom,
      brokerConfig: parseBrokerConfig([]),
      prices: SEGMENTS,
      writer: { linger: 0 },
    });
    await log.topics.create('orders');
  });
  afterEach(() => log.close());

  const nthPut = (n: number) => poll(`put ${n}`, 5_000, () => puts[n]);

  /** Everything up to the object of this put may be swept. */
  async function sweep({ name }: { name: string }): Promise<void> {
    const topic = await catalog.topics.get('orders');
    await catalog.partitions.raiseFloor({ topicId: topic!.id, partition: 0 }, timeOf(segmentIdOf(name)!));
  }

  it('stays before what was appended after it', async () => {
    const first = log.append('orders', [{ value: 'first' }]);
    const swept = await nthPut(0);
    clock.advance(5);
    const second = log.append('orders', [{ value: 'second' }]);
    const kept = await nthPut(1);
    await sweep(swept);

    kept.answer();
    swept.answer();
    (await nthPut(2)).answer();

    expect([await first, await second]).toMatchObject([[{ offset: 0 }], [{ offset: 1 }]]);
  });

  it('is refused with an error of the table when its object cannot be written again', async () => {
    const batch = encodeBatch([{ key: null, value: Buffer.from('v'), headers: [], timestamp: clock.now() }]);
    const appended = log.appendBatch('orders', 0, batch);
    const swept = await nthPut(0);
    await sweep(swept);

    swept.answer();
    (await nthPut(1)).answer(new ObjectError('STORE_FULL', 'The disk is full.'));

    await expect(appended).rejects.toMatchObject({ code: 'KAFKA_STORAGE_ERROR', retriable: true });
    expect(await log.offsets('orders', 0)).toEqual({ earliest: 0, latest: 0 });
  });
});
