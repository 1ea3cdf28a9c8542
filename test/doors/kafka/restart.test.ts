import { pino } from 'pino';
import { afterEach, expect, test } from 'vitest';
import { systemClock } from '../../../lib/clock.ts';
import { describeGroups } from '../../../lib/doors/kafka/apis/describe-groups.ts';
import { heartbeat } from '../../../lib/doors/kafka/apis/heartbeat.ts';
import { joinGroup } from '../../../lib/doors/kafka/apis/join-group.ts';
import { offsetCommit } from '../../../lib/doors/kafka/apis/offset-commit.ts';
import { offsetFetch } from '../../../lib/doors/kafka/apis/offset-fetch.ts';
import { syncGroup } from '../../../lib/doors/kafka/apis/sync-group.ts';
import { numberOf } from '../../../lib/doors/kafka/failures.ts';
import { startKafkaGateway } from '../../../lib/doors/kafka/gateway.ts';
import { systemRandom } from '../../../lib/ids.ts';
import { parseBrokerConfig } from '../../../lib/log/broker-config.ts';
import { connectRaw, startGateway, type TestGateway } from './gateway.ts';

let gateway: TestGateway;
afterEach(() => gateway.close());

test('members go on in their generation when their gateway was restarted, and their offsets are there', async () => {
  gateway = await startGateway();
  await gateway.log.topics.create('t');
  const client = await connectRaw(gateway.gateway.port);
  const groupId = 'g';
  const { memberId, generationId } = await client.call(joinGroup, 5, {
    groupId,
    sessionTimeoutMs: 30_000,
    rebalanceTimeoutMs: 30_000,
    memberId: (await client.call(joinGroup, 5, joinAs(groupId, ''))).memberId,
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: Buffer.from('x') }],
  });
  const assignments = [{ memberId, assignment: Buffer.from('mine') }];
  expect((await client.call(syncGroup, 3, { groupId, generationId, memberId, assignments })).errorCode).toBe(0);
  const commit = (generation: number) => ({
    groupId,
    generationIdOrMemberEpoch: generation,
    memberId,
    topics: [{ name: 't', partitions: [{ partitionIndex: 0, committedOffset: 7, committedMetadata: 'note' }] }],
  });
  expect((await client.call(offsetCommit, 7, commit(generationId))).topics[0]!.partitions[0]!.errorCode).toBe(0);

  await gateway.gateway.close(1_000);
  const again = await startKafkaGateway({
    log: gateway.log,
    clock: systemClock,
    random: systemRandom,
    logger: pino({ level: 'error' }),
    config: parseBrokerConfig(['group.initial.rebalance.delay.ms=0']),
    host: '127.0.0.1',
    port: 0,
  });
  const back = await connectRaw(again.port);
  expect((await back.call(heartbeat, 3, { groupId, generationId, memberId })).errorCode).toBe(0);
  const { assignment } = await back.call(syncGroup, 3, { groupId, generationId, memberId, assignments: [] });
  expect(Buffer.from(assignment).toString()).toBe('mine');
  expect((await back.call(describeGroups, 4, { groups: [groupId] })).groups[0]).toMatchObject({
    groupState: 'Stable',
    protocolType: 'consumer',
    protocolData: 'range',
    members: [{ memberId, clientId: 'test', clientHost: '/127.0.0.1' }],
  });
  const stale = await back.call(offsetCommit, 7, commit(generationId - 1));
  expect(stale.topics[0]!.partitions[0]!.errorCode).toBe(numberOf('ILLEGAL_GENERATION'));
  const { topics } = await back.call(offsetFetch, 5, { groupId, topics: [{ name: 't', partitionIndexes: [0, 1] }] });
  expect(topics[0]!.partitions).toMatchObject([
    { partitionIndex: 0, committedOffset: 7, metadata: 'note' },
    { partitionIndex: 1, committedOffset: -1, metadata: '' },
  ]);
  back.end();
  await again.close(1_000);
});

function joinAs(groupId: string, memberId: string) {
  return {
    groupId,
    sessionTimeoutMs: 30_000,
    memberId,
    protocolType: 'consumer',
    protocols: [{ name: 'range', metadata: Buffer.from('x') }],
  };
}
