import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { VarveError } from '../../../lib/errors.ts';
import { segmentName } from '../../../lib/format/segments/names.ts';
import { systemRandom, timeId } from '../../../lib/ids.ts';
import type { EventLog } from '../../../lib/log/event-log.ts';
import type { Catalog } from '../../../lib/stores/catalog/catalog.ts';
import type { ObjectStore } from '../../../lib/stores/objects/objects.ts';
import { poll } from '../../support/poll.ts';
import { openPlace, type Place, segments, valuesOf } from './stores.ts';

const HOUR = 3_600_000;

describe('the sweep', () => {
  let place: Place;
  let log: EventLog;
  beforeEach(async () => {
    place = await openPlace();
    log = place.open();
  });
  afterEach(() => place.close());

  const append = (value: string, topic = 'orders') => log.append(topic, [{ value, partition: 0 }]);
  /** What a writer leaves that ended between the put and the commit. */
  const orphan = async (age: number) => {
    const name = segmentName(timeId(place.clock.now() - age, systemRandom));
    await place.objects.put(name, [Buffer.from('written, never committed')]);
    return name;
  };

  it('deletes orphans that are older than the grace, and nothing that can be read', async () => {
    await log.topics.create('orders', { config: { 'retention.ms': '-1' } });
    for (let i = 0; i < 40; i++) await append(`${i}`);
    place.clock.advance(2 * HOUR);
    for (let i = 0; i < 20; i++) await orphan(HOUR + 60_000);
    const young = await orphan(HOUR - 60_000);
    await append('young');

    expect(await log.upkeep()).toMatchObject({ candidates: 60, deleted: 20, failed: 0, done: true });

    expect(await segments(place)).toHaveLength(42);
    expect(await segments(place)).toContain(young);
    expect((await valuesOf(log, 'orders')).length).toBe(41);
    expect((await valuesOf(place.open(), 'orders')).length).toBe(41);
    expect(await log.upkeep()).toMatchObject({ candidates: 40, deleted: 0 });
  });

  it('keeps a segment as long as one of its partitions points to it', async () => {
    const config = { 'retention.ms': '-1' };
    await log.topics.create('orders', { partitions: 2, config });
    await log.append('orders', [
      { value: 'in 0', partition: 0 },
      { value: 'in 1', partition: 1 },
    ]);
    place.clock.advance(2 * HOUR);

    await log.deleteRecords('orders', 0, 'latest');
    expect(await log.upkeep()).toMatchObject({ candidates: 1, deleted: 0 });
    expect(await valuesOf(place.open(), 'orders', 1)).toEqual(['in 1']);
    await log.deleteRecords('orders', 1, 'latest');

    expect(await log.upkeep()).toMatchObject({ candidates: 1, deleted: 1 });
  });

  it('frees what a deleted topic took', async () => {
    await log.topics.create('orders', { config: { 'retention.ms': '-1' } });
    await log.topics.create('others', { config: { 'retention.ms': '-1' } });
    for (let i = 0; i < 30; i++) await append(`${i}`, i % 3 === 0 ? 'others' : 'orders');
    await log.topics.delete('orders');
    place.clock.advance(2 * HOUR);

    expect(await log.upkeep()).toMatchObject({ candidates: 30, deleted: 20 });

    expect(await valuesOf(place.open(), 'others')).toHaveLength(10);
  });

  it('goes on over many rounds of few candidates, each with the topics as they are then', async () => {
    const small = place.open({ upkeep: { candidates: 7 } });
    await log.topics.create('orders', { config: { 'retention.ms': '-1' } });
    for (let i = 0; i < 30; i++) await append(`${i}`);
    place.clock.advance(2 * HOUR);
    for (let i = 0; i < 50; i++) await orphan(HOUR + i);

    expect(await small.upkeep()).toMatchObject({ candidates: 80, deleted: 50, done: true });
    expect(await valuesOf(place.open(), 'orders')).toHaveLength(30);
  });

  it('that runs out of time says so, and the next one goes on', async () => {
    await log.topics.create('orders', { config: { 'retention.ms': '-1' } });
    for (let i = 0; i < 50; i++) await orphan(2 * HOUR + i);
    /** A deletion takes a minute. */
    const slow = place.open({
      upkeep: { candidates: 10 },
      objects: {
        ...place.objects,
        close: async () => {},
        async delete(names) {
          place.clock.advance(60_000);
          await place.objects.delete(names);
        },
      },
    });

    const reports = [];
    for (let i = 0; i < 10 && reports.at(-1)?.done !== true; i++) reports.push(await slow.upkeep({ budget: 90_000 }));

    expect(reports.length).toBeGreaterThan(2);
    expect(reports[0]).toMatchObject({ done: false });
    expect(reports.reduce((sum, { deleted }) => sum + deleted, 0)).toBe(50);
    expect(await segments(place)).toEqual([]);
  });

  it('stops when its log is closed, and deletes nothing after that', async () => {
    await log.topics.create('orders');
    for (let i = 0; i < 5; i++) await orphan(2 * HOUR);
    const patient = place.open({ upkeep: { wait: 30_000 } });

    const running = patient.upkeep();
    await poll('the judgement', 5_000, async () => {
      const topic = await place.catalog.topics.get('orders');
      return (await place.catalog.partitions.head({ topicId: topic!.id, partition: 0 }))!.floor > 0 || undefined;
    });
    await patient.close();

    expect(await running).toMatchObject({ done: false, deleted: 0 });
    expect(await segments(place)).toHaveLength(5);
  });

  describe('beside an appender that froze between its put and its commit', () => {
    it.each(['before', 'after'])('is %s it at the partition, and the record is there for good', async (order) => {
      await log.topics.create('orders', { config: { 'retention.ms': '-1' } });
      let thaw = () => {};
      let isFrozen = false;
      const frozen = new Promise<void>((resolve) => (thaw = resolve));
      const slow = place.open({
        objects: {
          ...place.objects,
          close: async () => {},
          async put(name, parts, options) {
            await place.objects.put(name, parts, options);
            if (isFrozen) return;
            isFrozen = true;
            await frozen;
          },
        },
      });
      const appending = slow.append('orders', [{ value: 'thawed' }], { timeout: HOUR });
      await poll('the put', 5_000, () => isFrozen || undefined);
      // Within the put's own deadline, beyond which the appender gives up by itself.
      const jump = 50_000;
      place.clock.advance(jump);
      const sweeper = place.open({ upkeep: { grace: jump / 2 } });

      if (order === 'before') {
        expect(await sweeper.upkeep()).toMatchObject({ candidates: 1, deleted: 1 });
        thaw();
        await appending;
      } else {
        thaw();
        await appending;
        expect(await sweeper.upkeep()).toMatchObject({ candidates: 1, deleted: 0 });
      }

      place.clock.advance(10 * HOUR);
      await sweeper.upkeep();
      expect(await valuesOf(place.open(), 'orders')).toEqual(['thawed']);
      expect(await segments(place)).toHaveLength(1);
    });
  });

  it('keeps everything when a partition cannot be asked', async () => {
    await log.topics.create('orders', { config: { 'retention.ms': '-1' } });
    await append('kept');
    await orphan(2 * HOUR);
    place.clock.advance(2 * HOUR);
    const failing: Catalog = {
      ...place.catalog,
      shared: false,
      close: async () => {},
      partitions: {
        ...place.catalog.partitions,
        references: async () => {
          throw new Error('no answer');
        },
      },
    };

    const report = await place.open({ catalog: failing }).upkeep();

    expect(report).toMatchObject({ deleted: 0, failed: 1, failure: expect.objectContaining({ message: 'no answer' }) });
    expect(await segments(place)).toHaveLength(2);
    expect(await log.upkeep()).toMatchObject({ deleted: 1, failed: 0 });
  });

  it('by two at once deletes the same and no more', async () => {
    await log.topics.create('orders', { config: { 'retention.ms': '-1' } });
    for (let i = 0; i < 20; i++) await append(`${i}`);
    place.clock.advance(2 * HOUR);
    for (let i = 0; i < 20; i++) await orphan(HOUR + i);

    const reports = await Promise.all([place.open().upkeep(), place.open().upkeep()]);

    expect(reports.every(({ elsewhere, failed }) => !elsewhere && failed === 0)).toBe(true);
    expect(await segments(place)).toHaveLength(20);
    expect(await valuesOf(place.open(), 'orders')).toHaveLength(20);
  });
});

