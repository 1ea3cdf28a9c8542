import { randomBytes, randomUUID } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import { decodeBatch } from '../../lib/format/records/batch.ts';
import { segmentName } from '../../lib/format/segments/names.ts';
import { FOOTER_LENGTH, readFooter, readIndex } from '../../lib/format/segments/segment.ts';
import { systemRandom } from '../../lib/ids.ts';
import { openAws } from '../../lib/open/aws.ts';
import { openDynamodb } from '../../lib/stores/catalog/dynamodb/dynamodb.ts';
import { chunkOf } from '../support/chunk.ts';
import { localstack } from '../support/localstack.ts';
import { deployedStack } from '../support/stack.ts';

const { endpoint, url, bucket, table } = deployedStack();
const client = { ...localstack, endpoint };
const s3 = new S3Client(client);
const catalog = await openDynamodb({ client, table, clock: systemClock, random: systemRandom });
const log = await openAws({ client, bucket, table });

afterAll(async () => {
  await log.close();
  await catalog.close();
  s3.destroy();
});

const JSON_TYPE = 'application/json';
const V2_TYPE = 'application/vnd.kafka.json.v2+json';

async function call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const raw = typeof body === 'string' || body instanceof Uint8Array;
  const answer = await fetch(url + path, {
    method,
    ...(body !== undefined && { body: raw ? (body as string) : JSON.stringify(body) }),
    headers: { ...(body !== undefined && { 'content-type': JSON_TYPE }), ...headers },
  });
  const text = await answer.text();
  return { status: answer.status, headers: answer.headers, body: text === '' ? undefined : JSON.parse(text) };
}

async function newTopic(partitions = 1): Promise<{ name: string; id: string }> {
  const name = `orders-${randomUUID()}`;
  const { status, body } = await call('POST', 'api/topics', { name, partitions });
  expect(status).toBe(201);
  return { name, id: body.id };
}

/** Text that no compression makes small. */
const noise = (bytes: number) => randomBytes((bytes * 3) / 4).toString('base64');

