import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningDoor, runDoor } from './running-door.ts';

const JSON_TYPE = 'application/vnd.kafka.json.v2+json';
const BINARY_TYPE = 'application/vnd.kafka.binary.v2+json';

let door: RunningDoor;
beforeAll(async () => {
  door = await runDoor({ config: ['node.id=7'] });
  await door.log.topics.create('orders', { partitions: 2, config: { 'retention.ms': '1000' } });
});
afterAll(() => door.close());

const base64 = (text: string) => Buffer.from(text).toString('base64');

describe('REST Proxy v2', () => {
  test('brokers, topics and partitions are shown as the proxy shows them', async () => {
    expect((await door.ask('GET', '/brokers')).body).toEqual({ brokers: [7] });
    const topics = await door.ask('GET', '/topics');
    expect(topics.headers.get('content-type')).toBe('application/vnd.kafka.v2+json');
    expect(topics.body).toEqual(['orders']);
    const partition = (id: number) => ({
      partition: id,
      leader: 7,
      replicas: [{ broker: 7, leader: true, in_sync: true }],
    });
    const topic = await door.ask('GET', '/topics/orders');
    expect(topic.body).toMatchObject({ name: 'orders', partitions: [partition(0), partition(1)] });
    expect(topic.body.configs['retention.ms']).toBe('1000');
    expect((await door.ask('GET', '/topics/orders/partitions')).body).toEqual([partition(0), partition(1)]);
    expect((await door.ask('GET', '/topics/orders/partitions/1')).body).toEqual(partition(1));
  });

  test('JSON is kept as its text, null is a tombstone, and the partition follows from the key', async () => {
    await door.log.topics.create('json', { partitions: 4 });
    const records = [
      { key: 'a', value: { n: 1, list: [true] } },
      { key: 'a', value: null },
      { key: { composite: 1 }, value: 'text', partition: 3 },
    ];
    const answer = await door.ask('POST', '/topics/json', { records }, { 'content-type': JSON_TYPE });
    expect(answer.status).toBe(200);
    const keyed = answer.body.offsets[0].partition;
    expect(answer.body).toEqual({
      offsets: [
        { partition: keyed, offset: 0, error_code: null, error: null },
        { partition: keyed, offset: 1, error_code: null, error: null },
        { partition: 3, offset: keyed === 3 ? 2 : 0, error_code: null, error: null },
      ],
      key_schema_id: null,
      value_schema_id: null,
    });
    const { records: stored } = await door.log.poll('json', keyed, 0);
    expect(
      stored.slice(0, 2).map(({ key, value }) => [key, value].map((bytes) => bytes && Buffer.from(bytes).toString())),
    ).toEqual([
      ['"a"', '{"n":1,"list":[true]}'],
      ['"a"', null],
    ]);

    const read = await door.ask('GET', '/topics/json/partitions/3/records?offset=0', undefined, { accept: JSON_TYPE });
    expect(read.headers.get('content-type')).toBe(JSON_TYPE);
    expect(read.body.at(-1)).toMatchObject({ topic: 'json', partition: 3, key: { composite: 1 }, value: 'text' });
  });

  test('binary records go to one partition and come back byte for byte, with headers', async () => {
    await door.log.topics.create('binary', { partitions: 2 });
    const records = [
      { key: base64('k'), value: '/wD+', timestamp: 1_600_000_000_000, headers: [{ name: 'h', value: base64('v') }] },
      { value: base64('second') },
    ];
    const path = '/topics/binary/partitions/1';
    const answer = await door.ask('POST', path, { records }, { 'content-type': BINARY_TYPE });
    expect(answer.body.offsets).toMatchObject([
      { partition: 1, offset: 0 },
      { partition: 1, offset: 1 },
    ]);
    const read = await door.ask('GET', `${path}/records?offset=0&max_bytes=100000&timeout=1`);
    expect(read.headers.get('content-type')).toBe(BINARY_TYPE);
    expect(read.body).toMatchObject([
      { topic: 'binary', partition: 1, offset: 0, ...records[0] },
      { topic: 'binary', partition: 1, offset: 1, key: null, ...records[1] },
    ]);
    expect((await door.ask('GET', `${path}/offsets`)).body).toEqual({ beginning_offset: 0, end_offset: 2 });
    expect((await door.ask('GET', `${path}/records?offset=1`)).body).toHaveLength(1);
  });

  test('a record that is refused has an error where its offset would be', async () => {
    await door.log.topics.create('small', { config: { 'max.message.bytes': '500' } });
    const records = [{ value: 1 }, { value: 'x'.repeat(1000) }, { value: 2, partition: 9 }];
    const answer = await door.ask('POST', '/topics/small', { records }, { 'content-type': JSON_TYPE });
    expect(answer.status).toBe(200);
    expect(answer.body.offsets).toEqual([
      { partition: 0, offset: 0, error_code: null, error: null },
      { partition: null, offset: null, error_code: 1, error: expect.stringContaining('max.message.bytes') },
      { partition: null, offset: null, error_code: 1, error: expect.stringContaining('partition 9') },
    ]);
  });

  test('a slash at the end of an address changes nothing', async () => {
    await door.log.topics.create('slashed');
    const topic = await door.ask('GET', '/topics/slashed/');
    expect(topic.body).toMatchObject({ name: 'slashed' });
    const records = [{ value: 1 }];
    const answer = await door.ask('POST', '/topics/slashed/partitions/0/', { records }, { 'content-type': JSON_TYPE });
    expect(answer.body.offsets).toMatchObject([{ partition: 0, offset: 0 }]);
    const missing = await door.ask('GET', '/topics/none/');
    expect(missing).toMatchObject({ status: 404, body: { error_code: 40401 } });
    expect(missing.headers.get('content-type')).toBe('application/vnd.kafka.v2+json');
    expect((await door.ask('DELETE', '/topics/slashed/')).status).toBe(405);
  });

  test.each([
    'application/json',
    'application/vnd.kafka+json',
    'application/vnd.kafka.v2+json, text/html',
    'text/html, */*; q=0.1',
    JSON_TYPE,
  ])('Accept: %s takes what there is', async (accept) => {
    expect((await door.ask('GET', '/brokers/', undefined, { accept })).status).toBe(200);
  });

  test('what names a schema is taken, and without a registry says nothing', async () => {
    await door.log.topics.create('schemaless');
    const body = { records: [{ value: base64('v') }], key_schema: null, value_schema: '"string"', value_schema_id: 1 };
    const answer = await door.ask('POST', '/topics/schemaless', body, { 'content-type': BINARY_TYPE });
    expect(answer.body).toMatchObject({ offsets: [{ offset: 0 }], key_schema_id: null, value_schema_id: null });
  });

  test('a fetch waits for what comes', async () => {
    await door.log.topics.create('later');
    const waiting = door.ask('GET', '/topics/later/partitions/0/records?offset=0&timeout=20000');
    await door.log.append('later', [{ value: 'now' }]);
    expect((await waiting).body).toMatchObject([{ offset: 0, value: base64('now') }]);
  });
});
