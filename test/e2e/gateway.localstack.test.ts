import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Producer, stringSerializers } from '@platformatic/kafka';
import kafkajs from 'kafkajs';
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest';
import { openAws } from '../../lib/open/aws.ts';
import { type GatewayProcess, startGatewayProcess } from '../support/gateway.ts';
import { localstack } from '../support/localstack.ts';
import { poll } from '../support/poll.ts';
import { deployedStack } from '../support/stack.ts';

const { Kafka, logLevel } = kafkajs;

const stack = deployedStack();
const log = await openAws({
  client: { ...localstack, endpoint: stack.endpoint },
  bucket: stack.bucket,
  table: stack.table,
});
afterAll(() => log.close());

let gateway: GatewayProcess;
beforeEach(async () => {
  gateway = await startGatewayProcess(stack);
});
afterEach(() => gateway.kill());

const PARTITIONS = [0, 1] as const;
const TIME_OUT = 60_000;
const SENT = 12;
const KILLS = 2;

/** Somebody who appends values one after the other, each when the one before it was acknowledged. */
interface Caller {
  name: string;
  partition: number;
  /** Resolves to the offset that was acknowledged. */
  send(value: string): Promise<number>;
  /** Whether a value that was not acknowledged may be sent again without being there twice. */
  isIdempotent: boolean;
  close(): Promise<void>;
}

const kafka = () =>
  new Kafka({
    brokers: [gateway.bootstrap],
    logLevel: logLevel.NOTHING,
    retry: { retries: 100, initialRetryTime: 50, maxRetryTime: 300 },
  });

async function kafkajsCaller(topic: string, name: string, partition: number, idempotent: boolean): Promise<Caller> {
  const producer = kafka().producer({ idempotent, maxInFlightRequests: 1 });
  await producer.connect();
  return {
    name,
    partition,
    isIdempotent: idempotent,
    async send(value) {
      const messages = [{ partition, value: JSON.stringify(value) }];
      const [answer] = await producer.send({ topic, messages });
      return Number(answer!.baseOffset);
    },
    close: () => producer.disconnect(),
  };
}

function platformaticCaller(topic: string, name: string, partition: number): Caller {
  const producer = new Producer({
    clientId: name,
    bootstrapBrokers: [gateway.bootstrap],
    serializers: stringSerializers,
    retries: false,
  });
  return {
    name,
    partition,
    isIdempotent: false,
    async send(value) {
      const { offsets } = await producer.send({ messages: [{ topic, partition, value: JSON.stringify(value) }] });
      return Number(offsets![0]!.offset);
    },
    close: () => producer.close(),
  };
}

