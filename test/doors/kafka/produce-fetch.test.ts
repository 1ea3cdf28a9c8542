import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTopics } from '../../../lib/doors/kafka/apis/create-topics.ts';
import { describeProducers } from '../../../lib/doors/kafka/apis/describe-producers.ts';
import { fetch } from '../../../lib/doors/kafka/apis/fetch.ts';
import { initProducerId } from '../../../lib/doors/kafka/apis/init-producer-id.ts';
import { listOffsets } from '../../../lib/doors/kafka/apis/list-offsets.ts';
import { produce } from '../../../lib/doors/kafka/apis/produce.ts';
import { numberOf } from '../../../lib/doors/kafka/failures.ts';
import { encodeBatch, readHeader } from '../../../lib/format/records/batch.ts';
import { writeHeader } from '../../../lib/format/records/header.ts';
import { poll } from '../../support/poll.ts';
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

const request = (name: string, records: Uint8Array | null, { acks = -1, index = 0 } = {}) => ({
  acks,
  timeoutMs: 5_000,
  topicData: [{ name, partitionData: [{ index, records: records && [records] }] }],
});

async function append(name: string, records: Uint8Array | null, options?: { acks?: number; index?: number }) {
  const { responses } = await client.call(produce, 9, request(name, records, options));
  return responses[0]!.partitionResponses[0]!;
}

interface At {
  partition?: number;
  offset?: number;
  maxBytes?: number;
  epoch?: number;
}

async function read(
  topic: string,
  ats: readonly At[],
  { wait = 0, minBytes = 1, maxBytes = 1 << 20, version = 11, sessionId = 0, from = client } = {},
) {
  return from.call(fetch, version, {
    replicaId: -1,
    maxWaitMs: wait,
    minBytes,
    maxBytes,
    isolationLevel: 0,
    sessionId,
    topics: [
      {
        topic,
        partitions: ats.map((at) => ({
          partition: at.partition ?? 0,
          fetchOffset: at.offset ?? 0,
          partitionMaxBytes: at.maxBytes ?? 1 << 20,
          currentLeaderEpoch: at.epoch ?? -1,
        })),
      },
    ],
  });
}

