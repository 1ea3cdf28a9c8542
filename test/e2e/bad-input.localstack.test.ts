import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { type GatewayHandler, httpFunction } from '../../functions/http-function.ts';
import { openAws } from '../../lib/open/aws.ts';
import {
  DYNAMODB_THROTTLES,
  type Fate,
  type FaultyProxy,
  type Proxied,
  S3_SLOWS_DOWN,
  startProxy,
} from '../faults/proxy.ts';
import { ask } from '../functions/gateway.ts';
import { hastyClock } from '../support/clock.ts';
import { functionName, invoke } from '../support/lambda.ts';
import { localstack } from '../support/localstack.ts';
import { deployedStack } from '../support/stack.ts';

const { endpoint, url, bucket, table } = deployedStack();
const log = await openAws({ client: { ...localstack, endpoint }, bucket, table });
afterAll(() => log.close());

const newTopic = async () => (await log.topics.create(`orders-${randomUUID()}`, { partitions: 1 })).name;
const noise = (bytes: number) => randomBytes((bytes * 3) / 4).toString('base64');

describe('bad input at the API', () => {
  const JSON_TYPE = 'application/json';
  const body = JSON.stringify({ records: [{ value: 1 }] });
  const large = JSON.stringify({ records: [{ value: noise(4_400_000) }] });

  it.each([
    ['a body that is too large', 'POST', 'api/topics/TOPIC/records', large, {}, 413, 41302],
    ['one that API Gateway would not take', 'POST', 'api/topics/TOPIC/records', noise(9_000_000), {}, 413, undefined],
    ['too many records', 'POST', 'api/topics/TOPIC/records', `[${'{},'.repeat(10_000)}{}]`, {}, 413, 41302],
    ['another content type', 'POST', 'api/topics/TOPIC/records', body, { 'content-type': 'text/plain' }, 415, 415],
    [
      'a form',
      'POST',
      'api/topics/TOPIC/records',
      'a=1',
      { 'content-type': 'application/x-www-form-urlencoded' },
      415,
      415,
    ],
    ['an unknown encoding', 'POST', 'api/topics/TOPIC/records', body, { 'content-encoding': 'br' }, 415, 41501],
    ['what is not zstd', 'POST', 'api/topics/TOPIC/records', body, { 'content-encoding': 'zstd' }, 400, 40003],
    ['half of a JSON text', 'POST', 'api/topics/TOPIC/records', '{"records": [', {}, 400, 400],
    [
      'JSON of another shape',
      'POST',
      'topics/TOPIC',
      '{"records": 7}',
      { 'content-type': 'application/vnd.kafka.json.v2+json' },
      422,
      422,
    ],
    ['no body', 'POST', 'api/topics/TOPIC/records', '', {}, 400, 400],
    ['an unknown topic', 'POST', 'api/topics/no-such-topic/records', body, {}, 404, 40401],
    [
      'an unknown topic over v2',
      'POST',
      'topics/no-such-topic',
      body,
      { 'content-type': 'application/vnd.kafka.json.v2+json' },
      404,
      40401,
    ],
    ['an unknown partition', 'POST', 'api/topics/TOPIC/partitions/7/records', body, {}, 404, 40402],
    ['a partition that is no number', 'GET', 'api/topics/TOPIC/partitions/x/records', undefined, {}, 404, 404],
    ['an offset that is not there', 'GET', 'api/topics/TOPIC/partitions/0/records?from=99', undefined, {}, 416, 41601],
    ['a wait that is too long', 'GET', 'api/topics/TOPIC/partitions/0/records?wait=20001', undefined, {}, 422, 42220],
    ['another method', 'PATCH', 'api/topics/TOPIC/records', body, {}, 405, 405],
    ['an address where nothing is', 'GET', 'nothing/here', undefined, {}, 404, 404],
  ] as const)(
    '%s: an error that says so, and nothing appended',
    async (_, method, path, sent, headers, status, code) => {
      const name = await newTopic();

      const answer = await fetch(url + path.replace('TOPIC', name), {
        method,
        headers: { ...(sent !== undefined && { 'content-type': JSON_TYPE }), ...headers },
        ...(sent !== undefined && { body: sent }),
      });

      const said = await answer.text();
      expect([answer.status, said.slice(0, 300)]).toEqual([status, said.slice(0, 300)]);
      if (code !== undefined) {
        expect(JSON.parse(said)).toMatchObject({ error_code: code, message: expect.any(String), retriable: false });
      }
      expect(await log.offsets(name, 0)).toEqual({ earliest: 0, latest: 0 });
    },
  );

  it.each(['{}', 'null', '"text"', '{"Records":[{"eventSource":"aws:sqs","body":"secret"}]}'])(
    'an event that is none of API Gateway: an answer that says so: %s',
    async (event) => {
      for (const which of ['produce', 'fetch', 'admin']) {
        const { failed, result } = await invoke(endpoint, await functionName(endpoint, which), event);

        expect(failed).toBe(false);
        expect(result).toMatchObject({ statusCode: 400, body: expect.stringContaining('40004') });
        expect(JSON.stringify(result)).not.toContain('secret');
      }
    },
  );
});

