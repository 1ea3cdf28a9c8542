/** Requests that name topics by their ids (KIP-516), answered as Apache Kafka 4.3.1 does: what is asked below was asked of both. */
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../../lib/clock.ts';
import { APIS } from '../../../lib/doors/kafka/apis/apis.ts';
import { fetch } from '../../../lib/doors/kafka/apis/fetch.ts';
import { metadata } from '../../../lib/doors/kafka/apis/metadata.ts';
import { offsetCommit } from '../../../lib/doors/kafka/apis/offset-commit.ts';
import { offsetFetch } from '../../../lib/doors/kafka/apis/offset-fetch.ts';
import { produce } from '../../../lib/doors/kafka/apis/produce.ts';
import { type KafkaErrorCode, NO_ERROR, numberOf } from '../../../lib/doors/kafka/failures.ts';
import { startKafkaGateway } from '../../../lib/doors/kafka/gateway.ts';
import { NO_UUID } from '../../../lib/doors/kafka/protocol/schema.ts';
import { VarveError } from '../../../lib/errors.ts';
import { systemRandom } from '../../../lib/ids.ts';
import { parseBrokerConfig } from '../../../lib/log/broker-config.ts';
import { openMemory } from '../../../lib/open/memory.ts';
import { connectRaw, type RawClient, startGateway, type TestGateway } from './gateway.ts';
import { batchOf, valuesOf } from './records.ts';

let gateway: TestGateway;
let client: RawClient;
beforeAll(async () => {
  gateway = await startGateway();
  client = await connectRaw(gateway.gateway.port);
});
afterAll(async () => {
  client.end();
  await gateway.close();
});

const code = (name: KafkaErrorCode) => numberOf(name);

async function append(topicId: string, values: readonly string[], { index = 0, to = client } = {}) {
  const { responses } = await to.call(produce, 13, {
    acks: -1,
    timeoutMs: 5_000,
    topicData: [{ topicId, partitionData: [{ index, records: [batchOf(values)] }] }],
  });
  expect(responses[0]!.topicId).toBe(topicId);
  return responses[0]!.partitionResponses[0]!;
}

async function read(topicId: string, { version = 18, partition = 0, wait = 0, from = client } = {}) {
  const asked = { partition, fetchOffset: 0, partitionMaxBytes: 1 << 20 };
  const { responses } = await from.call(fetch, version, {
    maxWaitMs: wait,
    minBytes: 1,
    maxBytes: 1 << 20,
    isolationLevel: 0,
    topics: [{ topicId, partitions: [asked] }],
  });
  expect(responses[0]!.topicId).toBe(topicId);
  return responses[0]!.partitions[0]!;
}

async function commit(groupId: string, topicId: string, { partitionIndex = 0, from = client } = {}) {
  const told = { partitionIndex, committedOffset: 1, committedMetadata: null };
  const { topics } = await from.call(offsetCommit, 10, { groupId, topics: [{ topicId, partitions: [told] }] });
  expect(topics[0]!.topicId).toBe(topicId);
  return topics[0]!.partitions[0]!.errorCode;
}

async function committed(groupId: string, asked: readonly { topicId: string; partitionIndexes: number[] }[] | null) {
  const { groups } = await client.call(offsetFetch, 10, { groups: [{ groupId, topics: asked }] });
  expect(groups[0]!.errorCode).toBe(NO_ERROR);
  return groups[0]!.topics.map(({ topicId, partitions }) => [
    topicId,
    ...partitions.map(({ partitionIndex, committedOffset, errorCode }) => [partitionIndex, committedOffset, errorCode]),
  ]);
}

describe('a topic that there is', () => {
  test.each([13, 14, 15, 16, 17, 18])('is read in version %i of Fetch', async (version) => {
    const { id } = await gateway.log.topics.create(`read-${version}`);
    expect(await append(id, ['a', 'b'])).toMatchObject({ errorCode: NO_ERROR, baseOffset: 0 });
    const answer = await read(id, { version });
    expect(answer).toMatchObject({ errorCode: NO_ERROR, highWatermark: 2 });
    expect(valuesOf(answer.records)).toEqual(['0:a', '1:b']);
  });

  test('lacks a partition: that is what is said of it', async () => {
    const { id } = await gateway.log.topics.create('one-partition');
    const unknown = code('UNKNOWN_TOPIC_OR_PARTITION');
    expect(await append(id, ['a'], { index: 9 })).toMatchObject({ errorCode: unknown, baseOffset: -1 });
    expect(await read(id, { partition: 9 })).toMatchObject({ errorCode: unknown, highWatermark: -1 });
    expect(await commit('lacking', id, { partitionIndex: 9 })).toBe(unknown);
  });

  test('is where groups commit, and find what they committed', async () => {
    const { id } = await gateway.log.topics.create('committed', { partitions: 2 });
    expect(await commit('group', id)).toBe(NO_ERROR);
    const first = [0, 1, NO_ERROR];
    expect(await committed('group', [{ topicId: id, partitionIndexes: [0, 1] }])).toEqual([
      [id, first, [1, -1, NO_ERROR]],
    ]);
    expect(await committed('group', null)).toEqual([[id, first]]);
  });

  test('is found by a gateway that never told anybody its id, and its requests stay in their order', async () => {
    const { id } = await gateway.log.topics.create('order');
    const values = Array.from({ length: 20 }, (_, i) => `${i}`);
    const answers = await Promise.all(values.map((value) => append(id, [value])));
    expect(answers.map(({ baseOffset }) => baseOffset)).toEqual(values.map(Number));
    expect(valuesOf((await read(id)).records)).toEqual(values.map((value) => `${value}:${value}`));
  });
});

