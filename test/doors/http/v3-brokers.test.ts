import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningDoor, runDoor } from './running-door.ts';

let door: RunningDoor;
let root: string;
beforeAll(async () => {
  const config = ['node.id=3', 'num.partitions=5', 'log.retention.hours=2'];
  door = await runDoor({ config, kafka: { host: 'log.example', port: 9_092 } });
  root = `/v3/clusters/${door.log.clusterId}`;
});
afterAll(() => door.close());

const named = (data: { name: string }[], name: string) => data.find((one) => one.name === name);

describe('brokers of REST Proxy v3', () => {
  test('the broker is where Kafka clients come', async () => {
    expect((await door.ask('GET', `${root}/brokers`)).body.data).toEqual([
      {
        kind: 'KafkaBroker',
        metadata: {
          self: `${door.url}${root}/brokers/3`,
          resource_name: `crn:///kafka=${door.log.clusterId}/broker=3`,
        },
        cluster_id: door.log.clusterId,
        broker_id: 3,
        host: 'log.example',
        port: 9_092,
        rack: null,
        configs: { related: `${door.url}${root}/brokers/3/configs` },
        partition_replicas: { related: `${door.url}${root}/brokers/3/partition-replicas` },
      },
    ]);
  });

  test('where nobody speaks Kafka the broker has no address', async () => {
    const alone = await runDoor();
    const brokers = await alone.ask('GET', `/v3/clusters/${alone.log.clusterId}/brokers`);
    await alone.close();
    expect(brokers.body.data).toMatchObject([{ broker_id: 0, host: null, port: null }]);
  });

  test('its configuration says where each value comes from', async () => {
    const { data } = (await door.ask('GET', `${root}/brokers/3/configs`)).body;
    expect(named(data, 'num.partitions')).toEqual({
      kind: 'KafkaBrokerConfig',
      metadata: {
        self: `${door.url}${root}/brokers/3/configs/num.partitions`,
        resource_name: `crn:///kafka=${door.log.clusterId}/broker=3/config=num.partitions`,
      },
      cluster_id: door.log.clusterId,
      broker_id: 3,
      name: 'num.partitions',
      value: '5',
      is_default: false,
      is_read_only: true,
      is_sensitive: false,
      source: 'STATIC_BROKER_CONFIG',
      synonyms: [
        { name: 'num.partitions', value: '5', source: 'STATIC_BROKER_CONFIG' },
        { name: 'num.partitions', value: '1', source: 'DEFAULT_CONFIG' },
      ],
    });
    expect(named(data, 'compression.type')).toMatchObject({ is_default: true, source: 'DEFAULT_CONFIG' });
    expect(named(data, 'advertised.listeners')).toMatchObject({ value: 'PLAINTEXT://log.example:9092' });
    expect((await door.ask('GET', `${root}/brokers/-/configs`)).body.data).toEqual(data);
    expect((await door.ask('GET', `${root}/brokers/3/configs/num.partitions`)).body).toEqual(
      named(data, 'num.partitions'),
    );
    expect((await door.ask('GET', `${root}/brokers/3/configs/nope`)).status).toBe(404);
    expect((await door.ask('GET', `${root}/brokers/4/configs`)).status).toBe(404);
  });

  test('nothing of it can be altered, and nothing is shared by all brokers', async () => {
    expect((await door.ask('GET', `${root}/broker-configs`)).body).toEqual({
      kind: 'KafkaClusterConfigList',
      metadata: { self: `${door.url}${root}/broker-configs`, next: null },
      data: [],
    });
    expect((await door.ask('GET', `${root}/broker-configs/num.partitions`)).status).toBe(404);
    const alter = { data: [{ name: 'num.partitions', value: '6' }] };
    for (const [method, path, body] of [
      ['PUT', 'broker-configs/num.partitions', { value: '6' }],
      ['DELETE', 'broker-configs/num.partitions', undefined],
      ['POST', 'broker-configs:alter', alter],
      ['PUT', 'brokers/3/configs/num.partitions', { value: '6' }],
      ['DELETE', 'brokers/3/configs/num.partitions', undefined],
      ['POST', 'brokers/3/configs:alter', alter],
    ] as const) {
      const { status, body: answer } = await door.ask(method, `${root}/${path}`, body);
      expect([path, status, answer.error_code]).toEqual([path, 400, 40_002]);
    }
  });

  test('it has a replica of every partition', async () => {
    await door.log.topics.create('a', { partitions: 1 });
    await door.log.topics.create('b', { partitions: 2 });
    const places: [string, number][] = [];
    for (let path = `${root}/brokers/3/partition-replicas?page_size=1`; path; ) {
      const { body } = await door.ask('GET', path);
      places.push(
        ...body.data.map((one: { topic_name: string; partition_id: number }) => [one.topic_name, one.partition_id]),
      );
      path = body.metadata.next?.slice(door.url.length);
    }
    expect(places).toEqual([
      ['a', 0],
      ['b', 0],
      ['b', 1],
    ]);
  });

  test('without an authorizer there are no ACLs, to see or to make', async () => {
    for (const [method, path] of [
      ['GET', 'acls'],
      ['POST', 'acls'],
      ['DELETE', 'acls?resource_type=TOPIC'],
      ['POST', 'acls:batch'],
    ] as const) {
      const { status, body } = await door.ask(method, `${root}/${path}`, method === 'GET' ? undefined : { data: [] });
      expect([method, path, status, body.error_code]).toEqual([method, path, 400, 40_002]);
    }
  });
});

