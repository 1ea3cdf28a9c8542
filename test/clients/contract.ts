import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { apiOf } from '../support/api.ts';
import { poll } from '../support/poll.ts';
import { type ServerProcess, startServer } from '../support/server.ts';
import { type Client, type Consuming, consume, produce, type WireReceived, type WireRecord } from './program.ts';
import { samples } from './samples.ts';

/** Patience with a step, milliseconds: the machine may be slow and busy. */
const STEP_MS = 90_000;
const TEST_MS = 300_000;
/** A session that a busy machine does not lose, and whose end can be waited for. */
const SESSION_MS = 6_000;
/** A session that outlasts whatever a test does meanwhile. */
const LONG_SESSION_MS = 60_000;

export interface ContractOptions {
  /** Those that read what others wrote: one of them what each wrote, besides itself. */
  readers: readonly Client[];
  /** All of them read what each wrote, all assignors are tried, and the server is killed more often. */
  isFull: boolean;
}

/** What every client must find with Varve. */
export function describeClients(clients: readonly Client[], { readers, isFull }: ContractOptions): void {
  describe.concurrent.each(clients)('$name', { timeout: TEST_MS }, (client) => {
    let folder: string;
    let server: ServerProcess;
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'varve-client-'));
      server = await start(folder);
    });
    afterAll(async () => {
      await server?.kill();
      await rm(folder, { recursive: true, force: true });
    });

    const others = readers.filter(({ name }) => name !== client.name);
    const next = others[clients.indexOf(client) % others.length];
    for (const reader of [client, ...(isFull ? others : next ? [next] : [])]) {
      test(`what it writes with ${client.codecs.join(', ')} is read whole by ${reader.name}`, () =>
        carries(server, client, reader));
    }
    for (const assignor of isFull ? client.assignors : client.assignors.slice(-1)) {
      test(`a group of three (${assignor}) goes on when one leaves and one dies`, () =>
        sharesOut(server, client, assignor));
    }
    test.skipIf(!client.isStatic)('a static member comes back to what it had, and the others keep theirs', () =>
      comesBack(server, client),
    );
    test('what it produces idempotently and where its group is outlast the server and the client', () =>
      outlasts(client, isFull));
  });
}

const CONFIG = ['group.initial.rebalance.delay.ms=0', 'num.partitions=6'].flatMap((pair) => ['--config', pair]);

function start(folder: string, kafkaPort = '0'): Promise<ServerProcess> {
  return startServer(folder, { args: [...CONFIG, '--kafka-port', kafkaPort], timeout: STEP_MS });
}

let topics = 0;
async function newTopic({ url }: ServerProcess, partitions: number): Promise<string> {
  const name = `topic-${topics++}`;
  await apiOf(url).createTopic(name, partitions);
  return name;
}

async function carries(server: ServerProcess, writer: Client, reader: Client): Promise<void> {
  const topic = await newTopic(server, 2);
  const both = { ...writer, lacks: [...writer.lacks, ...reader.lacks] };
  const codecs = writer.codecs.filter((codec) => reader.codecs.includes(codec));
  const sent = codecs.flatMap((codec) => samples(both).map((record) => ({ codec, ...record })));
  const producing = produce(writer, { bootstrap: server.kafka, topic, idempotent: false });
  producing.send(sent);
  await producing.finish(STEP_MS);

  const consuming = joinGroup(server, reader, topic);
  await got(consuming, 'all records', sent.length);
  await consuming.leave(STEP_MS);
  const expected = sent.map(({ codec, ...record }, id) => ({ ...record, ...producing.acked.get(id)! }));
  expect([...consuming.records].sort(byPosition)).toEqual(expected.sort(byPosition));
}

