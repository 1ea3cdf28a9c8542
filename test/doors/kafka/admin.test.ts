import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { alterClientQuotas } from '../../../lib/doors/kafka/apis/alter-client-quotas.ts';
import { alterPartitionReassignments } from '../../../lib/doors/kafka/apis/alter-partition-reassignments.ts';
import { alterReplicaLogDirs } from '../../../lib/doors/kafka/apis/alter-replica-log-dirs.ts';
import { describeClientQuotas } from '../../../lib/doors/kafka/apis/describe-client-quotas.ts';
import { describeCluster } from '../../../lib/doors/kafka/apis/describe-cluster.ts';
import { describeGroups } from '../../../lib/doors/kafka/apis/describe-groups.ts';
import { describeLogDirs } from '../../../lib/doors/kafka/apis/describe-log-dirs.ts';
import { describeQuorum } from '../../../lib/doors/kafka/apis/describe-quorum.ts';
import { describeTopicPartitions } from '../../../lib/doors/kafka/apis/describe-topic-partitions.ts';
import { describeUserScramCredentials } from '../../../lib/doors/kafka/apis/describe-user-scram-credentials.ts';
import { electLeaders } from '../../../lib/doors/kafka/apis/elect-leaders.ts';
import { listConfigResources } from '../../../lib/doors/kafka/apis/list-config-resources.ts';
import { listPartitionReassignments } from '../../../lib/doors/kafka/apis/list-partition-reassignments.ts';
import { metadata } from '../../../lib/doors/kafka/apis/metadata.ts';
import { numberOf } from '../../../lib/doors/kafka/failures.ts';
import { connectRaw, type RawClient, startGateway, type TestGateway } from './gateway.ts';

let gateway: TestGateway;
let client: RawClient;
beforeAll(async () => {
  gateway = await startGateway(['node.id=7']);
  client = await connectRaw(gateway.gateway.port);
  await gateway.log.topics.create('asked-about', { partitions: 2 });
});
afterAll(async () => {
  client.end();
  await gateway.close();
});

const UNKNOWN = numberOf('UNKNOWN_TOPIC_OR_PARTITION');

// What Apache Kafka 4.3.1 answers without an authorizer: everything that a resource allows, by AclOperation's numbers.
describe('authorized operations (KIP-430)', () => {
  const NOT_TOLD = -(2 ** 31);
  const bits = (...operations: readonly number[]) => operations.reduce((all, one) => all | (1 << one), 0);
  const OF_TOPIC = bits(3, 4, 5, 6, 7, 8, 10, 11);
  const OF_GROUP = bits(3, 6, 8, 10, 11);
  const OF_CLUSTER = bits(5, 7, 8, 9, 10, 11, 12);

  test.each([true, false])('are told when they are asked for (%s)', async (asked) => {
    const told = await client.call(metadata, 9, {
      topics: [{ name: 'asked-about' }],
      includeClusterAuthorizedOperations: asked,
      includeTopicAuthorizedOperations: asked,
    });
    expect(told.topics).toMatchObject([{ topicAuthorizedOperations: asked ? OF_TOPIC : NOT_TOLD }]);
    expect(told.clusterAuthorizedOperations).toBe(asked ? OF_CLUSTER : NOT_TOLD);
    const cluster = await client.call(describeCluster, 0, { includeClusterAuthorizedOperations: asked });
    expect(cluster.clusterAuthorizedOperations).toBe(asked ? OF_CLUSTER : NOT_TOLD);
    const { groups } = await client.call(describeGroups, 5, { groups: ['any'], includeAuthorizedOperations: asked });
    expect(groups).toMatchObject([{ authorizedOperations: asked ? OF_GROUP : NOT_TOLD }]);
  });

  test('are always told of topics that are described', async () => {
    const asked = { topics: [{ name: 'asked-about' }], responsePartitionLimit: 10, cursor: null };
    const { topics } = await client.call(describeTopicPartitions, 0, asked);
    expect(topics).toMatchObject([{ topicAuthorizedOperations: OF_TOPIC }]);
  });
});

describe('ElectLeaders (KIP-460)', () => {
  const ask = (electionType: number, topicPartitions: { topic: string; partitions: number[] }[] | null) =>
    client.call(electLeaders, 2, { electionType, topicPartitions, timeoutMs: 1_000 });

  test('needs no election anywhere', async () => {
    const NOT_NEEDED = numberOf('ELECTION_NOT_NEEDED');
    const answer = await ask(0, [
      { topic: 'asked-about', partitions: [0, 1, 2, -1] },
      { topic: 'nowhere', partitions: [0] },
    ]);
    const codes = answer.replicaElectionResults.map(({ partitionResult }) =>
      partitionResult.map(({ errorCode }) => errorCode),
    );
    expect(codes).toEqual([[NOT_NEEDED, NOT_NEEDED, UNKNOWN, UNKNOWN], [UNKNOWN]]);
    expect(await ask(0, null)).toMatchObject({ errorCode: 0, replicaElectionResults: [] });
  });

  test('refuses elections of a kind that nobody knows', async () => {
    expect(await ask(2, null)).toMatchObject({ errorCode: numberOf('INVALID_REQUEST') });
  });
});

