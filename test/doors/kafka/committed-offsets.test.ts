/** Committed offsets, told and taken back as Apache Kafka 4.3.1 does: what is asked below was asked of both. */
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../../lib/clock.ts';
import { deleteGroups } from '../../../lib/doors/kafka/apis/delete-groups.ts';
import { describeGroups } from '../../../lib/doors/kafka/apis/describe-groups.ts';
import { heartbeat } from '../../../lib/doors/kafka/apis/heartbeat.ts';
import { joinGroup } from '../../../lib/doors/kafka/apis/join-group.ts';
import { leaveGroup } from '../../../lib/doors/kafka/apis/leave-group.ts';
import { listGroups } from '../../../lib/doors/kafka/apis/list-groups.ts';
import { offsetCommit } from '../../../lib/doors/kafka/apis/offset-commit.ts';
import { offsetDelete } from '../../../lib/doors/kafka/apis/offset-delete.ts';
import { offsetFetch } from '../../../lib/doors/kafka/apis/offset-fetch.ts';
import { syncGroup } from '../../../lib/doors/kafka/apis/sync-group.ts';
import { type KafkaErrorCode, numberOf } from '../../../lib/doors/kafka/failures.ts';
import { startKafkaGateway } from '../../../lib/doors/kafka/gateway.ts';
import { systemRandom } from '../../../lib/ids.ts';
import { parseBrokerConfig } from '../../../lib/log/broker-config.ts';
import { connectRaw, type RawClient, startGateway, type TestGateway } from './gateway.ts';

let gateway: TestGateway;
let client: RawClient;
beforeAll(async () => {
  gateway = await startGateway();
  await gateway.log.topics.create('t', { partitions: 2 });
  client = await connectRaw(gateway.gateway.port);
});
afterAll(async () => {
  client.end();
  await gateway.close();
});

const code = (name: KafkaErrorCode) => numberOf(name);
const bogus = { generationIdOrMemberEpoch: 3, memberId: 'nobody' };

interface Commit {
  groupId: string;
  generationIdOrMemberEpoch?: number;
  memberId?: string;
  topic?: string;
  offset?: number;
  epoch?: number;
  metadata?: string | null;
}

/** The error code of one partition's commit. */
async function commit(version: number, one: Commit): Promise<number> {
  const { topic = 't', offset = 5, epoch = -1, metadata = '', ...who } = one;
  const told = {
    partitionIndex: 0,
    committedOffset: offset,
    committedLeaderEpoch: epoch,
    committedMetadata: metadata,
  };
  const { topics } = await client.call(offsetCommit, version, {
    ...who,
    topics: [{ name: topic, partitions: [told] }],
  });
  return topics[0]!.partitions[0]!.errorCode;
}

async function committed(version: number, groupId: string) {
  const topics = [{ name: 't', partitionIndexes: [0] }];
  const answer = await client.call(
    offsetFetch,
    version,
    version < 8 ? { groupId, topics } : { groups: [{ groupId, topics }] },
  );
  const group = version < 8 ? answer : answer.groups[0]!;
  const { partitionIndex, errorCode, ...offset } = group.topics[0]!.partitions[0]!;
  expect([partitionIndex, errorCode, group.errorCode]).toEqual([0, 0, 0]);
  return offset;
}

const join = (groupId: string, protocolType = 'consumer') =>
  client.call(joinGroup, 3, {
    groupId,
    sessionTimeoutMs: 60_000,
    rebalanceTimeoutMs: 60_000,
    memberId: '',
    protocolType,
    protocols: [{ name: 'any', metadata: new Uint8Array(0) }],
  });

describe('leader epochs (KIP-320)', () => {
  test('are kept with offsets and given back by the versions that know them', async () => {
    expect(await commit(6, { groupId: 'epochs', epoch: 3, metadata: 'm' })).toBe(0);
    const known = { committedOffset: 5, committedLeaderEpoch: 3, metadata: 'm' };
    for (const version of [5, 7, 8, 9]) expect(await committed(version, 'epochs')).toEqual(known);
    expect(await committed(4, 'epochs')).toEqual({ ...known, committedLeaderEpoch: -1 });
  });

  test('are those of the last commit, and -1 where it told none', async () => {
    await commit(9, { groupId: 'forgotten', epoch: 3 });
    await commit(5, { groupId: 'forgotten', epoch: -1, offset: 6 });
    expect(await committed(9, 'forgotten')).toEqual({ committedOffset: 6, committedLeaderEpoch: -1, metadata: '' });
  });
});

