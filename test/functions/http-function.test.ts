import { randomBytes, randomUUID } from 'node:crypto';
import { deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { httpFunction } from '../../functions/http-function.ts';
import { hastyClock } from '../support/clock.ts';
import { dynoxideMissing } from '../support/dynoxide.ts';
import { type Answer, ask, context, type Payload } from './gateway.ts';
import { type FunctionTable, startFunctionTable } from './table.ts';

const PAYLOADS: Payload[] = ['1.0', '2.0'];
const MIB = 1024 * 1024;

describe.skipIf(dynoxideMissing !== undefined)('a function behind API Gateway', () => {
  let store: FunctionTable;
  beforeAll(async () => {
    store = await startFunctionTable();
  });
  afterAll(() => store.stop());

  const run = () => httpFunction(store.env);
  async function withTopic(partitions = 1) {
    const handler = run();
    const name = `orders-${randomUUID()}`;
    const create = { method: 'POST', path: '/api/topics', body: JSON.stringify({ name, partitions }) };
    expect(await ask(handler, '1.0', create)).toMatchObject({ status: 201 });
    return { handler, name };
  }

  it.each(PAYLOADS)('serves payload %s: text and bytes in, text out', async (payload) => {
    const { handler, name } = await withTopic();
    const produce = { method: 'POST', path: `/api/topics/${name}/records` };

    const asText = await ask(handler, payload, { ...produce, body: '{"records":[{"value":"ä"}]}' });
    const asBytes = await ask(handler, payload, { ...produce, body: Buffer.from('{"records":[{"value":"ö"}]}') });
    const read = await ask(handler, payload, {
      method: 'GET',
      path: `/api/topics/${name}/partitions/0/records?from=0&limit=10`,
    });

    expect([asText.body.offsets[0].offset, asBytes.body.offsets[0].offset]).toEqual([0, 1]);
    expect(read.headers).toMatchObject({ 'content-type': 'application/json' });
    expect(read.body).toMatchObject({ records: [{ value: 'ä' }, { value: 'ö' }], next: 2, high_watermark: 2 });
  });

  const ENCODINGS = { gzip: gzipSync, deflate: deflateSync, zstd: zstdCompressSync };
  it.each(
    PAYLOADS.flatMap((payload) => Object.entries(ENCODINGS).map(([name, encode]) => ({ payload, name, encode }))),
  )('takes a body as $name in payload $payload', async ({ payload, name: encoding, encode }) => {
    const { handler, name } = await withTopic();
    const produce = { method: 'POST', path: `/api/topics/${name}/records`, headers: { 'content-encoding': encoding } };

    const sent = await ask(handler, payload, { ...produce, body: encode('{"records":[{"value":"ä"}]}') });
    const broken = await ask(handler, payload, { ...produce, body: encode('{"records":[]}').subarray(0, -4) });
    const bomb = await ask(handler, payload, { ...produce, body: encode(Buffer.alloc(5 * MIB, ' ')) });

    expect(sent).toMatchObject({ status: 200, body: { offsets: [{ offset: 0 }] } });
    expect(broken).toMatchObject({ status: 400, body: { error_code: 40003 } });
    expect(bomb).toMatchObject({ status: 413, body: { error_code: 41302 } });
    const read = await ask(handler, payload, { method: 'GET', path: `/api/topics/${name}/partitions/0/records` });
    expect(read.body).toMatchObject({ records: [{ value: 'ä' }], high_watermark: 1 });
  });

  it.each(PAYLOADS)('takes and gives values that are no text in payload %s', async (payload) => {
    const { handler, name } = await withTopic();
    const value = randomBytes(64).toString('base64');

    await ask(handler, payload, {
      method: 'POST',
      path: `/topics/${name}`,
      headers: { 'content-type': 'application/vnd.kafka.binary.v2+json' },
      body: JSON.stringify({ records: [{ value }] }),
    });
    const read = await ask(handler, payload, { method: 'GET', path: `/topics/${name}/partitions/0/records` });

    expect(read.headers).toMatchObject({ 'content-type': 'application/vnd.kafka.binary.v2+json' });
    expect(read.body).toMatchObject([{ offset: 0, value }]);
  });

  it.each(PAYLOADS)('links to where its callers reach it, the stage included, in payload %s', async (payload) => {
    const { handler, name } = await withTopic();

    const clusters = await ask(handler, payload, { method: 'GET', path: '/v3/clusters' });
    const { self } = clusters.body.metadata;
    const cluster = clusters.body.data[0].metadata.self;
    const topics = await ask(handler, payload, {
      method: 'GET',
      path: `/v3/clusters/${clusters.body.data[0].cluster_id}/topics?page_size=1`,
    });
    const created = await ask(handler, payload, {
      method: 'POST',
      path: '/api/topics',
      body: JSON.stringify({ name: `${name}-2` }),
    });

    expect(self).toBe('https://id.execute-api.eu-central-1.amazonaws.com/prod/v3/clusters');
    expect(cluster).toBe(`${self}/${clusters.body.data[0].cluster_id}`);
    expect(topics.body.metadata.self).toBe(`${cluster}/topics`);
    expect(topics.body.metadata.next).toMatch(`${cluster}/topics?page_size=1&page_token=`);
    expect(created.headers.location).toBe(`/prod/api/topics/${name}-2`);
  });

  it.each(PAYLOADS)('answers HEAD as GET, without the body, in payload %s', async (payload) => {
    const { handler, name } = await withTopic();

    for (const path of [`/api/topics/${name}`, '/v3/clusters', `/api/topics/${name}/events`]) {
      const head = await ask(handler, payload, { method: 'HEAD', path });
      expect(head).toMatchObject({ status: 200, body: undefined });
      expect(head.headers['content-type']).toBeDefined();
    }
    expect(await ask(handler, payload, { method: 'HEAD', path: '/api/topics/none' })).toMatchObject({
      status: 404,
      body: undefined,
    });
  });

  it.each([
    undefined,
    null,
    'text',
    7,
    {},
    { Records: [] },
    { httpMethod: 'GET', path: '/', requestContext: { elb: {} } },
  ])('answers 400 to what is no event of API Gateway: %j', async (event) => {
    const answer = await run()(event, context);

    expect(answer).toMatchObject({ statusCode: 400, headers: { 'content-type': 'application/json' } });
    expect(JSON.parse(answer.body)).toMatchObject({ error_code: 40004, code: 'INVALID_REQUEST', retriable: false });
  });

  it.each(PAYLOADS)(
    'refuses what is wrong with what is wrong in payload %s, and appends nothing of it',
    async (payload) => {
      const { handler, name } = await withTopic();
      const records = `/api/topics/${name}/records`;
      const body = '{"records":[{"value":1}]}';
      const long = JSON.stringify({ records: [{ value: 'x'.repeat(4 * MIB) }] });
      const many = JSON.stringify({ records: Array(10_001).fill({}) });
      const objects = '{}'.repeat(6_000);
      const clusters = await ask(handler, payload, { method: 'GET', path: '/v3/clusters' });
      const v3 = `/v3/clusters/${clusters.body.data[0].cluster_id}/topics/${name}/records`;
      const post = { method: 'POST' };

      const answers = await Promise.all(
        [
          { ...post, path: records, body: long },
          { ...post, path: records, body: Buffer.from(long) },
          { ...post, path: records, body: many },
          { ...post, path: v3, body: objects },
          { ...post, path: records, body, headers: { 'content-type': 'text/plain' } },
          { ...post, path: records, body, headers: { 'content-encoding': 'br' } },
          { ...post, path: records, body: '{"records":[' },
          { ...post, path: records, body: Buffer.from([0xff, 0xfe]) },
          { ...post, path: records, body: '{"records":7}' },
          { ...post, path: records },
          { ...post, path: '/api/topics/no-such-topic/records', body },
          { ...post, path: `/api/topics/${name}/partitions/7/records`, body },
          { method: 'GET', path: `/api/topics/${name}/partitions/0/records?wait=20001` },
          { method: 'GET', path: `/api/topics/${name}/partitions/0/records?max_bytes=3145729` },
          { method: 'PATCH', path: records, body },
          { method: 'GET', path: '/metrics' },
          { method: 'GET', path: '/nothing/here' },
        ].map((request) => ask(handler, payload, request)),
      );

      expect(answers.map(({ status, body }) => [status, body.error_code])).toEqual([
        [413, 41302],
        [413, 41302],
        [413, 41302],
        [413, 41302],
        [415, 415],
        [415, 41501],
        [400, 400],
        [400, 400],
        [422, 422],
        [415, 415],
        [404, 40401],
        [404, 40402],
        [422, 42220],
        [422, 42220],
        [405, 405],
        [404, 404],
        [404, 404],
      ]);
      for (const { body } of answers)
        expect(body).toMatchObject({ message: expect.stringMatching(/.{10}/), retriable: false });
      const offsets = await ask(handler, payload, { method: 'GET', path: `/api/topics/${name}/partitions/0/offsets` });
      expect(offsets.body).toEqual({ earliest: 0, latest: 0 });
    },
  );

  it('answers for each of as many records as it takes, though each fails with a message', async () => {
    // Given a topic with the longest name, and a bucket that does not exist
    const handler = run();
    const name = 't'.repeat(249);
    await ask(handler, '1.0', { method: 'POST', path: '/api/topics', body: JSON.stringify({ name }) });
    const clusters = await ask(handler, '1.0', { method: 'GET', path: '/v3/clusters' });
    const v3 = `/v3/clusters/${clusters.body.data[0].cluster_id}/topics/${name}/records`;

    // When as many as possible are sent at once, to a partition that is none and to the missing bucket
    const nowhere = JSON.stringify({ records: Array(10_000).fill({ partition: 2 ** 53 - 1 }) });
    const json = await ask(handler, '1.0', { method: 'POST', path: `/api/topics/${name}/records`, body: nowhere });
    const v2 = await ask(handler, '1.0', {
      method: 'POST',
      path: `/topics/${name}`,
      headers: { 'content-type': 'application/vnd.kafka.json.v2+json' },
      body: nowhere,
    });
    const reports = await ask(handler, '1.0', { method: 'POST', path: v3, body: '{}'.repeat(5_900) });

    // Then each has its own answer
    expect([json.status, v2.status, reports.status]).toEqual([404, 200, 200]);
    for (const { length } of [json.body.offsets, v2.body.offsets]) expect(length).toBe(10_000);
    expect(v2.body.offsets.at(-1)).toMatchObject({ offset: null, error_code: 1 });
    expect(reports.body).toHaveLength(5_900);
    expect(new Set(reports.body.map(({ error_code }: { error_code: number }) => error_code))).toEqual(new Set([50301]));
  });

  it('ends an event stream in time, to be taken up by Last-Event-ID where it ended', async () => {
    // Given two records in each of two partitions, and a clock on which 25 seconds are 2.5
    const { handler: produce, name } = await withTopic(2);
    const append = (value: string) =>
      ask(produce, '2.0', {
        method: 'POST',
        path: `/api/topics/${name}/records`,
        body: JSON.stringify({ records: [0, 1].map((partition) => ({ partition, value })) }),
      });
    await append('a');
    await append('b');
    const handler = httpFunction(store.env, hastyClock(10));
    const path = `/api/topics/${name}/events?from=earliest`;

    // When a reader comes, more is appended, and the reader comes back with the last id that it saw
    const first = await ask(handler, '2.0', { method: 'GET', path });
    const last = [...first.body.matchAll(/^id: (\S+)$/gm)].at(-1)![1];
    await append('c');
    const second = await ask(handler, '2.0', { method: 'GET', path, headers: { 'last-event-id': last } });

    // Then it has each record once
    expect(first.headers['content-type']).toBe('text/event-stream; charset=utf-8');
    const values = ({ body }: Answer) =>
      [...body.matchAll(/^data: (.*)$/gm)]
        .map(([, data]) => JSON.parse(data!))
        .map((one) => `${one.partition}${one.value}`);
    expect(values(first).sort()).toEqual(['0a', '0b', '1a', '1b']);
    expect(values(second).sort()).toEqual(['0c', '1c']);
  });

  it('does not start when it is told no table', () => {
    expect(() => httpFunction({ VARVE_BUCKET: 'one' })).toThrow(/VARVE_TABLE/);
  });
});