describe('reassignments (KIP-455)', () => {
  test('put replicas where they are, and nowhere else', async () => {
    const { errorCode, responses } = await client.call(alterPartitionReassignments, 1, {
      timeoutMs: 1_000,
      topics: [
        {
          name: 'asked-about',
          partitions: [
            { partitionIndex: 0, replicas: [7] },
            { partitionIndex: 1, replicas: [7, 8] },
            { partitionIndex: 0, replicas: null },
            { partitionIndex: 2, replicas: [7] },
          ],
        },
      ],
    });
    expect(errorCode).toBe(0);
    const [elsewhere, none] = [numberOf('INVALID_REPLICA_ASSIGNMENT'), numberOf('NO_REASSIGNMENT_IN_PROGRESS')];
    expect(responses[0]!.partitions.map(({ errorCode }) => errorCode)).toEqual([0, elsewhere, none, UNKNOWN]);
  });

  test('are never on their way', async () => {
    const answer = await client.call(listPartitionReassignments, 0, { timeoutMs: 1_000, topics: null });
    expect(answer).toMatchObject({ errorCode: 0, topics: [] });
  });
});

describe('DescribeLogDirs (KIP-113)', () => {
  const dirs = async (version: number, topics: { topic: string; partitions: number[] }[] | null) =>
    client.call(describeLogDirs, version, { topics });

  test('tells the bytes of partitions that there are, in one folder of no known size', async () => {
    await gateway.log.append('asked-about', [{ value: 'x', partition: 1 }]);
    const bytes = await gateway.log.size('asked-about', 1);
    expect(bytes).toBeGreaterThan(0);
    const asked = [
      { topic: 'nowhere', partitions: [0] },
      { topic: 'asked-about', partitions: [1, 1, 2] },
      { topic: 'asked-about', partitions: [0] },
    ];
    const partition = { offsetLag: 0, isFutureKey: false };
    const told = [
      { ...partition, partitionIndex: 1, partitionSize: bytes },
      { ...partition, partitionIndex: 0, partitionSize: 0 },
    ];
    for (const version of [1, 2, 3, 4, 5]) {
      const { results, errorCode } = await dirs(version, asked);
      expect(errorCode).toBe(0);
      expect(results).toEqual([
        {
          errorCode: 0,
          logDir: `/${gateway.log.clusterId}`,
          topics: [{ name: 'asked-about', partitions: told }],
          totalBytes: -1,
          usableBytes: -1,
          isCordoned: false,
        },
      ]);
    }
  });

  test('tells all when none is named, and nothing when that is asked for', async () => {
    const { results } = await dirs(4, null);
    const names = results[0]!.topics.map(({ name, partitions }) => [name, partitions.length]);
    expect(names).toContainEqual(['asked-about', 2]);
    expect((await dirs(4, [])).results).toMatchObject([{ errorCode: 0, topics: [] }]);
  });
});

describe('ListConfigResources (KIP-1142)', () => {
  const topic = { resourceName: 'asked-about', resourceType: 2 };
  const broker = { resourceName: '7', resourceType: 4 };

  test.each([
    { version: 1, resourceTypes: [], found: [topic, broker] },
    { version: 1, resourceTypes: [4], found: [broker] },
    { version: 1, resourceTypes: [8, 16, 32], found: [] },
    { version: 0, resourceTypes: [], found: [] },
  ])('in version $version of types $resourceTypes tells $found.length', async ({ version, resourceTypes, found }) => {
    const answer = await client.call(listConfigResources, version, { resourceTypes });
    expect(answer).toMatchObject({ errorCode: 0, configResources: found });
  });

  test('refuses a type that nobody knows', async () => {
    const answer = await client.call(listConfigResources, 1, { resourceTypes: [2, 3] });
    expect(answer).toMatchObject({ errorCode: numberOf('UNSUPPORTED_VERSION'), configResources: [] });
  });
});

describe('AlterReplicaLogDirs (KIP-113)', () => {
  test('moves partitions to where they are, and nowhere else', async () => {
    const topics = [{ name: 'asked-about', partitions: [0, 2] }];
    const { results } = await client.call(alterReplicaLogDirs, 2, {
      dirs: [
        { path: `/${gateway.log.clusterId}`, topics },
        { path: '/elsewhere', topics },
      ],
    });
    const absent = numberOf('LOG_DIR_NOT_FOUND');
    expect(results.map(({ partitions }) => partitions.map(({ errorCode }) => errorCode))).toEqual([
      [0, UNKNOWN],
      [absent, absent],
    ]);
  });
});

