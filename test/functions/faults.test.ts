import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { httpFunction } from '../../functions/http-function.ts';
import { systemClock } from '../../lib/clock.ts';
import { openAws } from '../../lib/open/aws.ts';
import { DYNAMODB_THROTTLES, type Fate, type FaultyProxy, type Proxied, startProxy } from '../faults/proxy.ts';
import { hastyClock } from '../support/clock.ts';
import { dynoxideMissing } from '../support/dynoxide.ts';
import { ask } from './gateway.ts';
import { type FunctionTable, startFunctionTable } from './table.ts';

/** Everything that waits does so a tenth as long. */
const FACTOR = 10;

describe.skipIf(dynoxideMissing !== undefined)('a function whose table fails', () => {
  let store: FunctionTable;
  let proxy: FaultyProxy;
  beforeAll(async () => {
    store = await startFunctionTable();
    proxy = await startProxy(store.dynoxide.endpoint);
    vi.stubEnv('AWS_ENDPOINT_URL', proxy.url);
  });
  afterEach(() => {
    proxy.decide = () => 'pass';
  });
  afterAll(async () => {
    await proxy.close();
    await store.stop();
  });

  /** A log beside the function, which nothing fails, to make topics and to see what became of them. */
  async function withTopic(partitions: number) {
    const { VARVE_BUCKET: bucket, VARVE_TABLE: table } = store.env;
    const log = await openAws({ bucket, table, client: store.dynoxide.client });
    const topic = await log.topics.create(`orders-${randomUUID()}`, { partitions });
    return { log, topic, name: topic.name };
  }

  const isWrite = ({ headers }: Proxied) => /(UpdateItem|PutItem|Transact)/.test(String(headers['x-amz-target']));
  const produce = (name: string, records: object[]) => ({
    method: 'POST',
    path: `/api/topics/${name}/records`,
    body: JSON.stringify({ records }),
  });

  it.each([
    ['throttles', DYNAMODB_THROTTLES],
    ['fails', { status: 500, body: '{"__type":"InternalServerError"}' } satisfies Fate],
    ['does not answer', 'hang' as const],
    ['loses its answers', 'lose' as const],
  ])(
    'says within its time that it may be tried again, when the table %s; and then serves',
    async (_, fate) => {
      // Given a function that has served before
      const { log, name } = await withTopic(1);
      const clock = hastyClock(FACTOR);
      const handler = httpFunction(store.env, clock);
      expect(await ask(handler, '2.0', produce(name, [{ value: 0 }]))).toMatchObject({ status: 200 });

      // When writes fail
      proxy.decide = (request) => (isWrite(request) ? fate : 'pass');
      const begun = clock.monotonic();
      const failed = await ask(handler, '2.0', produce(name, [{ value: 1 }]));
      const took = clock.monotonic() - begun;
      proxy.decide = () => 'pass';

      // Then it says so in time, as something to be tried again
      expect([429, 503]).toContain(failed.status);
      expect(failed.headers['retry-after']).toBe('1');
      expect(failed.body).toMatchObject({
        retriable: true,
        error_code: expect.any(Number),
        message: expect.any(String),
      });
      expect(took).toBeLessThan(28_000);

      // and what it did not acknowledge is there whole or not at all, and what follows is served
      expect(await ask(handler, '2.0', produce(name, [{ value: 2 }]))).toMatchObject({ status: 200 });
      const { records } = await log.poll(name, 0, 0);
      const values = records.map(({ value }) => Buffer.from(value!).toString());
      expect([
        ['0', '2'],
        ['0', '1', '2'],
      ]).toContainEqual(values);
      await log.close();
    },
    60_000,
  );

  it('says 503 when it cannot open the log, and opens it when it can', async () => {
    // Given a table that is not there yet
    const late = `varve-${randomUUID()}`;
    const handler = httpFunction({ ...store.env, VARVE_TABLE: late });

    // When it is asked
    const before = await ask(handler, '1.0', { method: 'GET', path: '/api/topics' });

    // Then it says so, and the same environment serves when the table is there
    expect(before).toMatchObject({
      status: 503,
      headers: { 'retry-after': '1' },
      body: { code: 'KAFKA_STORAGE_ERROR', retriable: true },
    });
    await store.create(late);
    expect(await ask(handler, '1.0', { method: 'GET', path: '/api/topics' })).toMatchObject({ status: 200 });
  });

  it('ends what waits in the time that API Gateway leaves it, counted from when that got the request', async () => {
    const { log, name } = await withTopic(1);
    const handler = httpFunction(store.env, systemClock);
    const event = {
      version: '2.0',
      rawPath: `/api/topics/${name}/partitions/0/records`,
      rawQueryString: 'wait=20000',
      // 20 seconds passed before the function was there to take it.
      requestContext: { timeEpoch: Date.now() - 20_000, domainName: 'api', http: { method: 'GET' } },
    };
    const begun = performance.now();

    const { statusCode, body } = await handler(event, {} as never);

    expect([statusCode, JSON.parse(body).records]).toEqual([200, []]);
    expect(performance.now() - begun).toBeLessThan(12_000);
    await log.close();
  });

  describe('for one partition of three', () => {
    /** Writes to partition 1 of the topic are refused, as when a rule of the account forbids them. */
    const refuseOne = (topicId: string) => (request: Proxied) =>
      isWrite(request) && request.body.includes(`partition#${topicId}#1"`)
        ? { status: 400, body: '{"__type":"com.amazon.coral.service#AccessDeniedException","message":"secret"}' }
        : 'pass';
    const records = [0, 1, 2, 1].map((partition, i) => ({ partition, value: i }));

    it('answers record by record over plain JSON: 207', async () => {
      const { log, name, topic } = await withTopic(3);
      const handler = httpFunction(store.env);
      proxy.decide = refuseOne(topic.id);

      const { status, body } = await ask(handler, '1.0', produce(name, records));

      expect(status).toBe(207);
      const failure = { error_code: 40301, retriable: false, message: expect.any(String) };
      expect(body.offsets).toMatchObject([{ partition: 0, offset: 0 }, failure, { partition: 2, offset: 0 }, failure]);
      expect(JSON.stringify(body)).not.toContain('secret');
      for (const [partition, latest] of [1, 0, 1].entries())
        expect(await log.offsets(name, partition)).toEqual({ earliest: 0, latest });
      await log.close();
    });

    it('answers record by record over REST Proxy v2', async () => {
      const { log, name, topic } = await withTopic(3);
      const handler = httpFunction(store.env);
      proxy.decide = refuseOne(topic.id);

      const { status, body } = await ask(handler, '1.0', {
        method: 'POST',
        path: `/topics/${name}`,
        headers: { 'content-type': 'application/vnd.kafka.json.v2+json' },
        body: JSON.stringify({ records }),
      });

      expect(status).toBe(200);
      const failure = { partition: null, offset: null, error_code: 1, error: expect.any(String) };
      const appended = (partition: number) => ({ partition, offset: 0, error_code: null, error: null });
      expect(body.offsets).toEqual([appended(0), failure, appended(2), failure]);
      await log.close();
    });

    it('answers record by record over REST Proxy v3', async () => {
      const { log, name, topic } = await withTopic(3);
      const handler = httpFunction(store.env);
      proxy.decide = refuseOne(topic.id);

      const { status, body } = await ask(handler, '1.0', {
        method: 'POST',
        path: `/v3/clusters/${log.clusterId}/topics/${name}/records`,
        body: records
          .map(({ partition, value }) =>
            JSON.stringify({ partition_id: partition, value: { type: 'JSON', data: value } }),
          )
          .join('\n'),
      });

      expect(status).toBe(200);
      expect(body).toMatchObject([
        { error_code: 200, partition_id: 0, offset: 0 },
        { error_code: 40301 },
        { error_code: 200, partition_id: 2, offset: 0 },
        { error_code: 40301 },
      ]);
      await log.close();
    });
  });
});
