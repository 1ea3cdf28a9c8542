import kafkajs from 'kafkajs';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../lib/clock.ts';
import { type KafkaGateway, startKafkaGateway } from '../../../lib/doors/kafka/gateway.ts';
import { systemRandom } from '../../../lib/ids.ts';
import { parseBrokerConfig } from '../../../lib/log/broker-config.ts';
import { type RunningDoor, runDoor } from './running-door.ts';

const { Kafka, logLevel } = kafkajs;

let door: RunningDoor;
let gateway: KafkaGateway;
let root: string;
beforeEach(async () => {
  door = await runDoor();
  root = `/v3/clusters/${door.log.clusterId}`;
  gateway = await startKafkaGateway({
    log: door.log,
    clock: systemClock,
    random: systemRandom,
    logger: pino({ level: 'silent' }),
    config: parseBrokerConfig(['group.initial.rebalance.delay.ms=0']),
    host: '127.0.0.1',
    port: 0,
  });
});
afterEach(async () => {
  await gateway.close(1_000);
  await door.close();
});

const get = async (path: string) => (await door.ask('GET', `${root}/${path}`)).body;

describe('groups of REST Proxy v3', () => {
  test('the members of a Kafka group, what they read, and how far behind they are', async () => {
    // given
    await door.log.topics.create('read', { partitions: 2 });
    await door.log.append('read', [
      { value: 'a', partition: 1 },
      { value: 'b', partition: 1 },
    ]);
    await door.log.groups.commit('readers', [{ topic: 'read', partition: 1, offset: 1 }]);
    const brokers = [`127.0.0.1:${gateway.port}`];
    const consumer = new Kafka({ clientId: 'me', brokers, logLevel: logLevel.NOTHING }).consumer({
      groupId: 'readers',
    });
    const joined = new Promise((resolve) => consumer.on(consumer.events.GROUP_JOIN, resolve));
    await consumer.connect();
    await consumer.subscribe({ topic: 'read' });
    await consumer.run({ eachMessage: async () => {}, autoCommit: false });
    await joined;

    // when
    const group = await get('consumer-groups/readers');
    const groups = await get('consumer-groups');
    const consumers = await get('consumer-groups/readers/consumers');
    const id = consumers.data[0].consumer_id;
    const one = await get(`consumer-groups/readers/consumers/${id}`);
    const assignments = await get(`consumer-groups/readers/consumers/${id}/assignments`);
    const assignment = await get(`consumer-groups/readers/consumers/${id}/assignments/read/partitions/1`);
    const lag = await get('consumer-groups/readers/lags/read/partitions/1');
    const summary = await get('consumer-groups/readers/lag-summary');
    await consumer.disconnect();

    // then
    expect(group).toMatchObject({
      kind: 'KafkaConsumerGroup',
      is_simple: false,
      partition_assignor: 'RoundRobinAssigner',
      state: 'STABLE',
      type: 'CLASSIC',
    });
    expect(groups.data).toEqual([group]);
    const self = `${door.url}${root}/consumer-groups/readers/consumers/${id}`;
    expect(consumers.data).toEqual([
      {
        kind: 'KafkaConsumer',
        metadata: {
          self,
          resource_name: `crn:///kafka=${door.log.clusterId}/consumer-group=readers/consumer=${id}`,
        },
        cluster_id: door.log.clusterId,
        consumer_group_id: 'readers',
        consumer_id: id,
        instance_id: null,
        client_id: 'me',
        assignments: { related: `${self}/assignments` },
      },
    ]);
    expect(one).toEqual(consumers.data[0]);
    expect(assignments.data.map(({ partition_id }: { partition_id: number }) => partition_id)).toEqual([0, 1]);
    expect(assignment).toEqual(assignments.data[1]);
    expect(assignment).toMatchObject({
      kind: 'KafkaConsumerAssignment',
      topic_name: 'read',
      partition: { related: `${door.url}${root}/topics/read/partitions/1` },
      lag: { related: `${door.url}${root}/consumer-groups/readers/lags/read/partitions/1` },
    });
    expect(lag).toMatchObject({ lag: 1, consumer_id: id, client_id: 'me', instance_id: null });
    expect(summary).toMatchObject({ max_lag: 1, max_lag_consumer_id: id, max_lag_consumer: { related: self } });
    expect(await get('consumer-groups/readers')).toMatchObject({ state: 'EMPTY' });
    expect(await get('consumer-groups/readers/consumers')).toMatchObject({ data: [] });
  });

  test('the members that no gateway leads', async () => {
    await door.log.topics.create('shared', { partitions: 2 });
    const instance = { name: 'one', 'auto.offset.reset': 'earliest' };
    const v2 = { 'content-type': 'application/vnd.kafka.v2+json' };
    await door.ask('POST', '/consumers/instances', instance, v2);
    const { url } = door;
    await door.ask('POST', '/consumers/instances/instances/one/subscription', { topics: ['shared'] }, v2);
    await fetch(`${url}/consumers/instances/instances/one/records?timeout=0`);

    expect(await get('consumer-groups/instances')).toMatchObject({ state: 'STABLE', is_simple: false });
    const { data } = await get('consumer-groups/instances/consumers');
    expect(data).toHaveLength(1);
    const assignments = await get(`consumer-groups/instances/consumers/${data[0].consumer_id}/assignments`);
    expect(assignments.data).toMatchObject([{ partition_id: 0 }, { partition_id: 1 }]);
    await door.ask('DELETE', '/consumers/instances/instances/one');
    expect(await get('consumer-groups/instances')).toMatchObject({ state: 'EMPTY' });
  });

  test('a group that has offsets and never had members', async () => {
    await door.log.topics.create('simple');
    await door.log.groups.commit('offsets', [{ topic: 'simple', partition: 0, offset: 0 }]);
    expect(await get('consumer-groups/offsets')).toMatchObject({ state: 'EMPTY', is_simple: true });
    expect(await get('consumer-groups/offsets/lags')).toMatchObject({
      data: [{ lag: 0, consumer_id: '', client_id: '', instance_id: null }],
    });
  });

  test('a group that another process coordinates: only that one knows its members', async () => {
    await door.log.topics.create('elsewhere');
    await door.log.groups.commit('held', [{ topic: 'elsewhere', partition: 0, offset: 0 }]);
    const held = await door.log.groups.coordinateAs(7).hold('held');
    expect(await get('consumer-groups/held')).toMatchObject({ state: 'UNKNOWN' });
    await held.release();
    expect(await get('consumer-groups/held')).toMatchObject({ state: 'EMPTY' });
  });

  test('what is not there', async () => {
    await door.log.topics.create('simple');
    await door.log.groups.commit('group', [{ topic: 'simple', partition: 0, offset: 0 }]);
    for (const path of [
      'nobody',
      'nobody/consumers',
      'nobody/lags',
      'nobody/lag-summary',
      'group/consumers/nobody',
      'group/consumers/nobody/assignments',
      'group/lags/simple/partitions/5',
    ]) {
      expect([path, (await door.ask('GET', `${root}/consumer-groups/${path}`)).status]).toEqual([path, 404]);
    }
  });
});

