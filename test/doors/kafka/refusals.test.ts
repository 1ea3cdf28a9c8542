/**
 * What Apache Kafka 4.3.1 answers to requests that are wrong, or at the edge: codes as in its KafkaApis, ConfigHelper and group coordinator.
 */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { alterConfigs } from '../../../lib/doors/kafka/apis/alter-configs.ts';
import { apiVersions } from '../../../lib/doors/kafka/apis/api-versions.ts';
import { createTopics } from '../../../lib/doors/kafka/apis/create-topics.ts';
import { deleteRecords } from '../../../lib/doors/kafka/apis/delete-records.ts';
import { deleteTopics } from '../../../lib/doors/kafka/apis/delete-topics.ts';
import { describeConfigs } from '../../../lib/doors/kafka/apis/describe-configs.ts';
import { findCoordinator } from '../../../lib/doors/kafka/apis/find-coordinator.ts';
import { incrementalAlterConfigs } from '../../../lib/doors/kafka/apis/incremental-alter-configs.ts';
import { joinGroup } from '../../../lib/doors/kafka/apis/join-group.ts';
import { leaveGroup } from '../../../lib/doors/kafka/apis/leave-group.ts';
import { listOffsets } from '../../../lib/doors/kafka/apis/list-offsets.ts';
import { metadata } from '../../../lib/doors/kafka/apis/metadata.ts';
import { offsetCommit } from '../../../lib/doors/kafka/apis/offset-commit.ts';
import { offsetDelete } from '../../../lib/doors/kafka/apis/offset-delete.ts';
import { syncGroup } from '../../../lib/doors/kafka/apis/sync-group.ts';
import { type KafkaErrorCode, numberOf } from '../../../lib/doors/kafka/failures.ts';
import { NO_UUID } from '../../../lib/doors/kafka/protocol/schema.ts';
import { connectRaw, type RawClient, startGateway, type TestGateway } from './gateway.ts';

let gateway: TestGateway;
let client: RawClient;
beforeAll(async () => {
  gateway = await startGateway(['log.retention.hours=2', 'auto.create.topics.enable=true']);
  client = await connectRaw(gateway.gateway.port);
});
afterAll(async () => {
  client.end();
  await gateway.close();
});

const code = (name: KafkaErrorCode) => numberOf(name);

describe('ApiVersions', () => {
  test.each([
    ['', '1'],
    ['-client', '1'],
    ['client', '1.0 beta'],
  ])('refuses a client that calls itself "%s" "%s" (KIP-511)', async (clientSoftwareName, clientSoftwareVersion) => {
    const answer = await client.call(apiVersions, 3, { clientSoftwareName, clientSoftwareVersion });
    expect(answer).toMatchObject({ errorCode: code('INVALID_REQUEST'), apiKeys: [] });
  });
});

describe('Metadata', () => {
  const ask = (names: readonly string[], allowAutoTopicCreation: boolean) =>
    client.call(metadata, 9, {
      topics: names.map((name) => ({ name })),
      allowAutoTopicCreation,
      includeTopicAuthorizedOperations: false,
    });

  test.each([true, false])(
    'says of a name that no topic can have that it is invalid (creation: %s)',
    async (create) => {
      const { topics } = await ask(['no/topic', ''], create);
      expect(topics.map(({ errorCode }) => errorCode)).toEqual(Array(2).fill(code('INVALID_TOPIC_EXCEPTION')));
    },
  );

  test('takes no topic ids before version 12, and no topics without names', async () => {
    const topicId = randomUUID();
    for (const asked of [
      { name: null, topicId },
      { name: 'named', topicId },
    ]) {
      const { topics, brokers } = await client.call(metadata, 10, {
        topics: [asked, { name: 'other', topicId: NO_UUID }],
      });
      const errorCode = numberOf('INVALID_REQUEST');
      expect(topics).toMatchObject([
        { name: asked.name ?? '', errorCode },
        { name: 'other', errorCode },
      ]);
      expect(brokers).toEqual([]);
    }
  });

  test('answers once for a topic that is named twice', async () => {
    const { topics } = await ask(['named-twice', 'named-twice'], true);
    expect(topics).toMatchObject([{ name: 'named-twice', errorCode: 0 }]);
  });
});