describe('an id that no topic has', () => {
  test.each([randomUUID(), NO_UUID])('is unknown: %s', async (id) => {
    const unknown = code('UNKNOWN_TOPIC_ID');
    expect(await append(id, ['a'])).toMatchObject({ errorCode: unknown, baseOffset: -1 });
    expect(await read(id, { wait: 60_000 })).toMatchObject({ errorCode: unknown, highWatermark: -1 });
    expect(await commit('nowhere', id)).toBe(unknown);
    expect(await committed('nowhere', [{ topicId: id, partitionIndexes: [0] }])).toEqual([[id, [0, -1, unknown]]]);
  });

  test('spoils nothing for the topics beside it', async () => {
    const { id } = await gateway.log.topics.create('beside');
    const records = () => [{ index: 0, records: [batchOf(['a'])] }];
    const { responses } = await client.call(produce, 13, {
      acks: -1,
      timeoutMs: 5_000,
      topicData: [
        { topicId: randomUUID(), partitionData: records() },
        { topicId: id, partitionData: records() },
      ],
    });
    const errors = responses.map(({ partitionResponses }) => partitionResponses[0]!.errorCode);
    expect(errors).toEqual([code('UNKNOWN_TOPIC_ID'), NO_ERROR]);
  });
});

describe('a topic that was deleted', () => {
  test.each(['and nothing has its name', 'and another one has its name'])('is unknown by its id, %s', async (then) => {
    const name = then.replaceAll(' ', '-');
    const before = await gateway.log.topics.create(name);
    // Both gateways know the id: this one from what it served, the clients from its answer.
    await client.call(metadata, 13, { topics: [{ name }], includeTopicAuthorizedOperations: false });
    await append(before.id, ['old']);
    expect(await commit('left', before.id)).toBe(NO_ERROR);

    await gateway.log.topics.delete(name);
    const renewed = then.includes('another') ? await gateway.log.topics.create(name) : undefined;
    const unknown = code('UNKNOWN_TOPIC_ID');
    expect(await read(before.id)).toMatchObject({ errorCode: unknown });
    expect(await append(before.id, ['late'])).toMatchObject({ errorCode: unknown });
    expect(await commit('left', before.id)).toBe(unknown);
    const asked = [{ topicId: before.id, partitionIndexes: [0] }];
    expect(await committed('left', asked)).toEqual([[before.id, [0, -1, unknown]]]);
    if (renewed) expect(await read(renewed.id)).toMatchObject({ errorCode: NO_ERROR, highWatermark: 0 });
  });

  test('is told to who waits for its records', async () => {
    const { id } = await gateway.log.topics.create('waited-for');
    const waiting = await connectRaw(gateway.gateway.port);
    const answer = read(id, { wait: 60_000, from: waiting });
    await gateway.log.topics.delete('waited-for');
    await gateway.log.topics.create('waited-for');
    expect([code('UNKNOWN_TOPIC_ID'), code('UNKNOWN_TOPIC_OR_PARTITION')]).toContain((await answer).errorCode);
    waiting.end();
  });
});

/**
 * kafka-python takes a broker's version from those of a few APIs; who tells it a version (`api_version`) that is not above that is served in
 * that version's APIs, whatever this gateway says of them.
 */
test('where topics cannot be looked through for an id, the request says so, and may be repeated', async () => {
  const log = await openMemory();
  const list = async () => {
    throw new VarveError('KAFKA_STORAGE_ERROR', 'Storage failed: try again.');
  };
  const failing = await startKafkaGateway({
    log: { ...log, topics: { ...log.topics, list } },
    clock: systemClock,
    random: systemRandom,
    logger: pino({ level: 'silent' }),
    config: parseBrokerConfig([]),
    host: '127.0.0.1',
    port: 0,
  });
  const from = await connectRaw(failing.port);
  const topicId = randomUUID();

  expect((await read(topicId, { from })).errorCode).toBe(code('KAFKA_STORAGE_ERROR'));
  expect((await append(topicId, ['lost'], { to: from })).errorCode).toBe(code('KAFKA_STORAGE_ERROR'));
  expect(await commit('group', topicId, { from })).toBe(code('KAFKA_STORAGE_ERROR'));
  from.end();
  await failing.close(1_000);
  await log.close();
});

test('each API has the last version that it has in Kafka 4.3.1', () => {
  const folder = new URL('fixtures/', import.meta.url);
  const last = new Map(
    readdirSync(folder)
      .filter((file) => file.endsWith('Request.json'))
      .map((file) => {
        const text = readFileSync(new URL(file, folder), 'utf8');
        const [, versions] = text.match(/"validVersions": "(?:\d+-)?(\d+)"/)!;
        const isUnstable = text.includes('"latestVersionUnstable": true');
        return [file.replace('Request.json', ''), Number(versions) - (isUnstable ? 1 : 0)] as const;
      }),
  );
  const ours = new Map(APIS.map(({ name, versions }) => [name, versions[1]]));
  expect(ours).toEqual(new Map(APIS.map(({ name }) => [name, last.get(name)])));
});