describe('where several processes share the stores', () => {
  let place: Place;
  beforeEach(async () => {
    place = await openPlace();
  });
  afterEach(() => place.close());

  it('one does the upkeep at a time, and another when that one’s lease is over', async () => {
    const [one, other] = [place.open({ shared: true }), place.open({ shared: true })];
    await one.topics.create('orders');
    const now = place.clock.now();
    const lease = await place.catalog.leases.acquire('upkeep', 'a process that died', now, now + 900_000);
    expect(lease).toBeDefined();

    expect(await one.upkeep()).toMatchObject({ elsewhere: true, partitions: 0 });
    place.clock.advance(901_000);
    expect(await one.upkeep()).toMatchObject({ elsewhere: false, partitions: 1 });
    expect(await other.upkeep()).toMatchObject({ elsewhere: false, partitions: 1 });
  });

  it('a sweep is made as seldom as it is told to be, whoever makes it', async () => {
    const upkeep = { sweepEvery: 6 * HOUR };
    const [one, other] = [place.open({ shared: true, upkeep }), place.open({ shared: true, upkeep })];
    await one.topics.create('orders', { config: { 'retention.ms': '-1' } });
    const put = () =>
      place.objects.put(segmentName(timeId(place.clock.now() - 2 * HOUR, systemRandom)), [Buffer.from('orphan')]);
    await put();

    expect(await one.upkeep()).toMatchObject({ deleted: 1 });
    await put();
    expect(await other.upkeep()).toMatchObject({ candidates: 0, deleted: 0, done: true });
    place.clock.advance(6 * HOUR + 1_000);
    expect(await other.upkeep()).toMatchObject({ deleted: 1 });
  });

  it('a reader by an old head reads on, or is told that its offset is out of range', async () => {
    const [here, there] = [place.open({ shared: true }), place.open({ shared: true })];
    await here.topics.create('orders', { config: { 'retention.ms': '-1' } });
    for (let i = 0; i < 40; i++) await there.append('orders', [{ value: `${i}` }]);
    // Known here, and not read yet.
    await here.offsets('orders', 0);
    expect((await here.poll('orders', 0, 39)).records).toHaveLength(1);

    await there.deleteRecords('orders', 0, 30);
    place.clock.advance(2 * HOUR);
    await there.upkeep();
    await there.upkeep();

    const failed = await here.poll('orders', 0, 5).catch((error: VarveError) => error.code);
    expect(failed).toBe('OFFSET_OUT_OF_RANGE');
    expect((await here.poll('orders', 0, 30)).records).toHaveLength(10);
    expect(await here.offsetAt('orders', 0, 0)).toMatchObject({ offset: 30 });
  });

  it('a reader whose segments go between its head and its reads looks again, and is told the truth', async () => {
    const there = place.open({ shared: true });
    await there.topics.create('orders', { config: { 'retention.ms': '-1' } });
    for (let i = 0; i < 10; i++) await there.append('orders', [{ value: `${i}` }]);
    place.clock.advance(2 * HOUR);
    /** A process in whose first get of an object something else happens before. */
    const reader = (act: () => Promise<void>) => {
      let isFirst = true;
      const get: ObjectStore['get'] = async (name, range) => {
        if (isFirst) {
          isFirst = false;
          await act();
        }
        return place.objects.get(name, range);
      };
      return place.open({ shared: true, objects: { ...place.objects, close: async () => {}, get } });
    };
    const swept = (before: number) => async () => {
      await there.deleteRecords('orders', 0, before);
      await there.upkeep();
    };

    const polled = reader(swept(4)).poll('orders', 0, 2);
    expect(await polled.catch((error: VarveError) => error.code)).toBe('OFFSET_OUT_OF_RANGE');
    expect(await reader(swept(6)).offsetAt('orders', 0, 0)).toMatchObject({ offset: 6 });
    expect(await segments(place)).toHaveLength(4);
  });
});