describe('Produce', () => {
  test('appends batches at the offsets that it answers', async () => {
    await gateway.log.topics.create('appends');
    expect(await append('appends', batchOf(['a', 'b']))).toMatchObject({
      errorCode: 0,
      baseOffset: 0,
      logAppendTimeMs: -1,
    });
    expect(await append('appends', batchOf(['c']))).toMatchObject({ errorCode: 0, baseOffset: 2 });
    const { records } = await gateway.log.poll('appends', 0, 0);
    expect(records.map(({ value }) => Buffer.from(value!).toString())).toEqual(['a', 'b', 'c']);
  });

  test('tells where the log starts (version 5 on)', async () => {
    await gateway.log.topics.create('starts');
    expect(await append('starts', batchOf(['a', 'b']))).toMatchObject({ errorCode: 0, logStartOffset: 0 });
    await gateway.log.deleteRecords('starts', 0, 1);
    expect(await append('starts', batchOf(['c']))).toMatchObject({ errorCode: 0, logStartOffset: 1 });
  });

  test('says when the time of the append is the records\u2019', async () => {
    await gateway.log.topics.create('stamped', { config: { 'message.timestamp.type': 'LogAppendTime' } });
    const before = Date.now();
    const { logAppendTimeMs } = await append('stamped', batchOf(['a']));
    expect(logAppendTimeMs).toBeGreaterThanOrEqual(before);
  });

  test('refuses what cannot be appended with Kafka\u2019s numbers', async () => {
    await gateway.log.topics.create('refuses', { config: { 'max.message.bytes': '200' } });
    const damaged = batchOf(['a']);
    damaged[damaged.length - 1]! ^= 1;
    const old = batchOf(['a']);
    old[16] = 1;
    expect((await append('nowhere', batchOf(['a']))).errorCode).toBe(numberOf('UNKNOWN_TOPIC_OR_PARTITION'));
    expect((await append('refuses', batchOf(['a']), { index: 1 })).errorCode).toBe(
      numberOf('UNKNOWN_TOPIC_OR_PARTITION'),
    );
    expect((await append('refuses', batchOf(['a']), { acks: 2 })).errorCode).toBe(numberOf('INVALID_REQUIRED_ACKS'));
    expect((await append('refuses', damaged)).errorCode).toBe(numberOf('CORRUPT_MESSAGE'));
    expect((await append('refuses', old)).errorCode).toBe(numberOf('UNSUPPORTED_FOR_MESSAGE_FORMAT'));
    expect((await append('refuses', batchOf(['x'.repeat(300)]))).errorCode).toBe(numberOf('MESSAGE_TOO_LARGE'));
    expect((await append('refuses', null)).errorCode).toBe(numberOf('INVALID_RECORD'));
    const two = Buffer.concat([batchOf(['a']), batchOf(['b'])]);
    expect((await append('refuses', two)).errorCode).toBe(numberOf('INVALID_RECORD'));
    expect(await gateway.log.offsets('refuses', 0)).toEqual({ earliest: 0, latest: 0 });
  });

  test('names the records that a topic has no use for', async () => {
    const config = { 'cleanup.policy': 'compact', 'message.timestamp.before.max.ms': '1000' };
    await gateway.log.topics.create('picky', { config });
    const now = Date.now();
    const at = (key: string | null, timestamp: number) => ({
      key: key === null ? null : Buffer.from(key),
      value: Buffer.from('v'),
      headers: [],
      timestamp,
    });
    const keyless = encodeBatch([at('a', now), at(null, now), at('b', now), at(null, now)]);
    expect(await append('picky', keyless)).toMatchObject({
      errorCode: numberOf('INVALID_RECORD'),
      baseOffset: -1,
      errorMessage: expect.stringContaining('key'),
      recordErrors: [
        { batchIndex: 1, batchIndexErrorMessage: expect.stringContaining('key') },
        { batchIndex: 3, batchIndexErrorMessage: expect.stringContaining('key') },
      ],
    });
    const old = encodeBatch([at('a', now), at('b', now - 100_000)], { compression: 'gzip' });
    expect(await append('picky', old)).toMatchObject({
      errorCode: numberOf('INVALID_TIMESTAMP'),
      recordErrors: [{ batchIndex: 1, batchIndexErrorMessage: expect.stringContaining(`${now - 100_000}`) }],
    });
    expect(await append('picky', encodeBatch([at('a', now)]))).toMatchObject({ errorCode: 0, recordErrors: [] });
  });

  test('refuses a batch that is not what it says, compressed or not', async () => {
    await gateway.log.topics.create('contradictions');
    for (const compression of ['none', 'gzip', 'zstd'] as const) {
      const whole = batchOf(['a', 'b'], { compression });
      const one = batchOf(['a'], { compression });
      // The records of one under the header of two, the checksum right.
      const { length: _length, crc: _crc, magic: _magic, ...header } = readHeader(whole);
      writeHeader(one, header);
      expect((await append('contradictions', one)).errorCode, compression).toBe(numberOf('INVALID_RECORD'));
    }
    const placed = batchOf(['a'], { baseOffset: 1 });
    expect((await append('contradictions', placed)).errorCode).toBe(numberOf('INVALID_RECORD'));
    const control = batchOf(['a'], { control: true, producer: { id: 1, epoch: 0, sequence: 0 } });
    expect((await append('contradictions', control)).errorCode).toBe(numberOf('INVALID_RECORD'));
    const early = await client.call(produce, 6, request('contradictions', batchOf(['a'], { compression: 'zstd' })));
    expect(early.responses[0]!.partitionResponses[0]!.errorCode).toBe(numberOf('UNSUPPORTED_COMPRESSION_TYPE'));
    expect(await gateway.log.offsets('contradictions', 0)).toEqual({ earliest: 0, latest: 0 });
  });

  test('corrects a highest time that is not that of the records', async () => {
    await gateway.log.topics.create('corrected');
    const batch = batchOf(['a', 'b']);
    const { length: _length, crc: _crc, magic: _magic, ...header } = readHeader(batch);
    writeHeader(batch, { ...header, maxTimestamp: header.maxTimestamp + 50_000 });
    expect(await append('corrected', batch)).toMatchObject({ errorCode: 0, baseOffset: 0 });
    const { batches } = await gateway.log.fetch('corrected', 0, 0);
    expect(readHeader(batches[0]!).maxTimestamp).toBe(header.maxTimestamp);
    expect(await gateway.log.offsetAt('corrected', 0, header.maxTimestamp + 1)).toBeUndefined();
  });

  test('a repeat is answered with the time of the first append', async () => {
    await gateway.log.topics.create('stamped-once', { config: { 'message.timestamp.type': 'LogAppendTime' } });
    const { id, epoch } = await gateway.log.allocateProducer();
    const batch = batchOf(['a'], { producer: { id, epoch, sequence: 0 } });
    const first = await append('stamped-once', batch);
    await poll('the clock has moved', 5_000, async () => Date.now() > first.logAppendTimeMs || undefined);
    expect(await append('stamped-once', batch)).toEqual(first);
  });

  test('appends a batch of an idempotent producer once, and refuses a gap', async () => {
    await gateway.log.topics.create('once');
    const { producerId: id, producerEpoch: epoch } = await client.call(initProducerId, 4, {
      transactionalId: null,
      transactionTimeoutMs: 0,
    });
    const batch = (sequence: number, value: string) => batchOf([value], { producer: { id, epoch, sequence } });
    expect(await append('once', batch(0, 'a'))).toMatchObject({ errorCode: 0, baseOffset: 0 });
    expect(await append('once', batch(1, 'b'))).toMatchObject({ errorCode: 0, baseOffset: 1 });
    expect(await append('once', batch(1, 'b'))).toMatchObject({ errorCode: 0, baseOffset: 1 });
    expect((await append('once', batch(3, 'd'))).errorCode).toBe(numberOf('OUT_OF_ORDER_SEQUENCE_NUMBER'));
    const stranger = batchOf(['x'], { producer: { id: 1e9, epoch: 0, sequence: 5 } });
    expect(await append('once', stranger)).toMatchObject({
      errorCode: numberOf('UNKNOWN_PRODUCER_ID'),
      logStartOffset: 0,
    });
  });

  test('a pipeline of requests is appended and answered in its order', async () => {
    await gateway.log.topics.create('pipeline');
    const answers = await Promise.all(Array.from({ length: 300 }, (_, i) => append('pipeline', batchOf([`${i}`]))));
    expect(answers.map(({ baseOffset }) => baseOffset)).toEqual(Array.from({ length: 300 }, (_, i) => i));
    const { records } = await gateway.log.poll('pipeline', 0, 0);
    expect(records.map(({ value }) => Number(Buffer.from(value!)))).toEqual(answers.map((_, i) => i));
  });

  test('with acks=0 answers nothing, and ends the connection when it failed', async () => {
    await gateway.log.topics.create('silent');
    const other = await connectRaw(gateway.gateway.port);
    other.send(produce, 9, request('silent', batchOf(['a']), { acks: 0 }));
    // The next answer is the next request's.
    expect((await read('silent', [{}], { wait: 5_000, from: other })).responses[0]!.partitions[0]).toMatchObject({
      highWatermark: 1,
    });
    other.send(produce, 9, request('nowhere', batchOf(['a']), { acks: 0 }));
    await other.closed;
  });
});

