import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EventLog } from '../../../lib/log/event-log.ts';
import { openMemory } from '../../../lib/open/memory.ts';
import { travelClock } from '../../support/clock.ts';
import { codeOf } from '../../support/code-of.ts';
import { type Processes, startProcesses } from './processes.ts';

const records = (count: number, partition = 0) =>
  Array.from({ length: count }, (_, i) => ({ value: `${i}`, partition }));

describe('groups', () => {
  let log: EventLog;
  beforeEach(async () => {
    log = await openMemory();
    await log.topics.create('orders', { partitions: 2 });
    await log.append('orders', [...records(10, 0), ...records(20, 1)]);
  });
  afterEach(() => log.close());

  it('keep the offsets that are set, with metadata, by topic and partition', async () => {
    await log.topics.create('a-topic');
    await log.groups.commit('g', [
      { topic: 'orders', partition: 1, offset: 20, metadata: 'é' },
      { topic: 'orders', partition: 0, offset: 4 },
      { topic: 'a-topic', partition: 0, offset: 0 },
    ]);
    expect(await log.groups.offsets('g')).toEqual([
      { topic: 'a-topic', partition: 0, offset: 0 },
      { topic: 'orders', partition: 0, offset: 4 },
      { topic: 'orders', partition: 1, offset: 20, metadata: 'é' },
    ]);
  });

  it('may be set back', async () => {
    await log.groups.commit('g', [{ topic: 'orders', partition: 0, offset: 9 }]);
    await log.groups.commit('g', [{ topic: 'orders', partition: 0, offset: 2 }]);
    expect(await log.groups.offsets('g')).toMatchObject([{ offset: 2 }]);
  });

  it('have a lag, counted from the log start when that is higher', async () => {
    await log.groups.commit('g', [
      { topic: 'orders', partition: 0, offset: 2 },
      { topic: 'orders', partition: 1, offset: 20 },
    ]);
    const lags = async () => (await log.groups.lag('g')).map(({ latest, lag }) => ({ latest, lag }));
    expect(await lags()).toEqual([
      { latest: 10, lag: 8 },
      { latest: 20, lag: 0 },
    ]);
    await log.deleteRecords('orders', 0, 7);
    expect((await lags())[0]).toEqual({ latest: 10, lag: 3 });
    await log.append('orders', records(5, 1));
    expect((await lags())[1]).toEqual({ latest: 25, lag: 5 });
  });

  it('are listed page by page', async () => {
    for (const group of ['c', 'a', 'b']) {
      await log.groups.commit(group, [{ topic: 'orders', partition: 0, offset: 0 }]);
    }
    expect(await log.groups.list()).toEqual(['a', 'b', 'c']);
    expect(await log.groups.list({ limit: 2 })).toEqual(['a', 'b']);
    expect(await log.groups.list({ after: 'b' })).toEqual(['c']);
    for (const limit of [0, -1, 1.5, 10_001]) expect(await codeOf(log.groups.list({ limit }))).toBe('INVALID_REQUEST');
  });

  it('know nothing of a topic that was deleted, or made anew', async () => {
    await log.topics.create('gone');
    await log.groups.commit('g', [
      { topic: 'gone', partition: 0, offset: 0 },
      { topic: 'orders', partition: 0, offset: 1 },
    ]);
    await log.topics.delete('gone');
    expect(await log.groups.offsets('g')).toEqual([{ topic: 'orders', partition: 0, offset: 1 }]);
    await log.topics.create('gone');
    expect(await log.groups.offsets('g')).toHaveLength(1);
    expect(await log.groups.lag('g')).toHaveLength(1);
    await log.topics.delete('orders');
    expect(await log.groups.offsets('g')).toEqual([]);
  });

  it.each([
    [{ offset: 11 }, 'OFFSET_OUT_OF_RANGE'],
    [{ offset: 2 }, 'OFFSET_OUT_OF_RANGE'],
    [{ offset: -1 }, 'OFFSET_OUT_OF_RANGE'],
    [{ offset: 5.5 }, 'OFFSET_OUT_OF_RANGE'],
    [{ partition: 2 }, 'UNKNOWN_TOPIC_OR_PARTITION'],
    [{ partition: -1 }, 'UNKNOWN_TOPIC_OR_PARTITION'],
    [{ topic: 'none' }, 'UNKNOWN_TOPIC_OR_PARTITION'],
    [{ topic: '' }, 'UNKNOWN_TOPIC_OR_PARTITION'],
    [{ metadata: 'x'.repeat(4097) }, 'OFFSET_METADATA_TOO_LARGE'],
    [{ partition: 1 }, 'INVALID_REQUEST'],
  ])('refuse %j with %s, and then change nothing', async (wrong, code) => {
    await log.deleteRecords('orders', 0, 3);
    const commit = log.groups.commit('g', [
      { topic: 'orders', partition: 1, offset: 5 },
      { topic: 'orders', partition: 0, offset: 5, ...wrong },
    ]);
    expect(await codeOf(commit)).toBe(code);
    expect(await codeOf(log.groups.offsets('g'))).toBe('GROUP_ID_NOT_FOUND');
  });

  it.each(['', 'a\0b', 'x'.repeat(256), '\ud800'])('are not named %j', async (group) => {
    for (const call of [
      log.groups.offsets(group),
      log.groups.lag(group),
      log.groups.commit(group, []),
      log.groups.delete(group),
    ]) {
      expect(await codeOf(call)).toBe('INVALID_GROUP_ID');
    }
  });

  it('may be named anything else', async () => {
    for (const group of ['x'.repeat(255), 'Größe / 1#2', '漢字']) {
      await log.groups.commit(group, [{ topic: 'orders', partition: 0, offset: 1 }]);
      expect(await log.groups.offsets(group)).toHaveLength(1);
    }
  });

  it('are forgotten when they are deleted', async () => {
    await log.groups.commit('g', [{ topic: 'orders', partition: 0, offset: 1 }]);
    await log.groups.delete('g');
    expect(await log.groups.list()).toEqual([]);
    expect(await codeOf(log.groups.offsets('g'))).toBe('GROUP_ID_NOT_FOUND');
    expect(await codeOf(log.groups.delete('g'))).toBe('GROUP_ID_NOT_FOUND');
  });

  it('are left alone while a consumer runs', async () => {
    const consumer = log.consumer({ group: 'g', topics: ['orders'], maxRecords: 5 });
    const { value: batch } = await consumer[Symbol.asyncIterator]().next();
    await batch!.commit();

    const offsets = [{ topic: 'orders', partition: 0, offset: 0 }];
    expect(await codeOf(log.groups.commit('g', offsets))).toBe('NON_EMPTY_GROUP');
    expect(await codeOf(log.groups.delete('g'))).toBe('NON_EMPTY_GROUP');
    expect(await log.groups.offsets('g')).toMatchObject([{ offset: 5 }]);

    await consumer.close();
    await log.groups.commit('g', offsets);
    await log.groups.delete('g');
  });

  it('take the commits of many administrators, one after the other', async () => {
    const codes = await Promise.all(
      Array.from({ length: 10 }, (_, offset) =>
        codeOf(log.groups.commit('g', [{ topic: 'orders', partition: 0, offset }])),
      ),
    );
    expect(new Set(codes)).toEqual(new Set(['no error']));
    expect(await log.groups.offsets('g')).toHaveLength(1);
  });
});

describe('a group whose consumer froze', () => {
  let processes: Processes;
  beforeEach(async () => {
    processes = await startProcesses();
  });
  afterEach(() => processes.close());

  it('can be set by an administrator after its lease, and the consumer cannot undo it', async () => {
    const clock = travelClock();
    const a = processes.start();
    const b = processes.start({ clock });
    await a.topics.create('orders');
    await a.append('orders', records(10));
    const frozen = a.consumer({ group: 'g', topics: ['orders'], maxRecords: 5 });
    const { value: batch } = await frozen[Symbol.asyncIterator]().next();
    expect(await codeOf(b.groups.commit('g', [{ topic: 'orders', partition: 0, offset: 1 }]))).toBe('NON_EMPTY_GROUP');

    clock.advance(11_000);
    await b.groups.commit('g', [{ topic: 'orders', partition: 0, offset: 1 }]);

    expect(await codeOf(batch!.commit())).toBe('ILLEGAL_GENERATION');
    expect(await b.groups.offsets('g')).toMatchObject([{ offset: 1 }]);
    await frozen.close();
  });
});