describe('partitions of REST Proxy v3', () => {
  test('none is ever being reassigned', async () => {
    await door.log.topics.create('still');
    const reassignments = (path: string) => ({
      kind: 'KafkaReassignmentList',
      metadata: { self: `${door.url}${root}/${path}`, next: null },
      data: [],
    });
    for (const path of ['topics/-/partitions/-/reassignment', 'topics/still/partitions/-/reassignment']) {
      expect(await get(path)).toEqual(reassignments(path));
    }
    expect((await door.ask('GET', `${root}/topics/still/partitions/0/reassignment`)).status).toBe(404);
  });

  test('offsets are the earliest and the latest', async () => {
    await door.log.topics.create('offsets');
    await door.log.append('offsets', [{ value: 'a' }]);
    const path = 'topics/offsets/partitions/0/offset';
    expect(await get(path)).toMatchObject({ earliest_offset: 0, latest_offset: 1 });
    expect((await get(`${path}?offset_type=earliest_and_latest`)).metadata.resource_name).toMatch(
      /\/partition=0\/offset_type=earliest_and_latest$/,
    );
    expect((await door.ask('GET', `${root}/${path}?offset_type=latest`)).status).toBe(400);
  });

  test('assignments of replicas say how many partitions a topic gets', async () => {
    const create = (more: object) => door.ask('POST', `${root}/topics`, { topic_name: 'assigned', ...more });
    const wrong = [{ replicas_assignments: { 1: [0] } }, { replicas_assignments: {} }];
    for (const more of [...wrong, { replicas_assignments: { 0: [0] }, partitions_count: 1 }]) {
      expect((await create(more)).status).toBe(400);
    }
    const { status, body } = await create({ replicas_assignments: { 0: [0, 1], 1: [1, 2] } });
    expect([status, body.partitions_count]).toEqual([201, 2]);
    expect((await door.ask('POST', `${root}/topics`, '')).body.error_code).toBe(42_206);
  });
});
