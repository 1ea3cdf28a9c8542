import { request } from 'node:http';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningDoor, runDoor } from './running-door.ts';

let door: RunningDoor;
let root: string;
beforeAll(async () => {
  door = await runDoor({ config: ['node.id=3'], kafka: { host: '', port: 9092 } });
  root = `/v3/clusters/${door.log.clusterId}`;
});
afterAll(() => door.close());

describe('REST Proxy v3', () => {
  test('the cluster and its broker, linked to what they have', async () => {
    const { body } = await door.ask('GET', '/v3/clusters');
    expect(body).toMatchObject({
      kind: 'KafkaClusterList',
      metadata: { self: `${door.url}/v3/clusters`, next: null },
      data: [
        {
          kind: 'KafkaCluster',
          metadata: { self: door.url + root, resource_name: `crn:///kafka=${door.log.clusterId}` },
          cluster_id: door.log.clusterId,
          topics: { related: `${door.url}${root}/topics` },
        },
      ],
    });
    expect((await door.ask('GET', root)).body).toEqual(body.data[0]);
    const brokers = (await door.ask('GET', `${root}/brokers`)).body;
    expect(brokers.data).toMatchObject([{ kind: 'KafkaBroker', broker_id: 3, host: '127.0.0.1', port: 9092 }]);
    expect((await door.ask('GET', `${root}/brokers/3`)).body).toEqual(brokers.data[0]);
    expect((await door.ask('GET', `${root}/brokers/4`)).status).toBe(404);
  });

  test('a topic is tried, created, described, grown and deleted', async () => {
    const request = {
      topic_name: 'v3-topic',
      partitions_count: 2,
      replication_factor: 3,
      configs: [{ name: 'retention.ms', value: '1000' }],
    };
    expect((await door.ask('POST', `${root}/topics`, { ...request, validate_only: true })).status).toBe(200);
    expect((await door.ask('GET', `${root}/topics/v3-topic`)).status).toBe(404);
    const created = await door.ask('POST', `${root}/topics`, request);
    expect(created.status).toBe(201);
    const self = `${door.url}${root}/topics/v3-topic`;
    expect(created.headers.get('location')).toBe(self);
    expect(created.body).toEqual({
      kind: 'KafkaTopic',
      metadata: { self, resource_name: `crn:///kafka=${door.log.clusterId}/topic=v3-topic` },
      cluster_id: door.log.clusterId,
      topic_name: 'v3-topic',
      is_internal: false,
      replication_factor: 1,
      partitions_count: 2,
      partitions: { related: `${self}/partitions` },
      configs: { related: `${self}/configs` },
      partition_reassignments: { related: `${self}/partitions/-/reassignment` },
      authorized_operations: [],
    });
    expect((await door.ask('GET', `${root}/topics/v3-topic`)).body).toEqual(created.body);
    expect((await door.ask('PATCH', `${root}/topics/v3-topic`, { partitions_count: 3 })).body.partitions_count).toBe(3);

    const partitions = (await door.ask('GET', `${root}/topics/v3-topic/partitions`)).body;
    expect(partitions.data.map(({ partition_id }: { partition_id: number }) => partition_id)).toEqual([0, 1, 2]);
    expect((await door.ask('GET', `${root}/topics/v3-topic/partitions/1`)).body).toEqual(partitions.data[1]);
    const replicas = (await door.ask('GET', `${root}/topics/v3-topic/partitions/1/replicas`)).body;
    expect(replicas.data).toMatchObject([{ broker_id: 3, is_leader: true, is_in_sync: true }]);
    const leader = partitions.data[1].leader.related.slice(door.url.length);
    expect((await door.ask('GET', leader)).body).toEqual(replicas.data[0]);
    expect((await door.ask('GET', `${root}/topics/v3-topic/partitions/1/replicas/4`)).status).toBe(404);
    expect((await door.ask('GET', `${root}/topics/v3-topic/partitions/7/replicas/3`)).body.error_code).toBe(40403);

    expect((await door.ask('DELETE', `${root}/topics/v3-topic`)).status).toBe(204);
    expect((await door.ask('DELETE', `${root}/topics/v3-topic`)).status).toBe(404);
  });

  test('lists of topics come in pages that are linked', async () => {
    for (const name of ['list-a', 'list-b', 'list-c']) await door.log.topics.create(name);
    const seen: string[] = [];
    for (let path = `${root}/topics?page_size=2`; path; ) {
      const { body } = await door.ask('GET', path);
      seen.push(...body.data.map(({ topic_name }: { topic_name: string }) => topic_name));
      path = body.metadata.next?.slice(door.url.length);
    }
    expect(seen.filter((name) => name.startsWith('list-'))).toEqual(['list-a', 'list-b', 'list-c']);
    expect(new Set(seen).size).toBe(seen.length);
  });

  test('configuration is listed, read, set one by one and many at once', async () => {
    await door.log.topics.create('configured');
    const configs = `${root}/topics/configured/configs`;
    const one = `${configs}/retention.ms`;
    expect((await door.ask('GET', one)).body).toMatchObject({ is_default: true, source: 'DEFAULT_CONFIG' });
    expect((await door.ask('PUT', one, { value: '5000' })).status).toBe(204);
    expect((await door.ask('GET', one)).body).toMatchObject({
      kind: 'KafkaTopicConfig',
      name: 'retention.ms',
      value: '5000',
      is_default: false,
      source: 'DYNAMIC_TOPIC_CONFIG',
    });
    const altered = await door.ask('POST', `${configs}:alter`, {
      data: [
        { name: 'retention.ms', operation: 'DELETE' },
        { name: 'cleanup.policy', value: 'compact' },
      ],
    });
    expect(altered.status).toBe(204);
    const values = Object.fromEntries(
      (await door.ask('GET', configs)).body.data.map(({ name, value, is_default }: Record<string, string>) => [
        name,
        [value, is_default],
      ]),
    );
    expect(values['cleanup.policy']).toEqual(['compact', false]);
    expect(values['retention.ms']![1]).toBe(true);
    expect((await door.ask('DELETE', `${configs}/cleanup.policy`)).status).toBe(204);
    expect((await door.ask('GET', `${configs}/cleanup.policy`)).body.is_default).toBe(true);
    expect((await door.ask('GET', `${configs}/nope`)).status).toBe(404);
  });

  test('groups and their lag', async () => {
    await door.log.topics.create('lagging', { partitions: 2 });
    for (const partition of [0, 1])
      await door.log.append('lagging', [
        { value: 'a', partition },
        { value: 'b', partition },
      ]);
    await door.log.groups.commit('readers', [
      { topic: 'lagging', partition: 0, offset: 2 },
      { topic: 'lagging', partition: 1, offset: 1 },
    ]);
    const group = `${root}/consumer-groups/readers`;
    const groups = (await door.ask('GET', `${root}/consumer-groups`)).body;
    expect(groups.data).toMatchObject([{ kind: 'KafkaConsumerGroup', consumer_group_id: 'readers' }]);
    expect((await door.ask('GET', group)).body).toEqual(groups.data[0]);
    expect((await door.ask('GET', `${root}/consumer-groups/nobody`)).status).toBe(404);
    const lags = (await door.ask('GET', `${group}/lags`)).body.data;
    expect(lags).toMatchObject([
      { partition_id: 1, current_offset: 1, log_end_offset: 2, lag: 1 },
      { partition_id: 0, current_offset: 2, log_end_offset: 2, lag: 0 },
    ]);
    expect((await door.ask('GET', `${group}/lags/lagging/partitions/1`)).body).toEqual(lags[0]);
    expect((await door.ask('GET', `${group}/lag-summary`)).body).toMatchObject({
      max_lag: 1,
      total_lag: 1,
      max_lag_partition_id: 1,
    });
  });
});