describe('DescribeProducers', () => {
  test('tells who appended lately, by the last batch', async () => {
    await gateway.log.topics.create('produced');
    const { id, epoch } = await gateway.log.allocateProducer();
    const batch = batchOf(['a', 'b', 'c'], { producer: { id, epoch, sequence: 0 } });
    await append('produced', batch);
    const topics = [{ name: 'produced', partitionIndexes: [0, 5] }];
    const [described, unknown] = (await client.call(describeProducers, 0, { topics })).topics[0]!.partitions;
    expect(described).toMatchObject({
      partitionIndex: 0,
      errorCode: 0,
      activeProducers: [
        {
          producerId: id,
          producerEpoch: epoch,
          lastSequence: 2,
          lastTimestamp: readHeader(batch).maxTimestamp,
          coordinatorEpoch: -1,
          currentTxnStartOffset: -1,
        },
      ],
    });
    expect(unknown).toMatchObject({ errorCode: numberOf('UNKNOWN_TOPIC_OR_PARTITION'), activeProducers: [] });
  });
});

describe('Fetch', () => {
  const firstOf = ({ responses }: Awaited<ReturnType<typeof read>>) => responses[0]!.partitions[0]!;

  test('gives batches with their offsets; one that the offset lies in comes whole', async () => {
    await gateway.log.topics.create('whole');
    await append('whole', batchOf(['a', 'b', 'c']));
    await append('whole', batchOf(['d']));
    const found = firstOf(await read('whole', [{ offset: 1 }]));
    expect(found).toMatchObject({ errorCode: 0, highWatermark: 4, lastStableOffset: 4, logStartOffset: 0 });
    expect(valuesOf(found.records)).toEqual(['0:a', '1:b', '2:c', '3:d']);
  });

  test('keeps the limits, and still gives one batch', async () => {
    await gateway.log.topics.create('limits', { partitions: 3 });
    for (const index of [0, 1, 2]) {
      for (const value of ['a', 'b']) await append('limits', batchOf([value.repeat(1_000)]), { index });
    }
    const all = [0, 1, 2].map((partition) => ({ partition }));
    const sizes = async (...given: Parameters<typeof read>) =>
      (await read(...given)).responses[0]!.partitions.map(({ records }) => valuesOf(records).length);
    expect(await sizes('limits', all)).toEqual([2, 2, 2]);
    expect(
      await sizes(
        'limits',
        all.map((at) => ({ ...at, maxBytes: 1_500 })),
      ),
    ).toEqual([1, 1, 1]);
    expect(await sizes('limits', all, { maxBytes: 3_500 })).toEqual([2, 1, 0]);
    expect(await sizes('limits', all, { maxBytes: 1 })).toEqual([1, 0, 0]);
  });

  test('waits for the first byte, or for many, no longer than it is told', async () => {
    await gateway.log.topics.create('waits', { partitions: 2 });
    const other = await connectRaw(gateway.gateway.port);
    const first = read('waits', [{ partition: 0 }, { partition: 1 }], { wait: 20_000, from: other });
    await append('waits', batchOf(['a']), { index: 1 });
    expect((await first).responses[0]!.partitions.map(({ records }) => valuesOf(records))).toEqual([[], ['0:a']]);

    const many = read('waits', [{ partition: 1, offset: 1 }], { wait: 20_000, minBytes: 2_000, from: other });
    await append('waits', batchOf(['b'.repeat(900)]), { index: 1 });
    await append('waits', batchOf(['c'.repeat(900)]), { index: 1 });
    await append('waits', batchOf(['d'.repeat(900)]), { index: 1 });
    expect(valuesOf(firstOf(await many).records)).toHaveLength(3);

    const begun = performance.now();
    expect(firstOf(await read('waits', [{ offset: 0 }], { wait: 100, from: other })).records).toHaveLength(0);
    expect(performance.now() - begun).toBeGreaterThan(90);
    other.end();
  });

  test('says what is out of range, unknown, or ahead of its leader, beside what can be read', async () => {
    await gateway.log.topics.create('errors', { partitions: 2 });
    await append('errors', batchOf(['a']));
    const found = await read('errors', [{}, { partition: 1, offset: 7 }, { partition: 5 }, { epoch: 1 }], {
      wait: 20_000,
    });
    const { partitions } = found.responses[0]!;
    expect(partitions.map(({ errorCode }) => errorCode)).toEqual([
      0,
      numberOf('OFFSET_OUT_OF_RANGE'),
      numberOf('UNKNOWN_TOPIC_OR_PARTITION'),
      numberOf('UNKNOWN_LEADER_EPOCH'),
    ]);
    expect(valuesOf(partitions[0]!.records)).toEqual(['0:a']);
  });

  test('declines sessions', async () => {
    await gateway.log.topics.create('sessions');
    expect(await read('sessions', [{}])).toMatchObject({ errorCode: 0, sessionId: 0 });
    expect((await read('sessions', [{}], { sessionId: 9 })).errorCode).toBe(numberOf('FETCH_SESSION_ID_NOT_FOUND'));
  });

  test('a client that goes away ends its wait', async () => {
    await gateway.log.topics.create('leaves');
    const other = await connectRaw(gateway.gateway.port);
    const waiting = read('leaves', [{}], { wait: 60_000, from: other });
    waiting.catch(() => {});
    other.end();
    await expect(waiting).rejects.toThrow('closed');
    // Closing waits for what is in flight: it would take as long as the wait.
    const begun = performance.now();
    const own = await startGateway();
    const guest = await connectRaw(own.gateway.port);
    await own.log.topics.create('leaves');
    const last = read('leaves', [{}], { wait: 60_000, from: guest });
    last.catch(() => {});
    await poll('the request is waiting', 5_000, async () => guest.socket.bytesWritten > 0 || undefined);
    await own.close();
    await guest.closed;
    expect(performance.now() - begun).toBeLessThan(10_000);
  });
});