describe('quotas (KIP-546)', () => {
  const EXACT = 0;
  const describeQuotas = async (components: { entityType: string; matchType: number; match: string | null }[]) =>
    client.call(describeClientQuotas, 1, { components, strict: true });

  test('nobody has', async () => {
    const filter = [{ entityType: 'user', matchType: EXACT, match: 'alice' }];
    expect(await describeQuotas(filter)).toMatchObject({ errorCode: 0, entries: [] });
    expect(await describeQuotas([])).toMatchObject({ errorCode: 0, entries: [] });
  });

  test.each([
    ['an empty type', 'INVALID_REQUEST', [{ entityType: '', matchType: EXACT, match: 'a' }]],
    ['a type that nobody knows', 'UNSUPPORTED_VERSION', [{ entityType: 'planet', matchType: EXACT, match: 'a' }]],
    ['an exact match of nothing', 'INVALID_REQUEST', [{ entityType: 'user', matchType: EXACT, match: null }]],
    ['the default with a name', 'INVALID_REQUEST', [{ entityType: 'user', matchType: 1, match: 'a' }]],
    ['a match that nobody knows', 'INVALID_REQUEST', [{ entityType: 'user', matchType: 3, match: null }]],
    [
      'a type that is named twice',
      'INVALID_REQUEST',
      ['a', 'b'].map((match) => ({ entityType: 'user', matchType: EXACT, match })),
    ],
    [
      'an address beside a user',
      'INVALID_REQUEST',
      ['ip', 'user'].map((entityType) => ({ entityType, matchType: 2, match: null })),
    ],
  ] as const)('are not looked for by %s', async (_, code, filter) => {
    expect(await describeQuotas([...filter])).toMatchObject({ errorCode: numberOf(code), entries: null });
  });

  test('can be removed, and not set', async () => {
    const alter = (types: string[], remove: boolean) => ({
      entity: types.map((entityType) => ({ entityType, entityName: 'a' })),
      ops: [{ key: 'producer_byte_rate', value: 1.5, remove }],
    });
    const { entries } = await client.call(alterClientQuotas, 1, {
      entries: [
        alter(['user', 'client-id'], true),
        alter(['client-id'], false),
        alter([], true),
        alter(['ip', 'user'], true),
        alter(['planet'], true),
      ],
      validateOnly: false,
    });
    const invalid = numberOf('INVALID_REQUEST');
    expect(entries.map(({ errorCode }) => errorCode)).toEqual([
      0,
      numberOf('POLICY_VIOLATION'),
      invalid,
      invalid,
      invalid,
    ]);
    expect(entries[0]!.entity).toEqual([
      { entityType: 'user', entityName: 'a' },
      { entityType: 'client-id', entityName: 'a' },
    ]);
  });
});

test('nobody has SCRAM credentials (KIP-554)', async () => {
  expect(await client.call(describeUserScramCredentials, 0, { users: null })).toMatchObject({
    errorCode: 0,
    results: [],
  });
  const { results } = await client.call(describeUserScramCredentials, 0, {
    users: ['alice', 'bob', 'bob'].map((name) => ({ name })),
  });
  expect(results.map(({ user, errorCode }) => [user, errorCode])).toEqual([
    ['alice', numberOf('RESOURCE_NOT_FOUND')],
    ['bob', numberOf('DUPLICATE_RESOURCE')],
  ]);
});

test('the gateway is the only voter about metadata, of which there is no log (KIP-853)', async () => {
  const partitions = [{ partitionIndex: 0 }, { partitionIndex: 1 }];
  const { errorCode, topics, nodes } = await client.call(describeQuorum, 2, {
    topics: [
      { topicName: '__cluster_metadata', partitions },
      { topicName: 'asked-about', partitions },
    ],
  });
  expect(errorCode).toBe(0);
  const [first, ...others] = topics.flatMap((topic) => topic.partitions);
  expect(first).toMatchObject({ errorCode: 0, leaderId: 7, highWatermark: 0, observers: [] });
  expect(first!.currentVoters).toMatchObject([{ replicaId: 7, logEndOffset: 0 }]);
  expect(others.map((one) => one.errorCode)).toEqual([UNKNOWN, UNKNOWN, UNKNOWN]);
  const { port } = gateway.gateway;
  expect(nodes).toEqual([{ nodeId: 7, listeners: [{ name: 'PLAINTEXT', host: '127.0.0.1', port }] }]);
});