async function sharesOut(server: ServerProcess, client: Client, assignor: string): Promise<void> {
  const topic = await newTopic(server, 6);
  const members = [0, 1, 2].map(() => joinGroup(server, client, topic, { group: topic, assignor }));
  const shared = (by: readonly Consuming[]) =>
    until(`6 partitions shared by ${by.length}`, by, () => {
      const even = by.every(({ assigned }) => assigned.length === 6 / by.length);
      return even && new Set(by.flatMap(({ assigned }) => assigned)).size === 6;
    });
  const [leaver, dead, last] = members as [Consuming, Consuming, Consuming];
  let appended = 0;
  const append = async (count: number) => {
    const numbers = Array.from({ length: count }, () => appended++);
    for (const [partition, some] of Map.groupBy(numbers, (one) => one % 6)) {
      const records = some.map((one) => ({ value: one }));
      await apiOf(server.url).append(topic, records, { partition });
    }
  };
  const seen = () => members.flatMap(({ records }) => records.map(textOf));
  const seenBelow = (end: number) => seen().filter((value) => Number(value) < end).length;
  const allSeen = (what: string) =>
    until(`all ${appended} records ${what}`, members, () => new Set(seen()).size === appended);

  await shared(members);
  await append(60);
  await allSeen('of three');
  expect(members.every(({ records }) => records.length > 0)).toBe(true);
  await committed(server, topic);
  const ofThree = seenBelow(60);
  await leaver.leave(STEP_MS);
  await shared([dead, last]);
  await append(60);
  await allSeen('of two');
  await committed(server, topic);
  // What was committed when one left does not come again. What comes while members still share anew may: at least once.
  expect(seenBelow(60)).toBe(ofThree);
  const ofTwo = seenBelow(120);

  await append(30);
  await dead.kill();
  await append(30);
  await shared([last]);
  await allSeen('of one');
  // What came while one died may come twice, to its heir or to itself; what was committed before does not.
  expect(seenBelow(120)).toBe(ofTwo);
  await last.leave(STEP_MS);
}

async function comesBack(server: ServerProcess, client: Client): Promise<void> {
  const topic = await newTopic(server, 4);
  const member = (instance: string) =>
    joinGroup(server, client, topic, { group: topic, instance, session: LONG_SESSION_MS });
  const first = member('first');
  await until('4 partitions of 1', [first], () => first.assigned.length === 4);
  const other = member('other');
  const both = [first, other];
  await until('4 partitions shared by 2', both, () => both.every(({ assigned }) => assigned.length === 2));
  const append = async () => {
    const records = Array.from({ length: 8 }, (_, i) => ({ value: i }));
    for (const partition of [0, 1, 2, 3]) await apiOf(server.url).append(topic, records, { partition });
  };
  // Some clients join again as soon as they know more of the topic: who reads and commits has settled.
  await append();
  await Promise.all(both.map((one) => got(one, 'the records of two partitions', 16)));
  await committed(server, topic);
  const had = [...first.assigned].sort();
  const kept = [...other.assigned].sort();
  await first.kill();
  await append();
  const back = member('first');
  await Promise.all([got(back, 'what came meanwhile', 16), got(other, 'what came meanwhile', 32)]);
  expect([...back.assigned].sort()).toEqual(had);
  // Some clients' leaders have all share anew when they come back. Each must get what it had all the same.
  expect([...other.assigned].sort()).toEqual(kept);
  await Promise.all([back, other].map((one) => one.leave(STEP_MS)));
}

