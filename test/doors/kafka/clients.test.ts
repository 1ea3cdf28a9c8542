import { Consumer, Producer, stringDeserializers, stringSerializers } from '@platformatic/kafka';
import kafkajs from 'kafkajs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { poll } from '../../support/poll.ts';
import { startGateway, type TestGateway } from './gateway.ts';

const { CompressionTypes, Kafka, logLevel } = kafkajs;

let gateway: TestGateway;
beforeEach(async () => {
  gateway = await startGateway();
});
afterEach(() => gateway.close());

describe('kafkajs', () => {
  const connect = (clientId = 'test') =>
    new Kafka({ clientId, brokers: [gateway.bootstrap], logLevel: logLevel.NOTHING, retry: { retries: 5 } });

  test('administers topics, their configuration and their records', async () => {
    const admin = connect().admin();
    await admin.connect();
    expect(await admin.createTopics({ topics: [{ topic: 'orders', numPartitions: 2 }] })).toBe(true);
    expect(await admin.createTopics({ topics: [{ topic: 'orders' }] })).toBe(false);
    await admin.createPartitions({ topicPartitions: [{ topic: 'orders', count: 3 }] });
    const { topics } = await admin.fetchTopicMetadata({ topics: ['orders'] });
    expect(topics[0]!.partitions).toHaveLength(3);
    const { brokers, clusterId } = await admin.describeCluster();
    expect(clusterId).toBe(gateway.log.clusterId);
    expect(brokers).toEqual([{ nodeId: 0, host: '127.0.0.1', port: gateway.gateway.port }]);
    const resource = { type: 2, name: 'orders' };
    await admin.alterConfigs({
      validateOnly: false,
      resources: [{ ...resource, configEntries: [{ name: 'retention.ms', value: '1000' }] }],
    });
    const described = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ ...resource, configNames: ['retention.ms'] }],
    });
    expect(described.resources[0]!.configEntries).toMatchObject([{ configName: 'retention.ms', configValue: '1000' }]);
    await gateway.log.append('orders', [
      { value: 'a', partition: 0 },
      { value: 'b', partition: 0 },
    ]);
    await admin.deleteTopicRecords({ topic: 'orders', partitions: [{ partition: 0, offset: '1' }] });
    const offsets = await admin.fetchTopicOffsets('orders');
    expect(offsets.find(({ partition }) => partition === 0)).toMatchObject({ low: '1', high: '2' });
    await admin.deleteTopics({ topics: ['orders'] });
    expect(await admin.listTopics()).toEqual([]);
    await admin.disconnect();
  });

  test('carries keys, headers, nulls and tombstones there and back, compressed and not', async () => {
    await gateway.log.topics.create('records');
    const producer = connect().producer();
    await producer.connect();
    const messages = [
      { key: 'k', value: 'v', headers: { h: 'x' } },
      { key: null, value: 'no key' },
      { key: 'gone', value: null },
    ];
    await producer.send({ topic: 'records', messages });
    await producer.send({ topic: 'records', messages, compression: CompressionTypes.GZIP });
    await producer.disconnect();
    const consumer = connect().consumer({ groupId: 'readers' });
    await consumer.connect();
    await consumer.subscribe({ topic: 'records', fromBeginning: true });
    const seen: unknown[] = [];
    await consumer.run({
      eachMessage: async ({ message: { offset, key, value, headers } }) => {
        seen.push([offset, key?.toString(), value?.toString(), headers?.h?.toString()]);
      },
    });
    await poll('all records', 20_000, () => (seen.length === 6 ? true : undefined));
    await consumer.disconnect();
    const one = [
      ['k', 'v', 'x'],
      [undefined, 'no key', undefined],
      ['gone', undefined, undefined],
    ];
    expect(seen).toEqual([...one, ...one].map((rest, i) => [`${i}`, ...rest]));
  });

  test('an idempotent producer sends many batches once, in order', async () => {
    await gateway.log.topics.create('idempotent');
    const producer = connect().producer({ idempotent: true, maxInFlightRequests: 5 });
    await producer.connect();
    for (let i = 0; i < 20; i++) await producer.send({ topic: 'idempotent', messages: [{ value: `${i}` }] });
    await producer.disconnect();
    const { records } = await gateway.log.poll('idempotent', 0, 0);
    expect(records.map(({ value }) => Buffer.from(value!).toString())).toEqual(
      Array.from({ length: 20 }, (_, i) => `${i}`),
    );
  });

  test('a group of three shares the partitions, goes on when one leaves, and resumes where it was', {
    timeout: 90_000,
  }, async () => {
    await gateway.log.topics.create('shared', { partitions: 6 });
    const send = async (from: number, to: number) => {
      const records = Array.from({ length: to - from }, (_, i) => ({
        value: `${from + i}`,
        partition: (from + i) % 6,
      }));
      await gateway.log.append('shared', records);
    };
    const seen = new Map<string, string>();
    const member = async (name: string) => {
      const consumer = connect(name).consumer({
        groupId: 'three',
        sessionTimeout: 6_000,
        heartbeatInterval: 200,
        maxWaitTimeInMs: 200,
      });
      let assigned: number[] = [];
      consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
        assigned = payload.memberAssignment.shared ?? [];
      });
      await consumer.connect();
      await consumer.subscribe({ topic: 'shared', fromBeginning: true });
      await consumer.run({
        autoCommitInterval: 50,
        eachMessage: async ({ message }) => {
          seen.set(message.value!.toString(), name);
        },
      });
      return { consumer, assigned: () => assigned };
    };
    const members = await Promise.all(['a', 'b', 'c'].map(member));
    const balanced = (count: number, each: number) =>
      poll(`${count} members with ${each} partitions`, 30_000, () => {
        const shares = members.map(({ assigned }) => assigned().length).filter((share) => share > 0);
        const all = new Set(members.flatMap(({ assigned }) => assigned()));
        return shares.length === count && shares.every((share) => share === each) && all.size === 6 ? true : undefined;
      });
    await balanced(3, 2);
    await send(0, 60);
    await poll('60 records', 20_000, () => (seen.size === 60 ? true : undefined));
    expect(new Set(seen.values()).size).toBe(3);
    await members.shift()!.consumer.disconnect();
    await balanced(2, 3);
    await send(60, 120);
    await poll('120 records', 20_000, () => (seen.size === 120 ? true : undefined));
    const admin = connect().admin();
    await admin.connect();
    const { groups } = await admin.describeGroups(['three']);
    expect(groups[0]).toMatchObject({ state: 'Stable', protocolType: 'consumer' });
    expect(groups[0]!.members).toHaveLength(2);
    for (const { consumer } of members.splice(0)) await consumer.disconnect();
    await send(120, 126);
    const last = await member('d');
    await poll('the rest', 20_000, () => (seen.size === 126 ? true : undefined));
    expect([...seen.values()].filter((name) => name === 'd')).toHaveLength(6);
    await last.consumer.disconnect();
    await admin.deleteGroups(['three']);
    expect((await admin.listGroups()).groups).toEqual([]);
    await admin.disconnect();
  });
});

