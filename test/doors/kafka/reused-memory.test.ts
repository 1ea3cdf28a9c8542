import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../../lib/clock.ts';
import { fetch } from '../../../lib/doors/kafka/apis/fetch.ts';
import { produce } from '../../../lib/doors/kafka/apis/produce.ts';
import { type KafkaGateway, startKafkaGateway } from '../../../lib/doors/kafka/gateway.ts';
import { splitBatches } from '../../../lib/format/records/batch.ts';
import { systemRandom } from '../../../lib/ids.ts';
import { parseBrokerConfig } from '../../../lib/log/broker-config.ts';
import type { EventLog } from '../../../lib/log/event-log.ts';
import { openEmbedded } from '../../../lib/open/embedded.ts';
import { connectRaw, type RawClient } from './gateway.ts';
import { batchOf, valuesOf } from './records.ts';

const MIB = 1024 * 1024;
/** Of which the cache holds a few hundred. */
const BATCHES = 700;
/** A fetch of 1 MiB. */
const FETCHED = 65;
const VALUE = 'x'.repeat(16_000);
/** Appended together, they are carried by the catalog, where reads share memory. */
const TOGETHER = 10;

let folder: string;
let log: EventLog;
let gateway: KafkaGateway;
const clients: RawClient[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'varve-reused-'));
  log = await openEmbedded({ data: folder, cacheBytes: 5 * MIB });
  gateway = await startKafkaGateway({
    log,
    clock: systemClock,
    random: systemRandom,
    logger: pino({ level: 'silent' }),
    config: parseBrokerConfig([]),
    host: '127.0.0.1',
    port: 0,
  });
  await log.topics.create('t', { partitions: 1 });
  const writer = await client();
  for (let at = 0; at < BATCHES; at += TOGETHER) {
    const appends = Array.from({ length: TOGETHER }, (_, i) => {
      const partitionData = [{ index: 0, records: [batchOf([`${at + i} ${VALUE}`])] }];
      return writer.call(produce, 9, { acks: -1, timeoutMs: 30_000, topicData: [{ name: 't', partitionData }] });
    });
    for (const { responses } of await Promise.all(appends)) {
      expect(responses[0]!.partitionResponses[0]!.errorCode).toBe(0);
    }
  }
});

afterAll(async () => {
  for (const one of clients) one.end();
  await gateway?.close(1_000);
  await log?.close();
  await rm(folder, { recursive: true, force: true });
});

async function client(): Promise<RawClient> {
  const made = await connectRaw(gateway.port);
  clients.push(made);
  return made;
}

async function read(from: RawClient, fetchOffset: number): Promise<number> {
  const partitions = [{ partition: 0, fetchOffset, partitionMaxBytes: MIB }];
  const asked = {
    replicaId: -1,
    maxWaitMs: 0,
    minBytes: 1,
    maxBytes: MIB,
    isolationLevel: 0,
    topics: [{ topic: 't', partitions }],
  };
  const { records } = (await from.call(fetch, 11, asked)).responses[0]!.partitions[0]!;
  const expected = Array.from([...splitBatches(records!)], (_, i) => `${fetchOffset + i}:${fetchOffset + i} ${VALUE}`);
  // What belongs to another answer says so: by its CRC, its offset or its value.
  expect(valuesOf(records).map((value, i) => (value === expected[i] ? 'right' : value.slice(0, 30)))).toEqual(
    expected.map(() => 'right'),
  );
  return fetchOffset + expected.length;
}

async function readAll(from: RawClient): Promise<void> {
  for (let offset = 0; offset < BATCHES; ) offset = await read(from, offset);
}

test('an answer that its client is slow to take stays as it is while others read what reuses memory', async () => {
  const slow = await client();
  slow.socket.pause();
  const answers = Array.from({ length: 40 }, (_, i) => read(slow, (i * FETCHED) % (10 * FETCHED)));

  for (let turn = 0; turn < 3; turn++) await Promise.all([await client(), await client()].map(readAll));
  slow.socket.resume();

  await Promise.all(answers);
});

test('many readers at many places get what is there', async () => {
  const readers = await Promise.all(Array.from({ length: 6 }, client));

  await Promise.all(
    readers.map(async (reader, i) => {
      for (let offset = i * 100; offset < BATCHES; ) {
        const [next] = await Promise.all([read(reader, offset), log.poll('t', 0, offset, { maxBytes: MIB })]);
        offset = next;
      }
    }),
  );
});