describe('a commit is refused', () => {
  test.each([
    [8, 'ILLEGAL_GENERATION'],
    [9, 'GROUP_ID_NOT_FOUND'],
  ] as const)('by a group that there is not (version %i: %s)', async (version, error) => {
    expect(await commit(version, { groupId: `absent-${version}`, ...bogus })).toBe(code(error));
    expect(await commit(version, { groupId: `absent-${version}` })).toBe(0);
    expect(await commit(version, { groupId: `absent-${version}`, ...bogus })).toBe(code('UNKNOWN_MEMBER_ID'));
  });

  test('by a group whose members have left, to whoever was one', async () => {
    const { memberId, generationId } = await join('left');
    await client.call(leaveGroup, 1, { groupId: 'left', memberId });
    const was = { groupId: 'left', memberId, generationIdOrMemberEpoch: generationId };
    expect(await commit(9, was)).toBe(code('UNKNOWN_MEMBER_ID'));
    expect(await commit(9, { ...was, generationIdOrMemberEpoch: -1 })).toBe(0);
  });

  test('for want of a topic before anything else', async () => {
    expect(await commit(9, { groupId: 'no-topic', ...bogus, topic: 'nowhere' })).toBe(
      code('UNKNOWN_TOPIC_OR_PARTITION'),
    );
  });
});

test.each(['consumer', 'connect'])('a group of a %s keeps its protocol type when nobody is left', async (type) => {
  const groupId = `was-${type}`;
  const { memberId, generationId } = await join(groupId, type);
  await client.call(syncGroup, 3, { groupId, generationId, memberId, assignments: [] });
  await client.call(leaveGroup, 1, { groupId, memberId });
  const other = await startKafkaGateway({
    log: gateway.log,
    clock: systemClock,
    random: systemRandom,
    logger: pino({ level: 'error' }),
    config: parseBrokerConfig(['node.id=1']),
    host: '127.0.0.1',
    port: 0,
  });
  const elsewhere = await connectRaw(other.port);
  // Where the group is held, and where it is only known of.
  for (const at of [client, elsewhere]) {
    const { groups } = await at.call(listGroups, 4, { statesFilter: ['Empty'] });
    expect(groups).toContainEqual(expect.objectContaining({ groupId, protocolType: type, groupState: 'Empty' }));
    const described = (await at.call(describeGroups, 3, { groups: [groupId] })).groups[0];
    expect(described).toMatchObject({ errorCode: 0, groupState: 'Empty', protocolType: type, protocolData: '' });
  }
  elsewhere.end();
  await other.close(1_000);
});

describe('the group without a name', () => {
  test('has offsets, is listed, described and deleted', async () => {
    expect(await commit(2, { groupId: '', ...bogus })).not.toBe(0);
    expect(await commit(2, { groupId: '', offset: 7, metadata: 'mine' })).toBe(0);
    for (const version of [1, 7, 9]) expect(await committed(version, '')).toMatchObject({ committedOffset: 7 });

    const listed = async () => (await client.call(listGroups, 3, {})).groups.map(({ groupId }) => groupId);
    const described = async () => (await client.call(describeGroups, 3, { groups: [''] })).groups[0];
    expect(await listed()).toContain('');
    expect(await described()).toMatchObject({ errorCode: 0, groupState: 'Empty' });
    const { results } = await client.call(deleteGroups, 1, { groupsNames: ['', ''] });
    expect(results).toEqual([{ groupId: '', errorCode: 0 }]);
    expect(await listed()).not.toContain('');
    expect(await described()).toMatchObject({ errorCode: 0, groupState: 'Dead' });
  });

  test('has no members, and forgets no partition alone', async () => {
    const invalid = { errorCode: code('INVALID_GROUP_ID') };
    const request = { groupId: '', generationId: 1, memberId: 'x' };
    expect(await join('')).toMatchObject(invalid);
    expect(await client.call(syncGroup, 3, { ...request, assignments: [] })).toMatchObject(invalid);
    expect(await client.call(heartbeat, 3, request)).toMatchObject(invalid);
    const topics = [{ name: 't', partitions: [{ partitionIndex: 0 }] }];
    expect(await client.call(offsetDelete, 0, { groupId: '', topics })).toMatchObject({ ...invalid, topics: [] });
  });
});

test('a group id that no group can have is refused by each API in its place', async () => {
  const groupId = 'a\u0007b';
  const invalid = code('INVALID_GROUP_ID');
  const topics = [{ name: 't', partitions: [{ partitionIndex: 0 }] }];
  expect(await commit(9, { groupId })).toBe(invalid);
  expect(await client.call(offsetDelete, 0, { groupId, topics })).toMatchObject({ errorCode: invalid, topics: [] });
  const asked = { groupId, topics: [{ name: 't', partitionIndexes: [0, 1] }] };
  expect(await client.call(offsetFetch, 2, asked)).toMatchObject({ errorCode: invalid, topics: [] });
  const { topics: told } = await client.call(offsetFetch, 1, asked);
  expect(told[0]!.partitions.map(({ errorCode }) => errorCode)).toEqual([invalid, invalid]);
});
