import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EventLog } from '../../../lib/log/event-log.ts';
import { chunkOf } from '../../support/chunk.ts';
import { codeOf } from '../../support/code-of.ts';
import { CARRIED, openPlace, type Place, segments, timelessBatch, valuesOf } from './stores.ts';

const HOUR = 3_600_000;
describe('retention', () => {
  let place: Place;
  let log: EventLog;
  beforeEach(async () => {
    place = await openPlace();
    log = place.open();
  });
  afterEach(() => place.close());

  const append = (value: string, facts: { timestamp?: number; partition?: number } = {}) =>
    log.append('orders', [{ key: 'k', value, partition: 0, ...facts }]);
  const create = (config: Record<string, string>, partitions = 1) =>
    log.topics.create('orders', { partitions, config });
  const bytesOf = async (values: readonly string[]) => {
    const { batches } = await log.fetch('orders', 0, (await log.offsets('orders', 0)).earliest);
    return batches.slice(0, values.length).reduce((sum, batch) => sum + batch.length, 0);
  };

  describe('by time', () => {
    it('moves the log start past what is older, and no further', async () => {
      await create({ 'retention.ms': String(2 * HOUR) });
      await append('old');
      await append('old too');
      place.clock.advance(HOUR);
      await append('young');
      place.clock.advance(HOUR + 1_000);

      const report = await log.upkeep();

      expect(report).toMatchObject({ raised: 1, failed: 0, done: true, partitions: 1 });
      expect(await log.offsets('orders', 0)).toEqual({ earliest: 2, latest: 3 });
      expect(await valuesOf(log, 'orders')).toEqual(['young']);
      expect(await codeOf(log.poll('orders', 0, 0))).toBe('OFFSET_OUT_OF_RANGE');
      expect(await log.upkeep()).toMatchObject({ raised: 0 });
    });

    it('goes by the records’ own times, and stops at the first batch that holds a young one', async () => {
      await create({ 'retention.ms': String(HOUR) });
      const now = place.clock.now();
      await append('written now, of yesterday', { timestamp: now - 24 * HOUR });
      await log.append('orders', [
        { value: 'of yesterday', partition: 0, timestamp: now - 24 * HOUR },
        { value: 'of now', partition: 0, timestamp: now },
      ]);
      await append('of yesterday, behind', { timestamp: now - 24 * HOUR });

      await log.upkeep();

      expect(await valuesOf(log, 'orders')).toEqual(['of yesterday', 'of now', 'of yesterday, behind']);
    });

    it('takes the time of the append for records that have none', async () => {
      await create({ 'retention.ms': String(HOUR) });
      await log.appendBatch('orders', 0, timelessBatch('without a time'));

      await log.upkeep();
      expect(await valuesOf(log, 'orders')).toEqual(['without a time']);
      place.clock.advance(HOUR + 1_000);
      await log.upkeep();

      expect(await log.offsets('orders', 0)).toEqual({ earliest: 1, latest: 1 });
    });

    it('may take all there is; offsets go on from there', async () => {
      await create({ 'retention.ms': String(HOUR) }, 2);
      for (let i = 0; i < 300; i++) await append(`${i}`);
      place.clock.advance(2 * HOUR);

      await log.upkeep();

      expect(await log.offsets('orders', 0)).toEqual({ earliest: 300, latest: 300 });
      expect(await log.append('orders', [{ value: 'next', partition: 0 }])).toMatchObject([{ offset: 300 }]);
      expect(await valuesOf(log, 'orders')).toEqual(['next']);
    });

    it('follows a change of the topic', async () => {
      await create({ 'retention.ms': '-1' });
      await append('kept');
      place.clock.advance(10_000 * HOUR);
      await log.upkeep();
      expect(await valuesOf(log, 'orders')).toEqual(['kept']);

      await log.topics.configure('orders', { 'retention.ms': '1' });
      await log.upkeep();

      expect(await valuesOf(log, 'orders')).toEqual([]);
    });

    it('is a week where nobody said, or what the broker says', async () => {
      const own = place.open({ config: ['log.retention.hours=1'] });
      await log.topics.create('orders');
      await append('old');
      place.clock.advance(7 * 24 * HOUR - 60_000);

      await log.upkeep();
      expect(await valuesOf(log, 'orders')).toEqual(['old']);
      await own.upkeep();

      expect(await own.offsets('orders', 0)).toEqual({ earliest: 1, latest: 1 });
    });
  });

  describe('by bytes', () => {
    it('keeps at least as many, and not a batch more than that takes', async () => {
      const values = Array.from({ length: 200 }, (_, i) => `${i}`.padStart(100, '.'));
      await create({ 'retention.ms': '-1' });
      for (const value of values) await append(value);
      const last = values.slice(-30);
      const size = (await bytesOf(values)) / 200;
      await log.topics.configure('orders', { 'retention.bytes': String(Math.floor(size * 29.5)) });

      expect(await log.upkeep()).toMatchObject({ raised: 1 });

      expect(await valuesOf(log, 'orders')).toEqual(last);
      await append('one more'.padStart(100, '.'));
      await log.upkeep();
      expect(await valuesOf(log, 'orders')).toEqual([...last.slice(1), 'one more'.padStart(100, '.')]);
    });

    it('counts each partition by itself', async () => {
      await create({ 'retention.ms': '-1', 'retention.bytes': '1' }, 2);
      for (const partition of [0, 0, 1]) await append(`in ${partition}`, { partition });

      await log.upkeep();

      expect(await valuesOf(log, 'orders', 0)).toEqual(['in 0']);
      expect(await valuesOf(log, 'orders', 1)).toEqual(['in 1']);
    });

    it('of none keeps none', async () => {
      await create({ 'retention.ms': '-1', 'retention.bytes': '0' });
      for (let i = 0; i < 50; i++) await append(`${i}`);

      await log.upkeep();

      expect(await log.offsets('orders', 0)).toEqual({ earliest: 50, latest: 50 });
    });
  });

  it.each(['compact', ''])('leaves topics of cleanup.policy "%s" alone', async (policy) => {
    await create({ 'cleanup.policy': policy, 'retention.ms': '1', 'retention.bytes': '1' });
    await append('one');
    await append('two');
    place.clock.advance(HOUR);

    await log.upkeep();

    expect(await valuesOf(log, 'orders')).toEqual(['one', 'two']);
  });

  it('frees what carried batches and segments took: the next run of what one gave up', async () => {
    const carrying = place.open({ prices: CARRIED });
    await create({ 'retention.ms': String(2 * HOUR) });
    await append('in a segment');
    await carrying.append('orders', [{ value: 'x'.repeat(2_000) }]);
    const topic = await place.catalog.topics.get('orders');
    const of = { topicId: topic!.id, partition: 0 };
    const { entries } = (await place.catalog.partitions.head(of))!.tail;
    const chunk = () => chunkOf(place.catalog, of, entries[1]!.id);
    expect([(await segments(place)).length, (await chunk())?.length]).toEqual([1, expect.any(Number)]);
    place.clock.advance(3 * HOUR);

    expect(await log.upkeep()).toMatchObject({ raised: 1, deleted: 0 });
    expect(await log.upkeep()).toMatchObject({ raised: 0, candidates: 1, deleted: 1 });

    expect(await segments(place)).toEqual([]);
    await expect.poll(chunk).toBeUndefined();
  });

  it('does not disturb who reads and appends meanwhile', async () => {
    await create({ 'retention.ms': '-1', 'retention.bytes': '3000' });
    const ending = new AbortController();
    const read: number[] = [];
    const reading = (async () => {
      for await (const { offset } of log.read('orders', { partition: 0, signal: ending.signal })) {
        read.push(offset);
        if (offset === 399) return;
      }
    })();

    for (let i = 0; i < 400; i++) {
      expect(await append('x'.repeat(100))).toMatchObject([{ offset: i }]);
      if (i % 20 === 0) await log.upkeep();
    }
    await reading;

    expect(read).toEqual(read.toSorted((a, b) => a - b));
    expect(read.at(-1)).toBe(399);
    const { earliest } = await log.offsets('orders', 0);
    expect(earliest).toBeGreaterThan(350);
    expect((await valuesOf(log, 'orders')).length).toBe(400 - earliest);
  });
});
