import { randomBytes } from 'node:crypto';
import { expect } from 'vitest';
import type { ApiFunctionName } from '../../cdk/routes.ts';
import type { CustomResourceEvent } from '../../functions/custom-resource.ts';
import { type GatewayHandler, httpFunction } from '../../functions/http-function.ts';
import { subscriptionResource } from '../../functions/subscription-resource.ts';
import { topicResource } from '../../functions/topic-resource.ts';
import { systemClock } from '../../lib/clock.ts';
import { systemRandom } from '../../lib/ids.ts';
import type { DeliveryOptions } from '../../lib/log/delivery/delivery.ts';
import type { DeliveryMessage } from '../../lib/log/delivery/ports.ts';
import { openAws } from '../../lib/open/aws.ts';
import { openDynamodb } from '../../lib/stores/catalog/dynamodb/dynamodb.ts';
import type { Recorder } from './recorder.ts';

const context = {
  awsRequestId: '1',
  functionName: 'f',
  functionVersion: '1',
  invokedFunctionArn: '',
  memoryLimitInMB: '1',
};

/**
 * Goes each way through the functions that asks the stores for something else, with the recorder told whose turn it is. In the
 * environment they find the stores, and the bucket `the-bucket`.
 */
export async function everyWay(recorder: Recorder, table: string): Promise<void> {
  const handlers = new Map<ApiFunctionName, GatewayHandler>();

  /** One request to one function, while nothing else runs. */
  async function ask(name: ApiFunctionName, method: string, path: string, body?: unknown, type = 'application/json') {
    recorder.by = name;
    let handler = handlers.get(name);
    if (!handler) {
      handler = httpFunction({ VARVE_BUCKET: 'the-bucket', VARVE_TABLE: table });
      handlers.set(name, handler);
    }
    const { pathname, searchParams } = new URL(path, 'https://api');
    const answer = await handler(
      {
        resource: '/{proxy+}',
        pathParameters: { proxy: pathname.slice(1) },
        path: pathname,
        httpMethod: method,
        headers: body === undefined ? {} : { 'content-type': type },
        queryStringParameters: Object.fromEntries(searchParams),
        requestContext: { stage: 'prod', path: `/prod${pathname}`, domainName: 'api.example' },
        body: body === undefined ? null : typeof body === 'string' ? body : JSON.stringify(body),
        isBase64Encoded: false,
      },
      context,
    );
    return { status: answer.statusCode, body: answer.body === '' ? undefined : JSON.parse(answer.body) };
  }

  /** The same, of which a success is expected. */
  async function must(name: ApiFunctionName, method: string, path: string, body?: unknown, type?: string) {
    const answer = await ask(name, method, path, body, type);
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  }

  /** A subscription's life: records of every place, a time that is looked for, a batch that is told again, its end. */
  async function deliveries(ask: typeof must): Promise<void> {
    const { notifyFunction } = await import('../../functions/notify.ts');
    const { deliverFunction } = await import('../../functions/deliver.ts');
    const env = { VARVE_BUCKET: 'the-bucket', VARVE_TABLE: table };
    const sent: DeliveryMessage[] = [];
    const around: DeliveryOptions = {
      queue: async (message) => void sent.push(message),
      target: async () => ({ status: 'returned', answer: undefined }),
      onFailure: async () => {},
    };
    recorder.by = 'subscriptions';
    const log = await openAws({ bucket: 'the-bucket', table });
    const answer = subscriptionResource(async () => ({ log, delivery: await log.delivery(around) }));
    const subscription = { topic: 'orders', name: 'bills', group: 'bills', target: 'f', targetTimeout: 1_000 };
    const resource = (RequestType: CustomResourceEvent['RequestType'], startingPosition: unknown) => ({
      ...{ RequestType, ResponseURL: '', StackId: 'stack', RequestId: '1', LogicalResourceId: 'Bills' },
      ResourceProperties: { Subscription: JSON.stringify({ ...subscription, startingPosition }) },
    });
    const { physicalId: PhysicalResourceId } = await answer(resource('Create', 'earliest'));
    const deliver = deliverFunction(env, around);
    const run = async () => {
      recorder.by = 'deliver';
      const Records = sent.splice(0).map((message) => ({ body: JSON.stringify(message) }));
      expect(Records.length).toBeGreaterThan(0);
      await deliver({ Records }, { getRemainingTimeInMillis: () => 100_000 });
    };
    await run();
    const at = '/api/topics/orders/partitions/0/records';
    for (const bytes of [10, 1_000, 20_000]) {
      await ask('produce', 'POST', at, { records: [{ value: 'x'.repeat(bytes) }] });
    }
    recorder.by = 'notify';
    const notify = notifyFunction(env, around.queue);
    const { topicId } = (await log.topics.describe('orders').then(({ id }) => ({ topicId: id })))!;
    const head = { Keys: { pk: { S: `partition#${topicId}#0` }, sk: { S: 'head' } } };
    expect(await notify({ Records: [{ dynamodb: head }] })).toEqual({ sent: 1 });
    await run();
    await ask('produce', 'POST', at, { records: [{ value: 1 }] });
    recorder.by = 'notify';
    expect(await notify({})).toEqual({ sent: 1 });
    await run();
    recorder.by = 'subscriptions';
    await answer({ ...resource('Delete', 'earliest'), PhysicalResourceId });
    // A time that lies in a chunk, and in a segment
    const times = [Date.now() + 100_000, Date.now() + 200_000] as const;
    for (const [i, bytes] of [1_000, 20_000].entries()) {
      const records = [{ value: 'x'.repeat(bytes), timestamp: times[i] }];
      await ask('produce', 'POST', at.replace('/0/', '/1/'), { records });
    }
    recorder.by = 'subscriptions';
    for (const [i, timestamp] of times.entries()) {
      const position = { timestamp };
      const event = resource('Create', position);
      const other = { ...subscription, group: `bills-${i}`, startingPosition: position };
      const made = await answer({ ...event, ResourceProperties: { Subscription: JSON.stringify(other) } });
      await answer({ ...event, RequestType: 'Delete', PhysicalResourceId: made.physicalId });
    }
    await log.close();
  }

  /** A group whose holder was silent for ages. */
  async function leaveGroup(): Promise<void> {
    recorder.by = 'admin';
    const catalog = await openDynamodb({ client: {}, table, clock: systemClock, random: systemRandom });
    const { id: topicId } = (await catalog.topics.get('orders'))!;
    await catalog.groups.commit('left', 1, [{ topic: 'orders', topicId, partition: 0, offset: 1 }]);
    const lease = await catalog.leases.acquire('group#left', 'consumer:gone', 0, 1);
    await catalog.leases.release(lease!);
    await catalog.close();
  }

  /** An append may have rolled the tail, by how fast it came; the next one then leaves an entry in it. */
  async function isChunkInTail(): Promise<boolean> {
    recorder.by = 'produce';
    const catalog = await openDynamodb({ client: {}, table, clock: systemClock, random: systemRandom });
    const { id: topicId } = (await catalog.topics.get('orders'))!;
    const head = await catalog.partitions.head({ topicId, partition: 0 });
    await catalog.close();
    return head!.tail.entries.some(({ place }) => place === 'chunk');
  }

  async function topicsOfAStack(): Promise<void> {
    recorder.by = 'topics';
    const log = await openAws({ bucket: 'the-bucket', table });
    const answer = topicResource({ log: async () => log, isRollingBack: async () => false });
    const properties = { TopicName: 'declared', Partitions: '2', RemovalPolicy: 'destroy' };
    const event = { ResponseURL: '', StackId: 'stack', RequestId: '1', LogicalResourceId: 'Declared' };
    const created = { ...event, RequestType: 'Create' as const, ResourceProperties: properties };
    const { physicalId: PhysicalResourceId } = await answer(created);
    await answer(created);
    const grown = { ...properties, Partitions: '3', Config: '{"retention.ms":"5"}' };
    await answer({
      ...event,
      RequestType: 'Update',
      PhysicalResourceId,
      ResourceProperties: grown,
      OldResourceProperties: properties,
    });
    await answer({ ...event, RequestType: 'Delete', PhysicalResourceId, ResourceProperties: grown });
    await log.close();
  }

  const records = (value: unknown) => ({ records: [{ value }] });
  const blob = (bytes: number) => randomBytes(bytes).toString('base64');

  // The first request of all writes the log's format
  expect((await ask('produce', 'POST', '/api/topics/nowhere/records', records(1))).status).toBe(404);

  // Topics
  await must('admin', 'POST', '/api/topics', { name: 'orders', partitions: 2 });
  await must('admin', 'PATCH', '/api/topics/orders', { partitions: 3, config: { 'retention.ms': '1000000' } });
  const [cluster] = (await must('fetch', 'GET', '/v3/clusters')).data;
  const v3 = `/v3/clusters/${cluster.cluster_id}`;
  await must('admin', 'POST', `${v3}/topics`, { topic_name: 'short-lived', partitions_count: 2 });
  await must('admin', 'PUT', `${v3}/topics/short-lived/configs/retention.ms`, { value: '5' });
  await must('admin', 'POST', `${v3}/topics/short-lived/configs:alter`, { data: [{ name: 'retention.ms' }] });
  const configs = [{ name: 'retention.ms', value: '6' }];
  await must('admin', 'POST', `${v3}/topics/-/configs:alter`, { data: [{ topic_name: 'short-lived', configs }] });
  expect((await ask('admin', 'POST', '/api/topics', { name: 'orders' })).status).toBe(409);

  // Appends: in an entry, in a chunk, in a segment; of every dialect
  const at = '/api/topics/orders/partitions/0/records';
  await must('produce', 'POST', at, records('small'));
  await must('produce', 'POST', at, records(blob(1_000)));
  await must('produce', 'POST', at, records(blob(20_000)));
  await must('produce', 'POST', '/api/topics/orders/records', records('anywhere'));
  await must('produce', 'POST', '/topics/orders', { records: [{ value: 1 }] }, 'application/vnd.kafka.json.v2+json');
  await must('produce', 'POST', `${v3}/topics/orders/records`, { value: { type: 'JSON', data: 1 } });
  const entries = [{ id: 'one', value: { type: 'JSON', data: 1 } }];
  expect((await must('produce', 'POST', `${v3}/topics/orders/records:batch`, { entries })).failures).toEqual([]);
  // Idempotent ones, until the first of them is in a page; then it again; and ones for which an answer is lost
  const producer = await must('produce', 'POST', '/api/producers');
  const first = await must('produce', 'POST', at, { ...producer, sequence: 0, ...records(0) });
  for (let sequence = 1; sequence < 70; sequence += 1) {
    await must('produce', 'POST', at, { ...producer, sequence, ...records(sequence) });
  }
  const again = await must('produce', 'POST', at, { ...producer, sequence: 0, ...records(0) });
  expect(again.offsets[0].offset).toBe(first.offsets[0].offset);
  for (const lose of ['UpdateItem', 'PutObject'] as const) {
    recorder.lose = lose;
    await must('produce', 'POST', at, records(lose === 'PutObject' ? blob(20_000) : 'answered in vain'));
    expect(recorder.lose).toBe(undefined);
  }

  // Groups
  const offsets = [{ topic: 'orders', partition: 0, offset: 5 }];
  await must('admin', 'PUT', '/api/groups/billing/offsets', { offsets });
  await must('admin', 'PUT', '/api/groups/other/offsets', { offsets });
  // One that a gateway holds: its lease is looked at, and the gateway's
  recorder.by = 'gateway';
  const gateway = await openAws({ bucket: 'the-bucket', table });
  await gateway.groups.coordinateAs(0).hold('held');
  expect((await ask('admin', 'PUT', '/api/groups/held/offsets', { offsets })).status).toBe(409);
  expect((await ask('fetch', 'GET', `${v3}/consumer-groups/held`)).status).toBe(404);
  recorder.by = 'gateway';
  await gateway.close();

  // A consumer instance's life, and that of one to which partitions are assigned
  const v2 = 'application/vnd.kafka.v2+json';
  const consumer = async (config: object) => {
    const { base_uri } = await must('fetch', 'POST', '/consumers/readers', config, v2);
    return new URL(base_uri).pathname.replace('/prod', '');
  };
  const subscribed = await consumer({ 'auto.offset.reset': 'earliest' });
  await must('fetch', 'POST', `${subscribed}/subscription`, { topics: ['orders'] }, v2);
  await must('fetch', 'GET', `${subscribed}/records`);
  const { data: members } = await must('fetch', 'GET', `${v3}/consumer-groups/readers/consumers`);
  await must('fetch', 'GET', `${v3}/consumer-groups/readers/consumers/${members[0].consumer_id}/assignments`);
  await must('fetch', 'POST', `${subscribed}/offsets`);
  await must('fetch', 'GET', `${subscribed}/offsets`);
  await must('fetch', 'DELETE', subscribed);
  const assigned = await consumer({});
  await must('fetch', 'POST', `${assigned}/assignments`, { partitions: [{ topic: 'orders', partition: 0 }] }, v2);
  await must('fetch', 'POST', `${assigned}/positions`, { offsets: [{ topic: 'orders', partition: 0, offset: 1 }] }, v2);
  await must('fetch', 'POST', `${assigned}/offsets`, { offsets: [{ topic: 'orders', partition: 0, offset: 1 }] }, v2);
  await must('fetch', 'DELETE', assigned);

  // Reads: tail, pages, chunks, segments, by time; lists, groups and lags
  for (const path of [
    '/',
    '/health',
    '/brokers',
    '/api/topics',
    '/api/topics/orders',
    `${at}?from=earliest&limit=10000&max_bytes=3000000`,
    `${at}?from=latest&wait=2000`,
    `${at}?from=time:0`,
    `${at.replace('records', 'offsets')}?time=${Date.now()}`,
    `${at.replace('records', 'offsets')}?time=1000`,
    '/api/groups',
    '/api/groups/billing/offsets',
    '/topics',
    '/topics/orders',
    '/topics/orders/partitions',
    '/topics/orders/partitions/0',
    '/topics/orders/partitions/0/offsets',
    '/topics/orders/partitions/0/records?offset=0',
    v3,
    `${v3}/topics`,
    `${v3}/topics/orders`,
    `${v3}/topics/orders/configs`,
    `${v3}/topics/orders/partitions`,
    `${v3}/topics/orders/partitions/0/offset`,
    `${v3}/consumer-groups`,
    `${v3}/brokers/-/configs`,
    `${v3}/brokers/0/partition-replicas`,
    `${v3}/topics/-/configs`,
    `${v3}/topics/-/partitions/-/reassignment`,
    `${v3}/consumer-groups/billing`,
    `${v3}/consumer-groups/billing/lags`,
    `${v3}/consumer-groups/billing/lags/orders/partitions/0`,
    `${v3}/consumer-groups/billing/lag-summary`,
  ]) {
    await must('fetch', 'GET', path);
  }
  expect((await ask('fetch', 'HEAD', at)).status).toBe(200);
  expect((await ask('fetch', 'GET', '/api/topics/nowhere/partitions/0/records')).status).toBe(404);
  expect((await ask('fetch', 'GET', '/api/groups/nobody/offsets')).status).toBe(404);

  await deliveries(must);

  // Deletions
  await must('admin', 'DELETE', `${at}?before=2`);
  await must('admin', 'DELETE', `${at}?before=latest`);
  await must('admin', 'DELETE', '/api/groups/other');
  expect((await ask('admin', 'DELETE', '/api/groups/nobody')).status).toBe(404);
  await must('admin', 'DELETE', `${v3}/topics/short-lived`);
  expect((await ask('admin', 'DELETE', '/api/topics/nowhere')).status).toBe(404);

  // Upkeep: as the function does it, which leaves alone what is younger than an hour; then without that grace, what retention
  // gave up of an idle tail, and what a topic leaves that is deleted while it has segments, pages and chunks
  recorder.by = 'upkeep';
  const { upkeepFunction } = await import('../../functions/upkeep.ts');
  await upkeepFunction()({}, { getRemainingTimeInMillis: () => 100_000 });
  await must('admin', 'PATCH', '/api/topics/orders', { config: { 'retention.ms': '1', 'retention.bytes': '1' } });
  await must('produce', 'POST', at, records(blob(20_000)));
  await must('produce', 'POST', at, records(blob(1_000)));
  if (!(await isChunkInTail())) await must('produce', 'POST', at, records(blob(1_000)));
  await leaveGroup();
  recorder.by = 'upkeep';
  const at0 = { bucket: 'the-bucket', table };
  const log = await openAws({ ...at0, upkeep: { grace: 0, wait: 0, sweepEvery: 0 } });
  const reports = [await log.upkeep(), await log.upkeep()];
  recorder.by = 'admin';
  await must('admin', 'DELETE', '/api/topics/orders');
  recorder.by = 'upkeep';
  reports.push(await log.upkeep(), await log.upkeep());
  await log.close();
  expect(reports).toMatchObject(Array(4).fill({ done: true, failed: 0 }));
  expect(reports.reduce((sum, { deleted }) => sum + deleted, 0)).toBeGreaterThan(0);

  await topicsOfAStack();
}