describe('ListOffsets', () => {
  const ask = async (version: number, asked: readonly { partition?: number; timestamp: number }[]) => {
    const { topics } = await client.call(listOffsets, version, {
      replicaId: -1,
      topics: [
        {
          name: 'listed',
          partitions: asked.map(({ partition = 0, timestamp }) => ({ partitionIndex: partition, timestamp })),
        },
      ],
    });
    return topics[0]!.partitions.map(({ errorCode }) => errorCode);
  };
  beforeAll(() => gateway.log.topics.create('listed', { partitions: 2 }));

  test('refuses special times that its version does not know', async () => {
    expect(await ask(6, [{ timestamp: -3 }])).toEqual([code('UNSUPPORTED_VERSION')]);
    expect(await ask(7, [{ timestamp: -3 }])).toEqual([0]);
    expect(await ask(7, [{ timestamp: -4 }])).toEqual([code('UNSUPPORTED_VERSION')]);
  });

  test('refuses a partition that is named twice, and no other', async () => {
    const twice = code('INVALID_REQUEST');
    const asked = [{ timestamp: -1 }, { timestamp: -2 }, { partition: 1, timestamp: -1 }];
    expect(await ask(7, asked)).toEqual([twice, twice, 0]);
  });
});

describe('CreateTopics', () => {
  test('refuses a configuration key without a value', async () => {
    const topic = { name: 'no-value', numPartitions: 1, replicationFactor: 1, assignments: [] };
    const { topics } = await client.call(createTopics, 7, {
      topics: [{ ...topic, configs: [{ name: 'retention.ms', value: null }] }],
      timeoutMs: 1_000,
    });
    expect(topics).toMatchObject([{ errorCode: code('INVALID_CONFIG') }]);
    await expect(gateway.log.topics.describe('no-value')).rejects.toThrow('no topic');
  });
});

describe('DeleteTopics', () => {
  test('refuses a topic that is named twice, and deletes the others', async () => {
    await Promise.all(['kept', 'deleted'].map((name) => gateway.log.topics.create(name)));
    const topics = ['kept', 'deleted', 'kept'].map((name) => ({ name, topicId: NO_UUID }));
    const { responses } = await client.call(deleteTopics, 6, { topics, timeoutMs: 1_000 });
    expect(new Map(responses.map(({ name, errorCode }) => [name, errorCode]))).toEqual(
      new Map([
        ['kept', code('INVALID_REQUEST')],
        ['deleted', 0],
      ]),
    );
    expect(await gateway.log.topics.describe('kept')).toMatchObject({ name: 'kept' });
  });
});

describe('DeleteRecords', () => {
  test.each([-2, 3])('refuses offset %i of a log that ends at 2', async (offset) => {
    const name = `shortened${offset}`;
    await gateway.log.topics.create(name);
    await gateway.log.append(name, [{ value: 'a' }, { value: 'b' }]);
    const { topics } = await client.call(deleteRecords, 2, {
      topics: [{ name, partitions: [{ partitionIndex: 0, offset }] }],
      timeoutMs: 1_000,
    });
    const refused = { partitionIndex: 0, lowWatermark: -1, errorCode: code('OFFSET_OUT_OF_RANGE') };
    expect(topics[0]!.partitions).toEqual([refused]);
    expect(await gateway.log.offsets(name, 0)).toEqual({ earliest: 0, latest: 2 });
  });
});

describe('DescribeConfigs', () => {
  const TOPIC = 2;
  const BROKER = 4;
  const ask = async (resourceType: number, resourceName: string, configurationKeys: readonly string[] | null) => {
    const { results } = await client.call(describeConfigs, 4, {
      resources: [{ resourceType, resourceName, configurationKeys }],
      includeSynonyms: true,
      includeDocumentation: true,
    });
    return results[0]!;
  };
  beforeAll(() => gateway.log.topics.create('described', { config: { 'retention.ms': '1000' } }));

  test('tells all keys when none is named', async () => {
    const all = await ask(TOPIC, 'described', null);
    expect(all.configs.length).toBeGreaterThan(20);
    expect(await ask(TOPIC, 'described', [])).toEqual(all);
  });

  test('tells whatever gives a key its value, what holds first (KIP-226)', async () => {
    const { configs } = await ask(TOPIC, 'described', ['retention.ms', 'retention.bytes']);
    expect(configs).toMatchObject([
      {
        name: 'retention.bytes',
        configSource: 5,
        synonyms: [{ name: 'log.retention.bytes', value: '-1', source: 5 }],
      },
      {
        name: 'retention.ms',
        value: '1000',
        configSource: 1,
        synonyms: [
          { name: 'retention.ms', value: '1000', source: 1 },
          { name: 'log.retention.hours', value: '2', source: 4 },
        ],
      },
    ]);
  });

  test('tells where clients are told to come', async () => {
    const { configs } = await ask(BROKER, '0', ['advertised.listeners']);
    const value = `PLAINTEXT://${gateway.bootstrap}`;
    expect(configs).toMatchObject([{ value, configSource: 4, readOnly: true, isSensitive: false, configType: 7 }]);
  });

  test.each([
    ['no/topic', 'INVALID_TOPIC_EXCEPTION'],
    ['nowhere', 'UNKNOWN_TOPIC_OR_PARTITION'],
  ] as const)('answers for the topic "%s" %s', async (name, error) => {
    expect(await ask(TOPIC, name, null)).toMatchObject({ errorCode: code(error), configs: [] });
  });
});

