import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningDoor, runDoor } from './running-door.ts';

let door: RunningDoor;
beforeAll(async () => {
  door = await runDoor();
});
afterAll(() => door.close());

let topics = 0;
async function newTopic(partitions = 1, config: Record<string, string> = {}): Promise<string> {
  const name = `topic-${topics++}`;
  await door.log.topics.create(name, { partitions, config });
  return name;
}

describe('topics', () => {
  test('a topic is created, shown, changed and deleted', async () => {
    const created = await door.ask('POST', '/api/topics', {
      name: 'orders',
      partitions: 2,
      config: { 'retention.ms': 60000 },
    });
    expect(created.status).toBe(201);
    expect(created.headers.get('location')).toBe('/api/topics/orders');
    expect(created.body).toMatchObject({ name: 'orders', partitions: 2 });
    expect(created.body.config['retention.ms']).toMatchObject({ value: '60000', is_default: false });

    const changed = await door.ask('PATCH', '/api/topics/orders', { partitions: 3, config: { 'retention.ms': null } });
    expect(changed.status).toBe(200);
    expect(changed.body.partitions).toBe(3);
    expect(changed.body.config['retention.ms'].is_default).toBe(true);
    expect((await door.ask('GET', '/api/topics/orders')).body).toEqual(changed.body);

    expect((await door.ask('DELETE', '/api/topics/orders')).status).toBe(204);
    expect((await door.ask('GET', '/api/topics/orders')).status).toBe(404);
  });

  test('a list comes in pages', async () => {
    for (const name of ['page-a', 'page-b', 'page-c']) await door.log.topics.create(name);
    const first = await door.ask('GET', '/api/topics?after=page&limit=2');
    expect(first.body.topics.map(({ name }: { name: string }) => name)).toEqual(['page-a', 'page-b']);
    expect(first.body.next).toBe('page-b');
    const second = await door.ask('GET', `/api/topics?after=${first.body.next}&limit=100`);
    expect(second.body.topics[0].name).toBe('page-c');
    expect(second.body.next).toBeNull();
  });
});

describe('records', () => {
  test('what is written is read back: keys, values of every kind, headers, times', async () => {
    const topic = await newTopic();
    const records = [
      { key: 'k', value: { a: [1, 'ä', null] }, headers: { h: 'x', twice: ['1', '2'] }, timestamp: 1_700_000_000_000 },
      { key: null, value: 'text' },
      { key: 'gone', value: null },
      { key_base64: '/w==', value_base64: '/v8=' },
      { value: 1.5, timestamp: '2024-01-02T03:04:05.678Z' },
    ];
    const written = await door.ask('POST', `/api/topics/${topic}/records`, { records });
    expect(written.status).toBe(200);
    expect(written.body.offsets.map(({ offset }: { offset: number }) => offset)).toEqual([0, 1, 2, 3, 4]);

    const read = await door.ask('GET', `/api/topics/${topic}/partitions/0/records`);
    expect(read.body).toMatchObject({ next: 5, high_watermark: 5, log_start: 0 });
    expect(read.body.records).toMatchObject([
      { offset: 0, partition: 0, ...records[0] },
      { offset: 1, key: null, value: 'text' },
      { offset: 2, key: 'gone', value: null },
      { offset: 3, key_base64: '/w==', value_base64: '/v8=' },
      { offset: 4, key: null, value: 1.5, timestamp: Date.parse('2024-01-02T03:04:05.678Z') },
    ]);
  });

  test('numbers that a double cannot hold survive', async () => {
    const topic = await newTopic();
    const text = '{"id":12345678901234567890,"price":0.1234567890123456789,"n":1}';
    await door.ask('POST', `/api/topics/${topic}/records`, `[{"value":${text}}]`);
    const answer = await fetch(`${door.url}/api/topics/${topic}/partitions/0/records`);
    expect(await answer.text()).toContain(`"value":${text}`);
  });

  test('a list, and a line a record, are taken as well', async () => {
    const topic = await newTopic();
    await door.ask('POST', `/api/topics/${topic}/records`, [{ value: 1 }]);
    const lines = '{"value":2}\r\n\n{"value":3}\n{"value":4}';
    const answer = await door.ask('POST', `/api/topics/${topic}/partitions/0/records`, lines, {
      'content-type': 'application/x-ndjson; charset=utf-8',
    });
    expect(answer.body.offsets.map(({ offset }: { offset: number }) => offset)).toEqual([1, 2, 3]);
  });

  test('some refused is 207 with an answer for each, all refused is the error', async () => {
    const topic = await newTopic(1, { 'max.message.bytes': '1000' });
    const large = { value: 'x'.repeat(2000) };
    const mixed = await door.ask('POST', `/api/topics/${topic}/records`, [
      { value: 1 },
      large,
      { value: 2, partition: 7 },
    ]);
    expect(mixed.status).toBe(207);
    expect(mixed.body.offsets).toMatchObject([
      { partition: 0, offset: 0 },
      { error_code: 41301, code: 'MESSAGE_TOO_LARGE', retriable: false },
      { error_code: 40402, code: 'UNKNOWN_TOPIC_OR_PARTITION', retriable: false },
    ]);
    const all = await door.ask('POST', `/api/topics/${topic}/records`, [large]);
    expect(all.status).toBe(413);
    expect(all.body).toMatchObject({ error_code: 41301, code: 'MESSAGE_TOO_LARGE', offsets: [{ error_code: 41301 }] });
  });

  test('reading begins at an offset, the start, the end or a time, and is bounded', async () => {
    const topic = await newTopic();
    const times = [1_000, 2_000, 3_000];
    await door.ask(
      'POST',
      `/api/topics/${topic}/records`,
      times.map((timestamp, value) => ({ value, timestamp })),
    );
    const from = async (query: string) => {
      const { body } = await door.ask('GET', `/api/topics/${topic}/partitions/0/records?${query}`);
      return { values: body.records.map(({ value }: { value: number }) => value), next: body.next };
    };
    expect(await from('from=1')).toEqual({ values: [1, 2], next: 3 });
    expect(await from('from=earliest&limit=1')).toEqual({ values: [0], next: 1 });
    expect(await from('from=latest')).toEqual({ values: [], next: 3 });
    expect(await from('from=time:2000')).toEqual({ values: [1, 2], next: 3 });
    expect(await from('from=time:1970-01-01T00:00:02.500Z')).toEqual({ values: [2], next: 3 });
    expect(await from('from=time:9000')).toEqual({ values: [], next: 3 });

    const offsets = await door.ask('GET', `/api/topics/${topic}/partitions/0/offsets?time=1500`);
    expect(offsets.body).toEqual({ earliest: 0, latest: 3, offset: 1, timestamp: 2_000 });
  });

  test('a read waits for what comes', async () => {
    const topic = await newTopic();
    const waiting = door.ask('GET', `/api/topics/${topic}/partitions/0/records?from=latest&wait=20000`);
    await door.ask('POST', `/api/topics/${topic}/records`, [{ value: 'now' }]);
    expect((await waiting).body.records).toMatchObject([{ value: 'now', offset: 0 }]);
  });

  test('a large answer goes out in pieces and is whole', async () => {
    const topic = await newTopic();
    const records = Array.from({ length: 400 }, (_, i) => ({ key: `${i}`, value: 'x'.repeat(1000) }));
    await door.ask('POST', `/api/topics/${topic}/records`, { records });
    const { body } = await door.ask('GET', `/api/topics/${topic}/partitions/0/records`);
    expect(body.records.map(({ key }: { key: string }) => key)).toEqual(records.map(({ key }) => key));
  });

  test('records before an offset are deleted', async () => {
    const topic = await newTopic();
    await door.ask('POST', `/api/topics/${topic}/records`, [{ value: 0 }, { value: 1 }, { value: 2 }]);
    expect((await door.ask('DELETE', `/api/topics/${topic}/partitions/0/records?before=2`)).body).toEqual({
      log_start: 2,
    });
    const { body } = await door.ask('GET', `/api/topics/${topic}/partitions/0/records`);
    expect(body.records.map(({ offset }: { offset: number }) => offset)).toEqual([2]);
    expect((await door.ask('DELETE', `/api/topics/${topic}/partitions/0/records?before=latest`)).body.log_start).toBe(
      3,
    );
  });
});