describe('configuration of topics in REST Proxy v3', () => {
  const config = (topic: string, name: string) => door.ask('GET', `${root}/topics/${topic}/configs/${name}`);

  test('what a topic inherits is neither its own nor a default', async () => {
    await door.log.topics.create('inherits');
    expect((await config('inherits', 'retention.ms')).body).toMatchObject({
      value: '7200000',
      is_default: false,
      source: 'STATIC_BROKER_CONFIG',
      synonyms: [{ name: 'log.retention.hours', value: '2', source: 'STATIC_BROKER_CONFIG' }],
    });
    await door.log.topics.configure('inherits', { 'compression.type': 'zstd' });
    expect((await config('inherits', 'compression.type')).body).toMatchObject({
      value: 'zstd',
      is_read_only: false,
      synonyms: [
        { name: 'compression.type', value: 'zstd', source: 'DYNAMIC_TOPIC_CONFIG' },
        { name: 'compression.type', value: 'producer', source: 'DEFAULT_CONFIG' },
      ],
    });
  });

  test('that of all topics comes topic by topic', async () => {
    const all = await runDoor();
    for (const name of ['a', 'b', 'c']) await all.log.topics.create(name);
    const seen: string[] = [];
    for (let path = `/v3/clusters/${all.log.clusterId}/topics/-/configs?page_size=2`; path; ) {
      const { body } = await all.ask('GET', path);
      const data: { topic_name: string; name: string }[] = body.data;
      seen.push(...data.filter(({ name }) => name === 'retention.ms').map(({ topic_name }) => topic_name));
      path = body.metadata.next?.slice(all.url.length);
    }
    await all.close();
    expect(seen).toEqual(['a', 'b', 'c']);
  });

  test('a key that there is not is nowhere to be found, whatever is asked', async () => {
    await door.log.topics.create('known');
    const configs = `${root}/topics/known/configs`;
    expect((await door.ask('PUT', `${configs}/nope`, { value: '1' })).status).toBe(404);
    expect((await door.ask('DELETE', `${configs}/nope`)).status).toBe(404);
    expect((await door.ask('POST', `${configs}:alter`, { data: [{ name: 'nope', value: '1' }] })).status).toBe(404);
    expect((await door.ask('PUT', `${configs}/retention.ms`, '')).body).toMatchObject({ error_code: 42_206 });
  });

  test('an alteration that is only validated alters nothing', async () => {
    await door.log.topics.create('tried');
    const alter = (value: string) => ({ data: [{ name: 'cleanup.policy', value }], validate_only: true });
    expect((await door.ask('POST', `${root}/topics/tried/configs:alter`, alter('compact'))).status).toBe(204);
    expect((await door.ask('POST', `${root}/topics/tried/configs:alter`, alter('nonsense'))).status).toBe(400);
    expect((await config('tried', 'cleanup.policy')).body.value).toBe('delete');
  });

  test('many topics are altered at once, each as a whole or not at all', async () => {
    for (const name of ['many-a', 'many-b']) await door.log.topics.create(name);
    const alter = (topics: Record<string, string>, more = {}) =>
      door.ask('POST', `${root}/topics/-/configs:alter`, {
        data: Object.entries(topics).map(([topic_name, value]) => ({
          topic_name,
          configs: [{ name: 'cleanup.policy', value }],
        })),
        ...more,
      });
    expect((await alter({ 'many-a': 'compact', 'many-b': 'compact' }, { validate_only: true })).status).toBe(204);
    expect((await config('many-a', 'cleanup.policy')).body.value).toBe('delete');
    const some = await alter({ 'many-a': 'compact', 'many-b': 'nonsense' });
    expect(some.status).toBe(207);
    expect(some.body.failures).toMatchObject([{ topic_name: 'many-b', error_code: 40_002 }]);
    expect((await config('many-a', 'cleanup.policy')).body.value).toBe('compact');
    expect((await alter({ 'many-a': 'delete', absent: 'delete' })).status).toBe(404);
    expect((await config('many-a', 'cleanup.policy')).body.value).toBe('compact');
  });
});