describe('@platformatic/kafka', () => {
  test('produces idempotently and consumes in a group', async () => {
    await gateway.log.topics.create('platform', { partitions: 2 });
    const options = { clientId: 'test', bootstrapBrokers: [gateway.bootstrap] };
    const producer = new Producer({ ...options, serializers: stringSerializers, idempotent: true });
    const messages = Array.from({ length: 100 }, (_, i) => ({
      topic: 'platform',
      key: `k${i}`,
      value: `v${i}`,
      headers: { h: `${i}` },
    }));
    await producer.send({ messages: messages.slice(0, 50) });
    await producer.send({ messages: messages.slice(50) });
    await producer.close();
    const consumer = new Consumer({ ...options, groupId: 'platform', deserializers: stringDeserializers });
    const stream = await consumer.consume({ topics: ['platform'], mode: 'earliest', sessionTimeout: 10_000 });
    const seen = new Map<string, string>();
    for await (const message of stream) {
      seen.set(message.key!, `${message.value} ${message.headers.get('h')}`);
      await message.commit();
      if (seen.size === 100) break;
    }
    await stream.close();
    await consumer.close();
    expect(seen).toEqual(new Map(messages.map(({ key, value, headers }) => [key, `${value} ${headers.h}`])));
    const offsets = await gateway.log.groups.offsets('platform');
    expect(offsets.reduce((sum, { offset }) => sum + offset, 0)).toBe(100);
  });
});