describe('idempotent produce', () => {
  test('a repeat answers the first offsets; a stale epoch and a gap are conflicts', async () => {
    const topic = await newTopic();
    const producer = (await door.ask('POST', '/api/producers')).body;
    const path = `/api/topics/${topic}/partitions/0/records`;
    const send = (sequence: number, epoch: number, value: number) =>
      door.ask('POST', path, { ...producer, producer_epoch: epoch, sequence, records: [{ value }, { value }] });

    const first = await send(0, 0, 1);
    expect(first.status).toBe(200);
    const repeat = await send(0, 0, 1);
    expect(repeat.status).toBe(200);
    expect(repeat.body.offsets.map(({ offset }: { offset: number }) => offset)).toEqual([0, 1]);

    expect(await send(7, 0, 2)).toMatchObject({
      status: 409,
      body: { error_code: 40912, code: 'OUT_OF_ORDER_SEQUENCE_NUMBER' },
    });
    expect((await send(0, 1, 3)).body.offsets[0].offset).toBe(2);
    expect(await send(2, 0, 4)).toMatchObject({
      status: 409,
      body: { error_code: 40914, code: 'INVALID_PRODUCER_EPOCH' },
    });
    expect(await door.log.offsets(topic, 0)).toEqual({ earliest: 0, latest: 4 });

    const query = `producer_id=${producer.producer_id}&producer_epoch=1&sequence=2`;
    const lines = await door.ask('POST', `${path}?${query}`, '{"value":5}', { 'content-type': 'application/x-ndjson' });
    expect(lines.body.offsets[0].offset).toBe(4);
  });
});

describe('groups', () => {
  test('offsets are set, listed with their lag, and deleted', async () => {
    const topic = await newTopic(2);
    await door.ask('POST', `/api/topics/${topic}/partitions/1/records`, [{ value: 1 }, { value: 2 }, { value: 3 }]);
    const offsets = [{ topic, partition: 1, offset: 1, metadata: 'note' }];
    const put = await door.ask('PUT', '/api/groups/billing/offsets', { offsets });
    expect(put.status).toBe(200);
    expect(put.body.offsets).toEqual([{ topic, partition: 1, offset: 1, metadata: 'note', latest: 3, lag: 2 }]);
    expect((await door.ask('GET', '/api/groups/billing/offsets')).body).toEqual(put.body);
    expect((await door.ask('GET', '/api/groups')).body).toEqual({ groups: ['billing'], next: null });
    expect((await door.ask('DELETE', '/api/groups/billing')).status).toBe(204);
    expect(await door.ask('GET', '/api/groups/billing/offsets')).toMatchObject({
      status: 404,
      body: { error_code: 40405 },
    });
  });
});
