import kafkajs from 'kafkajs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { describeClients } from '../../clients/contract.ts';
import { JAVASCRIPT } from '../../clients/javascript.ts';
import { startGateway, type TestGateway } from './gateway.ts';

const { Kafka, logLevel } = kafkajs;

describeClients(JAVASCRIPT, { readers: JAVASCRIPT, isFull: false });

describe("kafkajs' administrator", () => {
  let gateway: TestGateway;
  beforeEach(async () => {
    gateway = await startGateway();
  });
  afterEach(() => gateway.close());

  const connect = () =>
    new Kafka({ clientId: 'test', brokers: [gateway.bootstrap], logLevel: logLevel.NOTHING, retry: { retries: 5 } });

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

  test('describes, lists and deletes groups', async () => {
    await gateway.log.topics.create('read');
    const consumer = connect().consumer({ groupId: 'readers', maxWaitTimeInMs: 100 });
    await consumer.connect();
    await consumer.subscribe({ topic: 'read' });
    const joined = new Promise((resolve) => consumer.on(consumer.events.GROUP_JOIN, resolve));
    await consumer.run({ eachMessage: async () => {} });
    await joined;
    const admin = connect().admin();
    await admin.connect();
    const { groups } = await admin.describeGroups(['readers']);
    expect(groups[0]).toMatchObject({ state: 'Stable', protocolType: 'consumer', members: [{ clientId: 'test' }] });
    await consumer.disconnect();
    await admin.setOffsets({ groupId: 'readers', topic: 'read', partitions: [{ partition: 0, offset: '0' }] });
    await admin.deleteGroups(['readers']);
    expect((await admin.listGroups()).groups).toEqual([]);
    await admin.disconnect();
  });
});