describe('the functions behind API Gateway, deployed by the CDK', () => {
  it('puts what is produced into a segment and a head, and gives it back by API and by library', async () => {
    // Given a topic
    const { name, id } = await newTopic(2);
    const large = Array.from({ length: 20 }, (_, i) => ({ key: `key-${i}`, value: { i, text: noise(1024) } }));
    const small = { key: 'small', value: { text: noise(512) } };

    // When much, then little is produced through the API
    const first = await call('POST', `api/topics/${name}/partitions/1/records`, { records: large });
    const second = await call('POST', `topics/${name}/partitions/1`, { records: [small] }, { 'content-type': V2_TYPE });

    // Then the offsets are dense from 0
    expect([first.status, second.status]).toEqual([200, 200]);
    expect(
      first.body.offsets.map(({ partition, offset }: { partition: number; offset: number }) => [partition, offset]),
    ).toEqual(large.map((_, i) => [1, i]));
    expect(second.body.offsets).toEqual([{ partition: 1, offset: 20, error_code: null, error: null }]);

    // and the head has one entry for each: a segment, and a chunk
    const at = { topicId: id, partition: 1 };
    const head = (await catalog.partitions.head(at))!;
    expect(head).toMatchObject({ highWatermark: 21, logStart: 0, tail: { base: 0 } });
    expect(head.tail.entries.map(({ place, count }) => [place, count])).toEqual([
      ['segment', 20],
      ['chunk', 1],
    ]);
    expect(await catalog.partitions.head({ topicId: id, partition: 0 })).toMatchObject({ highWatermark: 0 });

    // and the segment says of itself whose it is, by its footer and its index
    const [inSegment, inChunk] = head.tail.entries;
    const object = await s3.send(new GetObjectCommand({ Bucket: bucket, Key: segmentName(inSegment!.id) }));
    const bytes = await object.Body!.transformToByteArray();
    const footer = readFooter(bytes.subarray(-FOOTER_LENGTH), bytes.length);
    const index = readIndex(bytes.subarray(footer.indexPosition, footer.indexPosition + footer.indexLength), footer);
    expect(index.level).toBe(0);
    expect(index.runs).toEqual([
      expect.objectContaining({ ...at, position: 0, length: inSegment!.length, recordCount: 20 }),
    ]);
    const values = (batch: Uint8Array) =>
      decodeBatch(batch).map(({ value }) => JSON.parse(Buffer.from(value!).toString()));
    expect(values(bytes.subarray(0, inSegment!.length))).toEqual(large.map(({ value }) => value));
    expect(values((await chunkOf(catalog, at, inChunk!.id))!)).toEqual([small.value]);

    // and all of it is read, by API and by library
    const sent = [...large.map(({ value }) => value), small.value];
    const read = await call('GET', `api/topics/${name}/partitions/1/records?from=0`);
    expect(read.body).toMatchObject({ next: 21, high_watermark: 21, log_start: 0 });
    expect(read.body.records.map(({ value }: { value: unknown }) => value)).toEqual(sent);
    const { records } = await log.poll(name, 1, 0);
    expect(records.map(({ offset }) => offset)).toEqual(sent.map((_, offset) => offset));
    expect(records.map(({ value }) => JSON.parse(Buffer.from(value!).toString()))).toEqual(sent);
  });

  it('shows through the API what the library appended', async () => {
    const { name } = await newTopic();
    const [appended] = await log.append(name, [{ key: 'k', value: noise(64 * 1024) }]);

    const { body } = await call('GET', `api/topics/${name}/partitions/0/records`);

    expect(appended).toMatchObject({ partition: 0, offset: 0 });
    expect(body).toMatchObject({ next: 1, records: [{ offset: 0, key: 'k' }] });
  });

  it('gives every record of 16 concurrent callers an offset of its own, without a gap', async () => {
    // Given 16 callers, each of which sends five requests one after the other
    const { name } = await newTopic();
    const acknowledged = new Map<number, string>();
    const caller = async (who: number) => {
      for (let turn = 0; turn < 5; turn++) {
        const records = [0, 1].map((i) => ({ key: `${who}`, value: `${who}/${turn}/${i}` }));
        const { status, body } = await call('POST', `api/topics/${name}/records`, { records });
        expect(status).toBe(200);
        for (const [i, { offset }] of body.offsets.entries()) acknowledged.set(offset, records[i]!.value);
      }
    };

    // When they all send at the same time
    await Promise.all(Array.from({ length: 16 }, (_, who) => caller(who)));

    // Then the offsets are dense, and each holds what its caller was told
    expect([...acknowledged.keys()].sort((a, b) => a - b)).toEqual(Array.from({ length: 160 }, (_, offset) => offset));
    const { body } = await call('GET', `api/topics/${name}/partitions/0/records?limit=1000`);
    expect(body.records.map(({ value }: { value: string }) => value)).toEqual(
      body.records.map(({ offset }: { offset: number }) => acknowledged.get(offset)),
    );
    expect(body.high_watermark).toBe(160);
  });

  it('keeps the committed offsets of a group', async () => {
    // Given five records and a group that is done with three of them
    const { name } = await newTopic();
    const group = `billing-${randomUUID()}`;
    const records = Array.from({ length: 5 }, (_, i) => ({ value: i }));
    await call('POST', `api/topics/${name}/records`, { records });
    const offset = { topic: name, partition: 0, offset: 3, metadata: 'half way' };
    const committed = await call('PUT', `api/groups/${group}/offsets`, { offsets: [offset] });

    // When they are asked for
    const asked = await call('GET', `api/groups/${group}/offsets`);

    // Then API and library agree
    const expected = { ...offset, latest: 5, lag: 2 };
    expect([committed.status, committed.body]).toEqual([200, { offsets: [expected] }]);
    expect(asked.body).toEqual({ offsets: [expected] });
    expect(await log.groups.lag(group)).toEqual([expected]);
  });

  it('appends a batch of an idempotent producer once, however often it is sent', async () => {
    const { name } = await newTopic();
    const { status, body: producer } = await call('POST', 'api/producers');
    expect(status).toBe(201);
    const batch = { ...producer, sequence: 0, records: [{ value: 'once' }] };

    const first = await call('POST', `api/topics/${name}/partitions/0/records`, batch);
    const again = await call('POST', `api/topics/${name}/partitions/0/records`, batch);

    expect(first.body.offsets).toMatchObject([{ offset: 0 }]);
    expect(again.body.offsets).toMatchObject([{ offset: 0 }]);
    expect(await log.offsets(name, 0)).toEqual({ earliest: 0, latest: 1 });
  });

  it('takes a compressed body', async () => {
    const { name } = await newTopic();
    const body = gzipSync(JSON.stringify({ records: [{ key: 'zipped', value: 'äöü' }] }));

    const { status } = await call('POST', `api/topics/${name}/records`, body, { 'content-encoding': 'gzip' });

    expect(status).toBe(200);
    const read = await call('GET', `api/topics/${name}/partitions/0/records`);
    expect(read.body.records).toMatchObject([{ key: 'zipped', value: 'äöü' }]);
  });

  it('gives as many records as a function can, however they grow on their way, and says where to go on', async () => {
    // Given three records that grow by a factor of four: quotes in JSON, escaped once more for the function's answer
    const { name } = await newTopic();
    await log.append(name, Array(3).fill({ value: '"'.repeat(900_000) }));
    const records = `api/topics/${name}/partitions/0/records?max_bytes=3000000`;

    // When all are asked for, one answer after the other
    const nexts: number[] = [];
    for (let from = 0; from < 3; ) {
      const { status, body } = await call('GET', `${records}&from=${from}`);
      expect([status, body.records.length > 0, body.high_watermark]).toEqual([200, true, 3]);
      from = body.next;
      nexts.push(from);
    }

    // Then it takes three
    expect(nexts).toEqual([1, 2, 3]);
  });

  it('answers bad requests with what is wrong, and appends nothing of them', async () => {
    const { name } = await newTopic();
    const path = `api/topics/${name}/records`;

    const answers = await Promise.all([
      call('POST', 'api/topics/no-such-topic/records', { records: [{ value: 1 }] }),
      call('POST', path, '{"records": ['),
      call('POST', path, 'value', { 'content-type': 'text/plain' }),
      call('POST', path, { records: [{ value: noise(4_300_000) }] }),
      call('GET', `api/topics/${name}/partitions/7/records`),
      call('GET', `api/topics/${name}/partitions/0/records?wait=20001`),
      call('DELETE', 'nothing/here'),
    ]);

    expect(answers.map(({ status, body }) => [status, body.error_code])).toEqual([
      [404, 40401],
      [400, 400],
      [415, 415],
      [413, 41302],
      [404, 40402],
      [422, 42220],
      [404, 404],
    ]);
    expect(await log.offsets(name, 0)).toEqual({ earliest: 0, latest: 0 });
  });
});