async function outlasts(client: Client, isFull: boolean): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'varve-client-'));
  let server = await start(folder);
  const port = server.kafka.split(':')[1]!;
  const restart = async () => {
    await server.kill();
    server = await start(folder, port);
  };
  try {
    const topic = await newTopic(server, 3);
    const options = { bootstrap: server.kafka, topic };
    const member = joinGroup(server, client, topic, { group: topic });
    const producing = produce(client, { ...options, idempotent: true });
    let numbers = 0;
    const send = (count: number) => {
      const more = Array.from({ length: count }, () => numbers++);
      producing.send(more.map((number) => ({ ...record(number % 3, String(number)), codec: 'none' })));
    };
    send(60);
    await poll('the first acknowledgements', STEP_MS, () => (producing.acked.size === 60 ? true : undefined));
    await got(member, 'the first records', 60);
    for (let kills = isFull ? 5 : 1; kills > 0; kills--) {
      const { size } = producing.acked;
      send(600);
      await poll('some acknowledgements', STEP_MS, () => (producing.acked.size > size ? true : undefined), 1);
      await restart();
    }
    await producing.finish(STEP_MS);
    await audit(server, topic, numbers, producing.acked);
    await until('all records', [member], () => new Set(member.records.map(textOf)).size === numbers);
    await committed(server, topic);
    await member.leave(STEP_MS);

    for (const [what, between] of [
      ['a restart of the client', async () => {}],
      ['a restart of both', restart],
    ] as const) {
      const records = Array.from({ length: 10 }, () => ({ value: what }));
      for (const partition of [0, 1, 2]) await apiOf(server.url).append(topic, records, { partition });
      await between();
      const resumed = joinGroup(server, client, topic, { group: topic });
      await got(resumed, `what came before ${what}`, 30);
      await committed(server, topic);
      await resumed.leave(STEP_MS);
      expect(resumed.records.map(textOf)).toEqual(Array.from({ length: 30 }, () => JSON.stringify(what)));
    }
  } finally {
    await server.kill();
    await rm(folder, { recursive: true, force: true });
  }
}

interface Joining {
  group?: string;
  assignor?: string;
  instance?: string;
  session?: number;
}

let groups = 0;
function joinGroup(server: ServerProcess, client: Client, topic: string, joining: Joining = {}): Consuming {
  const group = joining.group ?? `group-${groups++}`;
  const assignor = joining.assignor ?? client.assignors[0]!;
  const { instance, session = SESSION_MS } = joining;
  const options = { bootstrap: server.kafka, topic, group, assignor, session };
  return consume(client, { ...options, ...(instance !== undefined && { instance }) });
}

/** Resolves when `holds`; rejects with what the members have and have complained of when that takes too long. */
async function until(what: string, members: readonly Consuming[], holds: () => boolean): Promise<void> {
  try {
    await poll(what, STEP_MS, () => (holds() ? true : undefined));
  } catch (error) {
    const have = members.map(
      ({ assigned, records, complaints }) => `[${assigned}]: ${records.length} records\n${complaints()}`,
    );
    throw new Error(`${error instanceof Error ? error.message : error}\n${have.join('\n')}`);
  }
}

/** Resolves when as many records have come. */
function got(consuming: Consuming, what: string, count: number): Promise<void> {
  return until(what, [consuming], () => consuming.records.length >= count);
}

/** Resolves when the group that is called like the topic has committed all that is there. */
async function committed({ url }: ServerProcess, topic: string): Promise<void> {
  await poll('commits of all that was read', STEP_MS, async () => {
    const answer = await fetch(`${url}/api/groups/${topic}/offsets`);
    if (!answer.ok) return undefined;
    const { offsets } = (await answer.json()) as { offsets: { lag: number }[] };
    return offsets.length > 0 && offsets.every(({ lag }) => lag === 0) ? true : undefined;
  });
}

const textOf = ({ value }: WireReceived) => Buffer.from(value ?? '', 'base64').toString();

function record(partition: number, value: string): WireRecord {
  return { partition, timestamp: Date.now(), key: null, value: Buffer.from(value).toString('base64'), headers: [] };
}

function byPosition(a: WireReceived, b: WireReceived): number {
  return a.partition - b.partition || a.offset - b.offset;
}

/** Every number once, in order, where its acknowledgement says. */
async function audit(
  { url }: ServerProcess,
  topic: string,
  numbers: number,
  acked: ReadonlyMap<number, { partition: number; offset: number }>,
): Promise<void> {
  for (const partition of [0, 1, 2]) {
    const found: string[] = [];
    for await (const { offset, value } of apiOf(url).readAll(topic, partition)) {
      expect(offset).toBe(found.length);
      found.push(String(value));
    }
    const mine = Array.from({ length: numbers }, (_, i) => i).filter((number) => number % 3 === partition);
    expect(found).toEqual(mine.map(String));
    for (const [offset, number] of mine.entries()) expect(acked.get(number)).toEqual({ partition, offset });
  }
}
