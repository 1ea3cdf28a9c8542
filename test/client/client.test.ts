import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Client, connect } from '../../lib/client/client.ts';
import { type RunningDoor, runDoor } from '../doors/http/running-door.ts';

let door: RunningDoor;
let client: Client;

beforeEach(async () => {
  door = await runDoor();
  client = connect(door.url);
});

afterEach(() => door.close());

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

describe('topics', () => {
  test('are created, described, altered and deleted', async () => {
    const created = await client.topics.create('orders', { partitions: 3, config: { 'retention.ms': '60000' } });
    expect(created).toMatchObject({ name: 'orders', partitions: 3 });
    expect(created.config['retention.ms']).toMatchObject({ value: '60000', is_default: false });

    const altered = await client.topics.alter('orders', { partitions: 5, config: { 'retention.ms': null } });
    expect(altered.config['retention.ms']).toMatchObject({ is_default: true });
    expect(await client.topics.describe('orders')).toEqual(altered);
    expect(altered.partitions).toBe(5);

    await client.topics.delete('orders');
    await expect(client.topics.describe('orders')).rejects.toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION' });
  });

  test('are listed by name, over more than one page of the door', async () => {
    const names = Array.from({ length: 1001 }, (_, index) => `t${String(index).padStart(4, '0')}`);
    for (const name of names) await door.log.topics.create(name);

    expect((await collect(client.topics.list())).map(({ name }) => name)).toEqual(names);
  });
});

describe('records', () => {
  test('are appended in one request and polled back', async () => {
    await client.topics.create('orders', { partitions: 1 });

    const appended = await client.append('orders', [
      { key: 'a', value: { total: 12 }, headers: { source: 'web' }, timestamp: 1_700_000_000_000 },
      { key_base64: '/w==', value_base64: '/wA=' },
      { key: 'b', value: null },
    ]);

    expect(appended.map(({ partition, offset }) => [partition, offset])).toEqual([
      [0, 0],
      [0, 1],
      [0, 2],
    ]);
    const polled = await client.poll('orders', 0, 'earliest');
    expect(polled).toMatchObject({ next: 3, highWatermark: 3, logStart: 0 });
    expect(polled.records).toMatchObject([
      { offset: 0, timestamp: 1_700_000_000_000, key: 'a', value: { total: 12 }, headers: { source: 'web' } },
      { offset: 1, key_base64: '/w==', value_base64: '/wA=' },
      { offset: 2, key: 'b', value: null },
    ]);
  });

  test('are polled from an offset, from a time, and with a limit', async () => {
    await client.topics.create('orders', { partitions: 1 });
    await client.append(
      'orders',
      [1000, 2000, 3000].map((timestamp) => ({ value: timestamp, timestamp })),
    );
    const values = async (...[from, options]: [Parameters<Client['poll']>[2], Parameters<Client['poll']>[3]?]) =>
      (await client.poll('orders', 0, from, options)).records.map(({ value }) => value);

    expect(await values(1)).toEqual([2000, 3000]);
    expect(await values({ timestamp: 1001 })).toEqual([2000, 3000]);
    expect(await values({ timestamp: '1970-01-01T00:00:03Z' })).toEqual([3000]);
    expect(await values('latest')).toEqual([]);
    expect(await values(0, { limit: 2 })).toEqual([1000, 2000]);
  });

  test('a poll that waits answers with what comes meanwhile', async () => {
    await client.topics.create('orders', { partitions: 1 });

    const waiting = client.poll('orders', 0, 'latest', { wait: 20_000 });
    await client.append('orders', [{ value: 'late' }]);

    expect((await waiting).records).toMatchObject([{ offset: 0, value: 'late' }]);
  });

  test('are located, and deleted up to an offset', async () => {
    await client.topics.create('orders', { partitions: 1 });
    await client.append(
      'orders',
      [1000, 2000, 3000].map((timestamp) => ({ value: timestamp, timestamp })),
    );

    expect(await client.locate('orders', 0, { timestamp: 1500 })).toMatchObject({ earliest: 0, latest: 3, offset: 1 });
    expect(await client.locate('orders', 0, { timestamp: 5000 })).toMatchObject({ offset: 3 });
    expect(await client.locate('orders', 0, 'latest')).toMatchObject({ offset: 3 });
    expect(await client.deleteRecords('orders', 0, 2)).toBe(2);
    expect(await client.offsets('orders', 0)).toEqual({ earliest: 2, latest: 3 });
    await expect(client.poll('orders', 0, 0)).rejects.toMatchObject({ code: 'OFFSET_OUT_OF_RANGE', retriable: false });
    expect(await client.deleteRecords('orders', 0, 'latest')).toBe(3);
  });

  test('one that is refused rejects the append with its own error', async () => {
    await client.topics.create('orders', { partitions: 1, config: { 'max.message.bytes': '1000' } });

    const append = client.append('orders', [{ value: 'x'.repeat(2000), partition: 0 }]);

    await expect(append).rejects.toMatchObject({ code: 'MESSAGE_TOO_LARGE' });
  });
});

describe('groups', () => {
  test('commit, are listed with their lag, and are deleted', async () => {
    await client.topics.create('orders', { partitions: 1 });
    await client.append('orders', [{ value: 1 }, { value: 2 }, { value: 3 }]);

    await client.groups.commit('billing', [{ topic: 'orders', partition: 0, offset: 1, metadata: 'm' }]);

    expect(await collect(client.groups.list())).toEqual(['billing']);
    expect(await client.groups.offsets('billing')).toEqual([
      { topic: 'orders', partition: 0, offset: 1, metadata: 'm', latest: 3, lag: 2 },
    ]);
    await client.groups.delete('billing');
    await expect(client.groups.offsets('billing')).rejects.toMatchObject({ code: 'GROUP_ID_NOT_FOUND' });
  });

  test('may have any name that an address can hold', async () => {
    await client.topics.create('orders', { partitions: 1 });
    for (const group of ['a/b', 'ü ?#%', '...']) {
      await client.groups.commit(group, [{ topic: 'orders', partition: 0, offset: 0 }]);
      expect(await client.groups.offsets(group)).toMatchObject([{ offset: 0 }]);
    }
    for (const group of ['.', '..', '']) {
      await expect(async () => client.groups.offsets(group)).rejects.toMatchObject({ code: 'INVALID_REQUEST' });
    }
  });
});
