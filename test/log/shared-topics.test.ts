import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeBatch } from '../../lib/format/records/batch.ts';
import { systemRandom } from '../../lib/ids.ts';
import { parseBrokerConfig } from '../../lib/log/broker-config.ts';
import type { EventLog } from '../../lib/log/event-log.ts';
import { GROWTH_MS } from '../../lib/log/follow.ts';
import { createLog } from '../../lib/log/log.ts';
import { embeddedPrices } from '../../lib/log/placement.ts';
import { openSqlite } from '../../lib/stores/catalog/sqlite/sqlite.ts';
import { openMemory } from '../../lib/stores/objects/memory.ts';
import { type TravelClock, travelClock } from '../support/clock.ts';

/** A batch of one record. */
const batchOf = (value: string) =>
  encodeBatch([{ key: null, value: Buffer.from(value), headers: [], timestamp: Date.now() }]);

describe('a topic that another process changes', () => {
  let clock: TravelClock;
  let here: EventLog;
  let there: EventLog;
  let close: () => Promise<void>;

  beforeEach(async () => {
    clock = travelClock();
    const options = { clock, random: systemRandom };
    const sqlite = await openSqlite({ path: ':memory:', ...options });
    const objects = openMemory();
    const process = () =>
      createLog({
        ...options,
        catalog: { ...sqlite, shared: true, close: async () => {} },
        objects: { ...objects, close: async () => {} },
        brokerConfig: parseBrokerConfig([]),
        prices: embeddedPrices,
      });
    here = process();
    there = process();
    close = async () => {
      await Promise.all([here.close(), there.close()]);
      await sqlite.close();
    };
    await here.topics.create('orders');
    await here.append('orders', [{ value: 'seen' }]);
  });
  afterEach(() => close());

  it('is found under its name when it was deleted and made again', async () => {
    await there.topics.delete('orders');
    await there.topics.create('orders');
    expect(await here.offsets('orders', 0)).toEqual({ earliest: 0, latest: 0 });

    await there.topics.delete('orders');
    await there.topics.create('orders');
    await there.append('orders', [{ value: 'newest' }]);

    expect(await here.offsets('orders', 0)).toEqual({ earliest: 0, latest: 1 });
    const { records } = await here.poll('orders', 0, 0);
    expect(records.map(({ value }) => Buffer.from(value!).toString())).toEqual(['newest']);
  });

  it('is read from its beginning when it was made again', async () => {
    await there.topics.delete('orders');
    await there.topics.create('orders', { partitions: 2 });
    await there.append('orders', [{ value: 'new', partition: 1 }]);

    const read = [];
    for await (const { partition, value } of here.read('orders', { follow: false })) {
      read.push([partition, Buffer.from(value!).toString()]);
    }

    expect(read).toEqual([[1, 'new']]);
  });

  it('takes records into partitions that it got', async () => {
    await there.topics.grow('orders', 3);

    const mixed = await here.appendSettled('orders', [
      { value: 'old', partition: 0 },
      { value: 'new', partition: 2 },
    ]);
    const producer = { ...(await here.allocateProducer()), sequence: 0 };
    await there.topics.grow('orders', 4);
    const idempotent = await here.append('orders', [{ value: 'new', partition: 3 }], { producer });

    expect(mixed).toMatchObject([
      { partition: 0, offset: 1 },
      { partition: 2, offset: 0 },
    ]);
    expect(idempotent).toMatchObject([{ partition: 3, offset: 0 }]);
  });

  it('is followed into partitions that it got', async () => {
    const records = here.read('orders', { from: 'latest' })[Symbol.asyncIterator]();
    const next = records.next();

    await there.topics.grow('orders', 2);
    await there.append('orders', [{ value: 'new', partition: 1 }]);
    const looking = setInterval(() => clock.advance(GROWTH_MS), 20);
    const { value } = await next.finally(() => clearInterval(looking));

    expect(value).toMatchObject({ partition: 1, offset: 0, value: new TextEncoder().encode('new') });
    await records.return?.();
  });

  it('takes batches and records in the order of the calls', async () => {
    const answers = await Promise.all([
      here.appendBatch('orders', 0, batchOf('first')),
      here.append('orders', [{ value: 'second' }]).then(([answer]) => answer!),
      here.appendBatch('orders', 0, batchOf('third')),
    ]);

    expect(answers.map(({ offset }) => offset)).toEqual([1, 2, 3]);
  });
});