describe('ListOffsets', () => {
  const find = async (name: string, timestamp: number) => {
    const asked = { replicaId: -1, topics: [{ name, partitions: [{ partitionIndex: 0, timestamp }] }] };
    return (await client.call(listOffsets, 7, asked)).topics[0]!.partitions[0]!;
  };

  test('finds the first, the next, and the one of a time, or of the highest time', async () => {
    const name = 'offsets';
    expect(
      (
        await client.call(createTopics, 7, {
          timeoutMs: 1_000,
          topics: [{ name, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }],
        })
      ).topics[0]!.errorCode,
    ).toBe(0);
    expect(await find(name, -3)).toMatchObject({ errorCode: 0, offset: -1 });
    const now = Date.now();
    await gateway.log.append(
      name,
      [3, 1, 9, 2].map((age) => ({ value: 'x', timestamp: now - 100_000 + age })),
      {
        compression: 'none',
      },
    );
    await gateway.log.append(name, [{ value: 'y', timestamp: now - 200_000 }]);
    expect(await find(name, -1)).toMatchObject({ errorCode: 0, offset: 5, leaderEpoch: 0 });
    expect(await find(name, -2)).toMatchObject({ errorCode: 0, offset: 0 });
    expect(await find(name, now - 100_000 + 4)).toMatchObject({ offset: 2, timestamp: now - 100_000 + 9 });
    expect(await find(name, -3)).toMatchObject({ offset: 2, timestamp: now - 100_000 + 9 });
    expect(await find(name, now)).toMatchObject({ errorCode: 0, offset: -1 });
    expect((await find('nowhere', -1)).errorCode).toBe(numberOf('UNKNOWN_TOPIC_OR_PARTITION'));
  });
});
