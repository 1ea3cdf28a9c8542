import { describe, expect, test } from 'vitest';
import { connect, type ReadOptions, type ReadRecord } from '../../lib/client/client.ts';
import { poll } from '../support/poll.ts';
import { brokenFetch } from './broken-fetch.ts';
import { doorWithOrders, following, valuesOf } from './orders.ts';

const door = doorWithOrders();
const { append } = door;

async function readAll(options: ReadOptions, client = connect(door.url)): Promise<ReadRecord[]> {
  const list: ReadRecord[] = [];
  for await (const record of client.read('orders', { follow: false, ...options })) list.push(record);
  return list;
}

describe('up to the end', () => {
  test('all partitions, each in its order', async () => {
    for (let round = 0; round < 5; round++)
      for (const partition of [0, 1, 2]) await append(partition, round, `r${round}`);

    const records = await readAll({});

    for (const partition of [0, 1, 2]) {
      expect(valuesOf(records, partition)).toEqual([0, 'r0', 1, 'r1', 2, 'r2', 3, 'r3', 4, 'r4']);
    }
    expect(records).toHaveLength(30);
  });

  test('from everywhere that may be named', async () => {
    await append(0, 'a', 'b', 'c');
    await append(1, 'd');

    expect(valuesOf(await readAll({ partition: 0, from: 1 }), 0)).toEqual(['b', 'c']);
    expect(await readAll({ from: 'latest' })).toEqual([]);
    expect(valuesOf(await readAll({ positions: { 0: 2 } }), 0)).toEqual(['c']);
    expect(valuesOf(await readAll({ positions: { 0: 2 } }), 1)).toEqual(['d']);
    expect(await readAll({ from: { timestamp: Date.now() + 60_000 } })).toEqual([]);
    expect(await readAll({ partition: 0, from: 3 })).toEqual([]);
    await expect(readAll({ partition: 0, from: 4 })).rejects.toMatchObject({ code: 'OFFSET_OUT_OF_RANGE' });
    await expect(readAll({ partition: 0, from: 4, follow: true })).rejects.toMatchObject({
      code: 'OFFSET_OUT_OF_RANGE',
    });
    await expect(readAll({ partition: 9 })).rejects.toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION' });
  });

  test('more than one answer of the door holds', async () => {
    const values = Array.from({ length: 25_000 }, (_, index) => index);
    await append(1, ...values);

    expect(valuesOf(await readAll({}), 1)).toEqual(values);
  });

  test('what is deleted before it is read is OFFSET_OUT_OF_RANGE', async () => {
    await append(0, 'a', 'b');
    await door.log.deleteRecords('orders', 0, 'latest');

    await expect(readAll({ partition: 0, from: 0 })).rejects.toMatchObject({ code: 'OFFSET_OUT_OF_RANGE' });
    expect(await readAll({ partition: 0, from: 'earliest' })).toEqual([]);
  });

  test('nothing is lost or doubled when requests break', async () => {
    const values = Array.from({ length: 25_000 }, (_, index) => index);
    await append(1, ...values);
    let requests = 0;
    const fetch = brokenFetch({ lostRequest: () => ++requests > 4 && requests % 2 === 0 });

    expect(valuesOf(await readAll({}, connect(door.url, { fetch })), 1)).toEqual(values);
  });
});

describe('following', () => {
  test('gives what was there, then what comes', async () => {
    await append(0, 'old');
    const reader = following(connect(door.url));
    await reader.count(1);

    await append(2, 'new');
    await append(0, 'newer');
    await reader.count(3);
    reader.stop();
    await reader.ended;

    expect(valuesOf(reader.records, 0)).toEqual(['old', 'newer']);
    expect(valuesOf(reader.records, 2)).toEqual(['new']);
  });

  test('one partition gives its own records alone', async () => {
    const reader = following(connect(door.url), { partition: 1 });

    await append(0, 'other');
    await append(1, 'mine');
    await reader.count(1);
    reader.stop();
    await reader.ended;

    expect(reader.records).toMatchObject([{ partition: 1, offset: 0, value: 'mine' }]);
  });

  test('more partitions than one stream may follow', async () => {
    await door.log.topics.delete('orders');
    await door.log.topics.create('orders', { partitions: 260 });
    await append(7, 'old');
    const reader = following(connect(door.url));
    await reader.count(1);

    for (const partition of [0, 7, 259]) await append(partition, 'new');
    await reader.count(4);
    reader.stop();
    await reader.ended;

    expect(valuesOf(reader.records, 7)).toEqual(['old', 'new']);
    expect(valuesOf(reader.records, 259)).toEqual(['new']);
  });

  test('comes back to where it was when the stream breaks in the middle of an event', async () => {
    let streams = 0;
    // The first seven streams are cut, each a little later than the one before.
    const fetch = brokenFetch({ cutAfter: () => (++streams > 5 && streams < 13 ? streams * 40 : undefined) });
    const reader = following(connect(door.url, { fetch }));
    for (let index = 0; index < 60; index++) await append(index % 3, index);

    await reader.count(60);
    reader.stop();
    await reader.ended;

    expect(streams).toBeGreaterThan(7);
    for (const partition of [0, 1, 2]) {
      expect(valuesOf(reader.records, partition)).toEqual(
        Array.from({ length: 20 }, (_, index) => index * 3 + partition),
      );
    }
  });

  test('comes back after the server ended the stream', async () => {
    await door.replace({ limits: { maxStream: 30 } });
    const reader = following(connect(door.url));

    for (let index = 0; index < 4; index++) {
      await append(0, index);
      await reader.count(index + 1);
    }
    reader.stop();
    await reader.ended;

    expect(valuesOf(reader.records, 0)).toEqual([0, 1, 2, 3]);
  });

  test('gives up with the last failure when nothing answers for long', async () => {
    await append(0, 'a');
    const reader = following(connect(door.url, { patience: 200 }));
    await reader.count(1);

    await door.close();

    await expect(reader.ended).rejects.toMatchObject({ code: 'NETWORK_EXCEPTION' });
  });

  test('ends at once when the topic is deleted', async () => {
    await append(0, 'a');
    const reader = following(connect(door.url));
    await reader.count(1);

    await door.log.topics.delete('orders');

    await expect(reader.ended).rejects.toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION' });
  });

  test('whoever leaves early leaves no request behind', async () => {
    await append(0, 'a');
    let open = 0;
    const counting: typeof fetch = async (input, init) => {
      const response = await fetch(input, init);
      if (!String(input).endsWith('/events')) return response;
      open++;
      init?.signal?.addEventListener('abort', () => open--);
      return response;
    };

    for await (const { value } of connect(door.url, { fetch: counting }).read('orders')) {
      if (value === 'last') break;
      await append(1, 'last');
    }

    await poll('the stream is closed', 5_000, () => (open === 0 ? true : undefined));
  });
});