/** Through API Gateway and the produce function. */
async function apiCaller(topic: string, name: string, partition: number, idempotent: boolean): Promise<Caller> {
  const { id, epoch } = await log.allocateProducer();
  const producer = idempotent && { producer_id: id, producer_epoch: epoch };
  let sequence = 0;
  return {
    name,
    partition,
    isIdempotent: idempotent,
    async send(value) {
      const body = { ...producer, ...(producer && { sequence }), records: [{ value }] };
      const answer = await fetch(`${stack.url}api/topics/${topic}/partitions/${partition}/records`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      const text = await answer.text();
      if (answer.status !== 200) throw new Error(text);
      sequence += 1;
      return (JSON.parse(text) as { offsets: { offset: number }[] }).offsets[0]!.offset;
    },
    async close() {},
  };
}

/** What callers were told: offsets by value, in the order of the acknowledgements. */
async function sendAll(caller: Caller, enough: (sent: number) => boolean): Promise<Map<string, number>> {
  const acknowledged = new Map<string, number>();
  for (let turn = 0; !enough(turn); turn++) {
    await poll(`${caller.name} is acknowledged`, TIME_OUT, async () => {
      const attempt = caller.isIdempotent ? '' : `/${randomUUID()}`;
      const value = `${caller.name}/${turn}${attempt}`;
      const offset = await caller.send(value).catch(() => undefined);
      if (offset === undefined) return undefined;
      acknowledged.set(value, offset);
      return true;
    });
  }
  return acknowledged;
}

/** A Kafka consumer in a group: everything it was handed, by partition, as `[offset, value]`. */
async function startConsumer(topic: string, groupId: string) {
  const handed = PARTITIONS.map((): [number, string][] => []);
  const consumer = kafka().consumer({ groupId, maxWaitTimeInMs: 200 });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({
    autoCommitInterval: 500,
    eachMessage: async ({ partition, message }) => {
      handed[partition]!.push([Number(message.offset), JSON.parse(message.value!.toString())]);
    },
  });
  return { handed, close: () => consumer.disconnect() };
}

async function readByApi(topic: string, partition: number): Promise<[number, string][]> {
  const read: [number, string][] = [];
  for (let from = 0; ; ) {
    const answer = await fetch(
      `${stack.url}api/topics/${topic}/partitions/${partition}/records?from=${from}&limit=100`,
    );
    const { records, next, high_watermark } = (await answer.json()) as {
      records: { offset: number; value: string }[];
      next: number;
      high_watermark: number;
    };
    read.push(...records.map(({ offset, value }): [number, string] => [offset, value]));
    from = next;
    if (from >= high_watermark) return read;
  }
}

async function readByLibrary(topic: string, partition: number): Promise<[number, string][]> {
  const read: [number, string][] = [];
  for await (const { offset, value } of log.read(topic, { partition, follow: false })) {
    read.push([offset, JSON.parse(Buffer.from(value!).toString())]);
  }
  return read;
}

/** Dense offsets; each acknowledged value once, at its offset, in its caller's order. The sequence, as all readers have it. */
async function checkPartition(
  topic: string,
  partition: number,
  callers: readonly (readonly [Caller, Map<string, number>])[],
) {
  const read = await readByLibrary(topic, partition);
  expect(await readByApi(topic, partition)).toEqual(read);
  expect(read.map(([offset]) => offset)).toEqual(read.map((_, i) => i));
  for (const [caller, acknowledged] of callers) {
    if (caller.partition !== partition) continue;
    const own = read.filter(([, value]) => value.startsWith(`${caller.name}/`));
    const told = [...acknowledged].map(([value, offset]) => [offset, value]);
    // What an idempotent caller sent is there once, in its order; of others there may also be what was not acknowledged, or sent again.
    if (caller.isIdempotent) expect(own).toEqual(told);
    else expect(own).toEqual(expect.arrayContaining(told));
    expect([...acknowledged.values()]).toEqual([...acknowledged.values()].sort((a, b) => a - b));
  }
  return read;
}

async function committed(group: string) {
  const answer = await fetch(`${stack.url}api/groups/${group}/offsets`);
  const { offsets } = (await answer.json()) as { offsets: { partition: number; offset: number; lag: number }[] };
  return offsets.map(({ partition, offset, lag }) => ({ partition, offset, lag }));
}

test('a gateway and functions append to the same partitions, and all readers see one order', async () => {
  // Given Kafka clients and callers of the API who append to two partitions, while a consumer reads
  const topic = `both-${randomUUID()}`;
  const group = `readers-${randomUUID()}`;
  await log.topics.create(topic, { partitions: PARTITIONS.length });
  const callers = [
    await kafkajsCaller(topic, 'kafkajs', 0, false),
    await kafkajsCaller(topic, 'idempotent kafkajs', 1, true),
    platformaticCaller(topic, 'platformatic', 0),
    platformaticCaller(topic, 'platformatic too', 1),
    await apiCaller(topic, 'api', 0, false),
    await apiCaller(topic, 'idempotent api', 1, true),
    await apiCaller(topic, 'idempotent api too', 0, true),
  ];
  const consumer = await startConsumer(topic, group);

  // When all of them append at the same time
  const told = await Promise.all(
    callers.map(async (caller) => [caller, await sendAll(caller, (sent) => sent === SENT)] as const),
  );

  // Then library, API and consumer have the same records at the same offsets, and no record is missing or doubled
  for (const partition of PARTITIONS) {
    const read = await checkPartition(topic, partition, told);
    expect(read).toHaveLength(told.filter(([caller]) => caller.partition === partition).length * SENT);
    await poll('the consumer has all', TIME_OUT, () => consumer.handed[partition]!.length >= read.length || undefined);
    expect(consumer.handed[partition]).toEqual(read);
  }

  // and what the group committed at the gateway is seen at the API
  await consumer.close();
  expect(await committed(group)).toEqual(
    PARTITIONS.map((partition) => ({ partition, offset: consumer.handed[partition]!.length, lag: 0 })),
  );
  await Promise.all(callers.map((caller) => caller.close()));
  expect(await gateway.stop()).toBe(0);
}, 180_000);

test('a gateway that is killed loses nothing that it acknowledged, and the next one goes on', async () => {
  // Given Kafka clients, callers of the API, and a consumer
  const topic = `killed-${randomUUID()}`;
  const group = `readers-${randomUUID()}`;
  await log.topics.create(topic, { partitions: PARTITIONS.length });
  const callers = [
    await kafkajsCaller(topic, 'idempotent kafkajs', 0, true),
    await kafkajsCaller(topic, 'idempotent kafkajs too', 1, true),
    await kafkajsCaller(topic, 'kafkajs', 0, false),
    await apiCaller(topic, 'idempotent api', 1, true),
  ];
  const consumer = await startConsumer(topic, group);
  let kills = 0;
  let sentAfter = 0;

  // When the gateway is killed under them, again and again, and another one takes its place
  const killing = (async () => {
    for (; kills < KILLS; kills++) {
      await delay(700 + Math.random() * 500);
      await gateway.kill();
      gateway = await startGatewayProcess(stack, { port: gateway.port });
    }
  })();
  const isEnough = (sent: number) => sent >= SENT && kills === KILLS && ++sentAfter > 3 * callers.length;
  const told = await Promise.all(callers.map(async (caller) => [caller, await sendAll(caller, isEnough)] as const));
  await killing;

  // Then every acknowledged record is where its caller was told, and the consumer was handed each, some perhaps again
  for (const partition of PARTITIONS) {
    const read = await checkPartition(topic, partition, told);
    const handed = await poll('the consumer has all', TIME_OUT, () => {
      const seen = new Map(consumer.handed[partition]!);
      return seen.size >= read.length ? seen : undefined;
    });
    expect([...handed].sort(([a], [b]) => a - b)).toEqual(read);
    for (const [offset, value] of consumer.handed[partition]!) expect([offset, value]).toEqual(read[offset]);
  }
  await consumer.close();
  const { length } = await readByLibrary(topic, 0);
  expect(await committed(group)).toContainEqual({ partition: 0, offset: length, lag: 0 });
  await Promise.all(callers.map((caller) => caller.close()));
}, 180_000);