describe('configurations', () => {
  const TOPIC = 2;
  const set = (name: string, value: string | null) => ({ name, configOperation: 0, value });
  const alter = async (...resources: readonly [topic: string, configs: readonly ReturnType<typeof set>[]][]) => {
    const asked = resources.map(([resourceName, configs]) => ({ resourceType: TOPIC, resourceName, configs }));
    const request = { resources: asked, validateOnly: false };
    const [all, single] = [
      await client.call(alterConfigs, 2, request),
      await client.call(incrementalAlterConfigs, 1, request),
    ];
    expect(single.responses.map(({ errorCode }) => errorCode)).toEqual(all.responses.map(({ errorCode }) => errorCode));
    return all.responses.map(({ errorCode }) => errorCode);
  };
  const INVALID = code('INVALID_REQUEST');
  beforeAll(() => Promise.all(['altered', 'altered-too'].map((name) => gateway.log.topics.create(name))));

  test('are not altered by who names a topic twice', async () => {
    const config = [set('retention.ms', '1000')];
    expect(await alter(['altered', config], ['altered-too', config], ['altered', config])).toEqual([
      INVALID,
      0,
      INVALID,
    ]);
  });

  test('are not altered by who names a key twice, or gives it nothing', async () => {
    expect(await alter(['altered', [set('retention.ms', '1'), set('retention.ms', '2')]])).toEqual([INVALID]);
    expect(await alter(['altered', [set('retention.ms', null)]])).toEqual([INVALID]);
    const { config } = await gateway.log.topics.describe('altered');
    expect(config.find(({ name }) => name === 'retention.ms')).toMatchObject({ isDefault: true });
  });
});

describe('FindCoordinator', () => {
  test.each([
    [0, 0],
    [1, code('TRANSACTIONAL_ID_AUTHORIZATION_FAILED')],
    [9, code('INVALID_REQUEST')],
  ])('of keys of type %i answers %i', async (keyType, errorCode) => {
    const { coordinators } = await client.call(findCoordinator, 4, { keyType, coordinatorKeys: ['some'] });
    expect(coordinators).toMatchObject([{ key: 'some', errorCode }]);
    expect(await client.call(findCoordinator, 3, { keyType, key: 'some' })).toMatchObject({ errorCode });
  });
});

describe('groups', () => {
  const join = (groupId: string, protocolType: string) =>
    client.call(joinGroup, 3, {
      groupId,
      sessionTimeoutMs: 6_000,
      rebalanceTimeoutMs: 6_000,
      memberId: '',
      protocolType,
      protocols: [{ name: 'any', metadata: new Uint8Array(0) }],
    });

  test('LeaveGroup without a group is refused as a whole', async () => {
    const members = [{ memberId: 'somebody' }];
    const answer = await client.call(leaveGroup, 3, { groupId: '', members });
    expect(answer).toMatchObject({ errorCode: code('INVALID_GROUP_ID'), members: [] });
  });

  test('SyncGroup must tell protocol type and name from version 5 on (KIP-559)', async () => {
    const { memberId, generationId } = await join('untold', 'consumer');
    const request = { groupId: 'untold', generationId, memberId, assignments: [] };
    const told = { protocolType: 'consumer', protocolName: null };
    const inconsistent = { errorCode: code('INCONSISTENT_GROUP_PROTOCOL') };
    expect(await client.call(syncGroup, 5, { ...request, ...told })).toMatchObject(inconsistent);
    expect(await client.call(syncGroup, 4, request)).toMatchObject({ errorCode: 0 });
  });

  test('OffsetDelete is refused while others than consumers are members (KIP-496)', async () => {
    await gateway.log.topics.create('workers-topic');
    const topics = [{ name: 'workers-topic', partitions: [{ partitionIndex: 0 }] }];
    const offsets = [
      { name: 'workers-topic', partitions: [{ partitionIndex: 0, committedOffset: 0, committedMetadata: '' }] },
    ];
    await client.call(offsetCommit, 2, { groupId: 'workers', topics: offsets });
    await join('workers', 'connect');
    const answer = await client.call(offsetDelete, 0, { groupId: 'workers', topics });
    expect(answer).toMatchObject({ errorCode: code('NON_EMPTY_GROUP'), topics: [] });
  });
});
