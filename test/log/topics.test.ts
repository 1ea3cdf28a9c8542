import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import { systemRandom } from '../../lib/ids.ts';
import { parseBrokerConfig } from '../../lib/log/broker-config.ts';
import { createTopicAdmin, type TopicAdmin } from '../../lib/log/topics.ts';
import type { Catalog } from '../../lib/stores/catalog/catalog.ts';
import { openSqlite } from '../../lib/stores/catalog/sqlite/sqlite.ts';
import { codeOf } from '../support/code-of.ts';

describe('topics', () => {
  let catalog: Catalog;
  let topics: TopicAdmin;
  let changed: string[];
  beforeEach(async () => {
    catalog = await openSqlite({ path: ':memory:', clock: systemClock, random: systemRandom });
    changed = [];
    topics = createTopicAdmin({
      catalog,
      clock: systemClock,
      random: systemRandom,
      brokerConfig: parseBrokerConfig(['num.partitions=3', 'message.max.bytes=5000']),
      onChange: (name) => changed.push(name),
    });
  });
  afterEach(() => catalog.close());

  const setting = async (name: string, key: string) =>
    (await topics.describe(name)).config.find((entry) => entry.name === key);

  it('are created, described and listed', async () => {
    const created = await topics.create('orders', { partitions: 2, config: { 'retention.ms': '1000' } });

    expect(created).toMatchObject({ name: 'orders', partitions: 2 });
    expect(created.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(Math.abs(created.created - Date.now())).toBeLessThan(60_000);
    expect(await topics.describe('orders')).toEqual(created);
    expect(await topics.list()).toEqual([{ name: 'orders', id: created.id, partitions: 2 }]);
    expect(await setting('orders', 'retention.ms')).toMatchObject({ value: '1000', isDefault: false });
    expect(await setting('orders', 'max.message.bytes')).toMatchObject({ value: '5000', isDefault: true });
    expect(changed).toEqual(['orders']);
  });

  it("have the broker's number of partitions when none is given", async () => {
    expect(await topics.create('orders')).toMatchObject({ partitions: 3 });
  });

  it.each(['a', '0', 'a'.repeat(249), 'A.b_c-9', '...', '_', '-', '__consumer_offsets'])(
    'may be named %s',
    async (name) => {
      expect(await topics.create(name)).toMatchObject({ name });
    },
  );

  it.each(['', '.', '..', 'a'.repeat(250), 'a b', 'é', 'a/b', 'a\n', 'a\0', 'a#b', 'a:b'])(
    'may not be named %j',
    async (name) => {
      expect(await codeOf(topics.create(name))).toBe('INVALID_TOPIC_EXCEPTION');
      expect(await codeOf(topics.describe(name))).toBe('UNKNOWN_TOPIC_OR_PARTITION');
      expect(await codeOf(topics.delete(name))).toBe('UNKNOWN_TOPIC_OR_PARTITION');
      expect(await topics.list()).toEqual([]);
    },
  );

  it.each([
    ['orders.eu', 'orders_eu'],
    ['orders_eu', 'orders.eu'],
    ['a.b_c', 'a_b.c'],
    ['a.b.c.d.e', 'a_b_c.d_e'],
  ])('named %s leave no room for %s', async (first, second) => {
    await topics.create(first);
    expect(await codeOf(topics.create(second))).toBe('INVALID_TOPIC_EXCEPTION');
    expect(await topics.list()).toHaveLength(1);
  });

  it('with many dots collide with the name that is all underscores', async () => {
    await topics.create('a_b_c_d_e_f_g');
    expect(await codeOf(topics.create('a.b.c.d.e.f.g'))).toBe('INVALID_TOPIC_EXCEPTION');
    expect(await topics.create('a-b-c')).toMatchObject({ name: 'a-b-c' });
  });

  it.each([0, -1, 1.5, 10_001, Number.NaN, '3' as unknown as number])('have no %j partitions', async (partitions) => {
    expect(await codeOf(topics.create('orders', { partitions }))).toBe('INVALID_PARTITIONS');
    expect(await topics.list()).toEqual([]);
  });

  it('have up to 10,000 partitions', async () => {
    expect(await topics.create('wide', { partitions: 10_000 })).toMatchObject({ partitions: 10_000 });
  });

  it('are not created when anything is wrong with them, or when only validation is wanted', async () => {
    expect(await codeOf(topics.create('orders', { config: { 'retention.ms': 'x' } }))).toBe('INVALID_CONFIG');
    expect(await codeOf(topics.create('orders', { config: { nonsense: 'x' } }))).toBe('INVALID_CONFIG');
    expect(await topics.create('orders', { validateOnly: true })).toMatchObject({ name: 'orders', partitions: 3 });
    expect(await topics.list()).toEqual([]);
    expect(changed).toEqual([]);

    await topics.create('orders');
    expect(await codeOf(topics.create('orders', { validateOnly: true }))).toBe('TOPIC_ALREADY_EXISTS');
  });

  it('of one name, created by many at once, are one', async () => {
    const codes = await Promise.all(Array.from({ length: 20 }, () => codeOf(topics.create('orders'))));
    expect(codes.sort()).toEqual([...Array(19).fill('TOPIC_ALREADY_EXISTS'), 'no error']);
    expect(await topics.list()).toHaveLength(1);
  });

  it('are listed by name, page by page', async () => {
    for (const name of ['c', 'a', 'b']) await topics.create(name);
    const names = async (options: Parameters<TopicAdmin['list']>[0]) => (await topics.list(options)).map((t) => t.name);
    expect(await names({})).toEqual(['a', 'b', 'c']);
    expect(await names({ limit: 2 })).toEqual(['a', 'b']);
    expect(await names({ after: 'b' })).toEqual(['c']);
    for (const limit of [0, -1, 1.5, 10_001]) expect(await codeOf(topics.list({ limit }))).toBe('INVALID_REQUEST');
  });

  it('are configured key by key, and return to the default', async () => {
    await topics.create('orders', { config: { 'retention.ms': '1', 'segment.ms': '2' } });

    await topics.configure('orders', { 'retention.ms': null, 'max.message.bytes': '77' });

    expect(await setting('orders', 'retention.ms')).toMatchObject({ value: '604800000', isDefault: true });
    expect(await setting('orders', 'max.message.bytes')).toMatchObject({ value: '77', isDefault: false });
    expect(await setting('orders', 'segment.ms')).toMatchObject({ value: '2' });
  });

  it('are configured whole or not at all', async () => {
    await topics.create('orders');
    const changes = { 'retention.ms': '1', 'segment.ms': '0' };
    expect(await codeOf(topics.configure('orders', changes))).toBe('INVALID_CONFIG');
    expect(await setting('orders', 'retention.ms')).toMatchObject({ isDefault: true });
    expect(await codeOf(topics.configure('none', {}))).toBe('UNKNOWN_TOPIC_OR_PARTITION');
  });

  it('lose no change when several make one at a time', async () => {
    await topics.create('orders');
    await Promise.all([
      topics.configure('orders', { 'retention.ms': '1' }),
      topics.configure('orders', { 'segment.ms': '2' }),
      topics.grow('orders', 5),
      topics.configure('orders', { 'flush.ms': '3' }),
    ]);
    expect(await topics.describe('orders')).toMatchObject({ partitions: 5 });
    expect(await setting('orders', 'retention.ms')).toMatchObject({ value: '1' });
    expect(await setting('orders', 'segment.ms')).toMatchObject({ value: '2' });
    expect(await setting('orders', 'flush.ms')).toMatchObject({ value: '3' });
  });

  it('give up when others change them all the time', async () => {
    const busy = createTopicAdmin({
      catalog: { ...catalog, topics: { ...catalog.topics, update: async () => 'conflict' } },
      clock: systemClock,
      random: systemRandom,
      brokerConfig: parseBrokerConfig([]),
    });
    await busy.create('orders');
    expect(await codeOf(busy.grow('orders', 9))).toBe('REQUEST_TIMED_OUT');
  });

  it('only grow', async () => {
    await topics.create('orders', { partitions: 3 });
    expect(await topics.grow('orders', 4)).toMatchObject({ partitions: 4 });
    for (const partitions of [4, 3, 0, 10_001]) {
      expect(await codeOf(topics.grow('orders', partitions))).toBe('INVALID_PARTITIONS');
    }
    expect(await codeOf(topics.grow('none', 4))).toBe('UNKNOWN_TOPIC_OR_PARTITION');
    expect(await topics.describe('orders')).toMatchObject({ partitions: 4 });
  });

  it('are not deleted where delete.topic.enable is false', async () => {
    await topics.create('orders');
    const brokerConfig = parseBrokerConfig(['delete.topic.enable=false']);
    const fixed = createTopicAdmin({ catalog, clock: systemClock, random: systemRandom, brokerConfig });

    expect(await codeOf(fixed.delete('orders'))).toBe('TOPIC_DELETION_DISABLED');

    expect((await fixed.describe('orders')).name).toBe('orders');
  });

  it('are deleted, and made again under a new id', async () => {
    const first = await topics.create('orders');
    await topics.delete('orders');
    expect(await codeOf(topics.describe('orders'))).toBe('UNKNOWN_TOPIC_OR_PARTITION');
    expect(await codeOf(topics.delete('orders'))).toBe('UNKNOWN_TOPIC_OR_PARTITION');

    const second = await topics.create('orders');

    expect(second.id).not.toBe(first.id);
    expect(changed).toEqual(['orders', 'orders', 'orders']);
  });
});
