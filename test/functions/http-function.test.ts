import { randomUUID } from 'node:crypto';
import type { LambdaContext, LambdaEvent } from 'hono/aws-lambda';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { httpFunction } from '../../functions/http-function.ts';
import { systemClock } from '../../lib/clock.ts';
import { systemRandom } from '../../lib/ids.ts';
import { openDynamodb } from '../../lib/stores/catalog/dynamodb/dynamodb.ts';
import { type Dynoxide, dynoxideMissing, startDynoxide } from '../support/dynoxide.ts';

const table = `varve-${randomUUID()}`;
const env = { VARVE_BUCKET: 'nothing-here-is-large-enough-for-it', VARVE_TABLE: table };

type Answer = { statusCode: number; body: string; isBase64Encoded: boolean; headers: Record<string, string> };
interface Request {
  method: string;
  path: string;
  body?: string | Uint8Array;
  headers?: Record<string, string>;
}

/** An event of each payload format, as API Gateway makes it. Bodies that are bytes travel in base64. */
const PAYLOADS = {
  '1.0': ({ method, path, body, headers }: Request) => {
    const { pathname, searchParams } = new URL(path, 'https://api');
    return {
      resource: '/{proxy+}',
      path: pathname,
      httpMethod: method,
      headers,
      queryStringParameters: Object.fromEntries(searchParams),
      requestContext: { stage: 'prod', domainName: 'id.execute-api.eu-central-1.amazonaws.com' },
      ...bodyOf(body),
    };
  },
  '2.0': ({ method, path, body, headers }: Request) => {
    const { pathname, search } = new URL(path, 'https://api');
    return {
      version: '2.0',
      rawPath: pathname,
      rawQueryString: search.slice(1),
      headers,
      requestContext: { domainName: 'id.execute-api.eu-central-1.amazonaws.com', http: { method, path: pathname } },
      ...bodyOf(body),
    };
  },
};

function bodyOf(body: Request['body']) {
  if (body instanceof Uint8Array) return { body: Buffer.from(body).toString('base64'), isBase64Encoded: true };
  return { body: body ?? null, isBase64Encoded: false };
}

describe.skipIf(dynoxideMissing !== undefined)('a function behind API Gateway', () => {
  let dynoxide: Dynoxide;
  beforeAll(async () => {
    dynoxide = await startDynoxide();
    const { client } = dynoxide;
    vi.stubEnv('AWS_ENDPOINT_URL', client.endpoint);
    vi.stubEnv('AWS_REGION', client.region);
    vi.stubEnv('AWS_ACCESS_KEY_ID', client.credentials.accessKeyId);
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', client.credentials.secretAccessKey);
    const options = { client, table, createTable: true, clock: systemClock, random: systemRandom };
    await (await openDynamodb(options)).close();
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    await dynoxide.stop();
  });

  async function ask(handler: ReturnType<typeof httpFunction>, payload: keyof typeof PAYLOADS, request: Request) {
    const headers = { ...(request.body !== undefined && { 'content-type': 'application/json' }), ...request.headers };
    const event = PAYLOADS[payload]({ ...request, headers }) as unknown as LambdaEvent;
    const {
      statusCode,
      body,
      isBase64Encoded,
      headers: answered,
    } = (await handler(event, {} as LambdaContext)) as Answer;
    expect(isBase64Encoded).toBe(false);
    return { status: statusCode, headers: answered, body: body === '' ? undefined : JSON.parse(body) };
  }

  it.each(['1.0', '2.0'] as const)('serves payload %s: text and bytes in, text out', async (payload) => {
    const handler = httpFunction(env);
    const topic = `payload-${payload}`;
    const create = { method: 'POST', path: '/api/topics', body: JSON.stringify({ name: topic, partitions: 1 }) };
    expect(await ask(handler, payload, create)).toMatchObject({ status: 201 });

    const produce = { method: 'POST', path: `/api/topics/${topic}/records` };
    const asText = await ask(handler, payload, { ...produce, body: '{"records":[{"value":"ä"}]}' });
    const asBytes = await ask(handler, payload, { ...produce, body: Buffer.from('{"records":[{"value":"ö"}]}') });
    const read = await ask(handler, payload, {
      method: 'GET',
      path: `/api/topics/${topic}/partitions/0/records?from=0&limit=10`,
    });

    expect([asText.body.offsets[0].offset, asBytes.body.offsets[0].offset]).toEqual([0, 1]);
    expect(read.headers).toMatchObject({ 'content-type': 'application/json' });
    expect(read.body).toMatchObject({ records: [{ value: 'ä' }, { value: 'ö' }], next: 2, high_watermark: 2 });
  });

  it('refuses a body that is larger than a function may have', async () => {
    const handler = httpFunction(env);
    const body = JSON.stringify({ records: [{ value: 'x'.repeat(4 * 1024 * 1024) }] });

    const large = await ask(handler, '1.0', { method: 'POST', path: '/api/topics/any/records', body });

    expect(large).toMatchObject({ status: 413, body: { code: 'MESSAGE_TOO_LARGE', retriable: false } });
  });

  it('says 503, and when to come back, while the table does not answer; and serves once it does', async () => {
    // Given a table that is not there yet
    const late = `varve-${randomUUID()}`;
    const handler = httpFunction({ ...env, VARVE_TABLE: late });

    // When it is asked
    const before = await ask(handler, '1.0', { method: 'GET', path: '/api/topics' });

    // Then it says so, and the same environment serves when the table is there
    expect(before).toMatchObject({
      status: 503,
      headers: { 'retry-after': '1' },
      body: { code: 'KAFKA_STORAGE_ERROR', retriable: true },
    });
    const options = {
      client: dynoxide.client,
      table: late,
      createTable: true,
      clock: systemClock,
      random: systemRandom,
    };
    await (await openDynamodb(options)).close();
    const after = await ask(handler, '1.0', { method: 'GET', path: '/api/topics' });
    expect(after).toMatchObject({ status: 200, body: { topics: [] } });
  });

  it('does not start when it is told no table', () => {
    expect(() => httpFunction({ VARVE_BUCKET: 'one' })).toThrow(/VARVE_TABLE/);
  });
});