describe('v3 produce', () => {
  const reports = (text: string) =>
    text
      .trim()
      .split('\r\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line));
  const send = async (topic: string, body: NonNullable<RequestInit['body']>, headers: Record<string, string> = {}) => {
    const response = await fetch(`${door.url}${root}/topics/${topic}/records`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body,
    });
    return { status: response.status, text: await response.text() };
  };

  test('one record', async () => {
    await door.log.topics.create('one', { partitions: 2 });
    const record = {
      partition_id: 1,
      headers: [{ name: 'h', value: 'dg==' }],
      key: { type: 'BINARY', data: '/w==' },
      value: { type: 'JSON', data: { foo: 'bar' } },
      timestamp: '2021-02-05T19:14:42Z',
    };
    const { status, text } = await send('one', JSON.stringify(record));
    expect(status).toBe(200);
    expect(reports(text)).toEqual([
      {
        error_code: 200,
        cluster_id: door.log.clusterId,
        topic_name: 'one',
        partition_id: 1,
        offset: 0,
        timestamp: '2021-02-05T19:14:42.000Z',
        key: { type: 'BINARY', size: 1 },
        value: { type: 'JSON', size: 13 },
      },
    ]);
    const { records } = await door.log.poll('one', 1, 0);
    expect(records[0]).toMatchObject({ key: new Uint8Array([255]), timestamp: Date.UTC(2021, 1, 5, 19, 14, 42) });
    expect(Buffer.from(records[0]!.value!).toString()).toBe('{"foo":"bar"}');
  });

  test('many in one body: a report for each, the bad ones where they stand', async () => {
    await door.log.topics.create('many');
    const body = [
      { value: { type: 'STRING', data: 'a } \\" {' } },
      { value: { type: 'BINARY', data: '*' } },
      { value: { data: 1 } },
      { value: { type: 'JSON', data: null } },
    ].map((record) => JSON.stringify(record));
    const { status, text } = await send('many', gzipSync(body.join('')), { 'content-encoding': 'gzip' });
    expect(status).toBe(200);
    expect(reports(text)).toMatchObject([
      { error_code: 200, offset: 0, key: null, value: { type: 'STRING', size: 8 } },
      { error_code: 400, message: expect.stringContaining('base64') },
      { error_code: 400, message: expect.stringContaining('type') },
      { error_code: 200, offset: 1, value: null },
    ]);
  });

  test('a stream that stays open is answered record by record, and ends where it breaks', async () => {
    await door.log.topics.create('stream');
    const received: string[] = [];
    let arrived = () => {};
    const next = async (count: number) => {
      while (reports(received.join('')).length < count) {
        await new Promise<void>((resolve) => {
          arrived = resolve;
        });
      }
    };
    const asked = request(`${door.url}${root}/topics/stream/records`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'transfer-encoding': 'chunked' },
    });
    const ended = new Promise<void>((resolve, reject) => {
      asked.on('error', reject);
      asked.on('response', (response) => {
        response.setEncoding('utf8').on('data', (piece: string) => {
          received.push(piece);
          arrived();
        });
        response.on('end', resolve);
      });
    });
    const record = JSON.stringify({ value: { type: 'JSON', data: { n: 1 } } });
    asked.write(record);
    await next(1);
    asked.write(record.slice(0, 20));
    asked.write(record.slice(20) + record);
    await next(3);
    asked.end('{"value"');
    await ended;
    expect(reports(received.join('')).map(({ error_code, offset }) => [error_code, offset])).toEqual([
      [200, 0],
      [200, 1],
      [200, 2],
      [400, undefined],
    ]);
    expect((await door.log.offsets('stream', 0)).latest).toBe(3);
  });
});