describe('stores that fail', () => {
  let proxy: FaultyProxy;
  let handler: GatewayHandler;
  /** Everything that waits does so a third as long. */
  const clock = hastyClock(3);
  beforeAll(async () => {
    // The handler of the functions, with something between it and LocalStack.
    proxy = await startProxy(endpoint);
    vi.stubEnv('AWS_ENDPOINT_URL', proxy.url);
    vi.stubEnv('AWS_REGION', localstack.region);
    // Their lines would fill the tests' own.
    vi.stubEnv('POWERTOOLS_METRICS_DISABLED', 'true');
    vi.stubEnv('AWS_ACCESS_KEY_ID', localstack.credentials.accessKeyId);
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', localstack.credentials.secretAccessKey);
    handler = httpFunction({ VARVE_BUCKET: bucket, VARVE_TABLE: table }, clock);
  });
  afterEach(() => {
    proxy.decide = () => 'pass';
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    await proxy.close();
  });

  const toTable = ({ headers }: Proxied) => String(headers['x-amz-target']).startsWith('DynamoDB');
  const write = (request: Proxied) =>
    toTable(request) ? /UpdateItem|PutItem/.test(String(request.headers['x-amz-target'])) : request.method === 'PUT';
  const down: Fate = { status: 500, body: '{"__type":"InternalServerError"}' };

  it.each([
    ['a throttled table', (request: Proxied) => write(request) && toTable(request), DYNAMODB_THROTTLES],
    ['a throttled bucket', (request: Proxied) => write(request) && !toTable(request), S3_SLOWS_DOWN],
    ['a table that is down', toTable, down],
    ['a table that does not answer', toTable, 'hang' as const],
    ['a bucket that is down', (request: Proxied) => !toTable(request), down],
    ['stores that do not answer', () => true, 'hang' as const],
  ])(
    '%s: 429 or 503 with Retry-After within the deadline, and nothing half-written',
    async (_, meant, fate) => {
      // Given a topic to which this function has written
      const name = await newTopic();
      const produce = (value: string) =>
        ask(handler, '1.0', {
          method: 'POST',
          path: `/api/topics/${name}/records`,
          body: JSON.stringify({ records: [{ value }, { value: 'end' }] }),
        });
      const values = [0, 1, 2].map(() => noise(16_384));
      expect(await produce(values[0]!)).toMatchObject({ status: 200 });

      // When the store fails
      proxy.decide = (request) => (meant(request) ? fate : 'pass');
      const begun = clock.monotonic();
      const failed = await produce(values[1]!);
      const took = clock.monotonic() - begun;
      proxy.decide = () => 'pass';

      // Then the caller is told to come back
      expect([429, 503]).toContain(failed.status);
      expect(failed.headers['retry-after']).toBe('1');
      expect(failed.body).toMatchObject({
        error_code: expect.any(Number),
        message: expect.any(String),
        retriable: true,
      });
      expect(took).toBeLessThan(29_000);

      // and what comes next is served, and what is there is whole
      expect(await produce(values[2]!)).toMatchObject({ status: 200 });
      const { records } = await log.poll(name, 0, 0);
      const found = records.map(({ value }) => JSON.parse(JSON.stringify(Buffer.from(value!).toString())));
      const both = [values[0], 'end', values[2], 'end'].map((value) => JSON.stringify(value));
      const all = [values[0], 'end', values[1], 'end', values[2], 'end'].map((value) => JSON.stringify(value));
      expect([both, all]).toContainEqual(found);
    },
    60_000,
  );
});
