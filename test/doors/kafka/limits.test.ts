import { once } from 'node:events';
import { connect } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { apiVersions } from '../../../lib/doors/kafka/apis/api-versions.ts';
import { fetch } from '../../../lib/doors/kafka/apis/fetch.ts';
import { heartbeat } from '../../../lib/doors/kafka/apis/heartbeat.ts';
import { joinGroup } from '../../../lib/doors/kafka/apis/join-group.ts';
import { leaveGroup } from '../../../lib/doors/kafka/apis/leave-group.ts';
import { metadata } from '../../../lib/doors/kafka/apis/metadata.ts';
import { produce } from '../../../lib/doors/kafka/apis/produce.ts';
import { syncGroup } from '../../../lib/doors/kafka/apis/sync-group.ts';
import { createBudget } from '../../../lib/doors/kafka/budget.ts';
import { numberOf } from '../../../lib/doors/kafka/failures.ts';
import { createFrameCutter } from '../../../lib/doors/kafka/frames.ts';
import { poll } from '../../support/poll.ts';
import { connectRaw, type RawClient, startGateway, type TestGateway } from './gateway.ts';
import { batchOf } from './records.ts';

const MIB = 1024 * 1024;

let gateway: TestGateway;
afterEach(() => gateway?.close());

const reach = () => connectRaw(gateway.gateway.port);

async function isServed(client: RawClient): Promise<boolean> {
  return (await client.call(apiVersions, 0, {})).errorCode === 0;
}

/** A client that has sent this much of a large frame, and has been read. */
async function sendsPart(bytes: number) {
  const socket = connect(gateway.gateway.port, '127.0.0.1');
  socket.on('error', () => {});
  const length = Buffer.alloc(4);
  length.writeInt32BE(90 * MIB);
  socket.write(length);
  await new Promise((sent) => socket.write(Buffer.alloc(bytes), sent));
  return socket;
}

const fetchOf = (topic: string, fetchOffset: number, { maxBytes = 8 * MIB, maxWaitMs = 0 } = {}) => ({
  replicaId: -1,
  maxWaitMs,
  minBytes: 1,
  maxBytes,
  isolationLevel: 0,
  topics: [{ topic, partitions: [{ partition: 0, fetchOffset, partitionMaxBytes: maxBytes }] }],
});

/** A topic of so many records of a MiB. */
async function topicOf(name: string, records: number): Promise<void> {
  await gateway.log.topics.create(name);
  for (let i = 0; i < records; i++) await gateway.log.append(name, [{ value: Buffer.alloc(MIB - 1_000) }]);
}

test('groups that somebody only names do not keep others out', async () => {
  gateway = await startGateway([], { groups: 3 });
  const client = await reach();
  const beat = async (groupId: string) =>
    (await client.call(heartbeat, 3, { groupId, generationId: 1, memberId: 'nobody' })).errorCode;
  for (let i = 0; i < 5; i++) expect(await beat(`made-up-${i}`)).toBe(numberOf('UNKNOWN_MEMBER_ID'));
  client.end();
});

test('what members of groups say is bounded, and there is room again when they have gone', async () => {
  gateway = await startGateway([], { groupBytes: MIB });
  const client = await reach();
  const join = (groupId: string, bytes: number) =>
    client.call(joinGroup, 3, {
      groupId,
      sessionTimeoutMs: 10_000,
      rebalanceTimeoutMs: 10_000,
      memberId: '',
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata: new Uint8Array(bytes) }],
    });
  const first = await join('first', MIB / 2);
  expect(first.errorCode).toBe(0);
  expect((await join('second', MIB / 2)).errorCode).toBe(numberOf('COORDINATOR_NOT_AVAILABLE'));
  expect((await join('second', 1_000)).errorCode).toBe(0);

  const assignment = new Uint8Array(MIB / 2);
  const sync = { groupId: 'first', generationId: first.generationId, memberId: first.memberId };
  const { errorCode } = await client.call(syncGroup, 2, {
    ...sync,
    assignments: [{ memberId: first.memberId, assignment }],
  });
  expect(errorCode).toBe(numberOf('COORDINATOR_NOT_AVAILABLE'));

  await client.call(leaveGroup, 2, { groupId: 'first', memberId: first.memberId });
  expect((await join('third', MIB / 2)).errorCode).toBe(0);
  client.end();
});

test('ids that are given to clients which never come back count', async () => {
  gateway = await startGateway([], { groupBytes: 8 * 1024 });
  const client = await reach();
  const protocols = [{ name: 'range', metadata: new Uint8Array(0) }];
  const answers: number[] = [];
  for (let i = 0; i < 10; i++) {
    const request = { groupId: 'g', sessionTimeoutMs: 10_000, rebalanceTimeoutMs: 10_000, memberId: '', protocols };
    answers.push((await client.call(joinGroup, 4, { ...request, protocolType: 'consumer' })).errorCode);
  }
  expect(answers[0]).toBe(numberOf('MEMBER_ID_REQUIRED'));
  expect(answers.at(-1)).toBe(numberOf('COORDINATOR_NOT_AVAILABLE'));
  client.end();
});

describe('requests in memory', () => {
  test('who holds all of it with requests that never come whole is cut off, and the others are served', async () => {
    gateway = await startGateway([], { requestBytes: 4 * MIB });
    const good = await reach();
    const slow = await sendsPart(3 * MIB);
    const slower = await sendsPart(MIB);
    await once(slow, 'close');
    expect(await isServed(good)).toBe(true);
    expect(slower.destroyed).toBe(false);
    slower.destroy();
    good.end();
  });

  test('many that come at once are answered, or their connections end, and then there is room again', async () => {
    gateway = await startGateway([], { requestBytes: 2 * MIB });
    await gateway.log.topics.create('t');
    const clients = await Promise.all(Array.from({ length: 20 }, reach));
    const value = 'x'.repeat(500_000);
    const sent = clients.map((client) =>
      client.call(produce, 9, {
        acks: -1,
        timeoutMs: 20_000,
        topicData: [{ name: 't', partitionData: [{ index: 0, records: [batchOf([value])] }] }],
      }),
    );
    const settled = await Promise.allSettled(sent);
    const answered = settled.filter(({ status }) => status === 'fulfilled');
    expect((await gateway.log.offsets('t', 0)).latest).toBe(answered.length);
    expect(answered.length).toBeGreaterThan(0);
    const last = await reach();
    expect(await isServed(last)).toBe(true);
    for (const client of [...clients, last]) client.end();
  });

  test('a frame in tiny pieces takes no more memory than its bytes', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const cutter = createFrameCutter(MIB);
    collect();
    const before = process.memoryUsage().arrayBuffers;
    const prefix = Buffer.alloc(4);
    prefix.writeInt32BE(MIB);
    expect([...cutter.push(prefix)]).toEqual([]);
    for (let i = 0; i < 2_000; i++) expect([...cutter.push(Buffer.alloc(32_768).subarray(0, 1))]).toEqual([]);
    expect(cutter.held).toBe(2_004);
    // What is collected is given back by a thread that comes to it when it can.
    await poll('little enough is held', 20_000, () => {
      collect();
      return process.memoryUsage().arrayBuffers - before < 10 * MIB || undefined;
    });
  });
});

describe('answers in memory', () => {
  test('who waits for records leaves the room to those who read', async () => {
    gateway = await startGateway([], { answerBytes: 16 * MIB });
    await topicOf('full', 4);
    await gateway.log.topics.create('empty');
    const waiting = await Promise.all(Array.from({ length: 20 }, reach));
    for (const client of waiting) client.send(fetch, 11, fetchOf('empty', 0, { maxWaitMs: 60_000 }));
    for (const client of waiting) client.send(apiVersions, 0, {});
    const reader = await reach();
    const { responses } = await reader.call(fetch, 11, fetchOf('full', 0));
    expect(responses[0]!.partitions[0]!.records!.length).toBeGreaterThan(3 * MIB);
    for (const client of [...waiting, reader]) client.end();
  });

  test('when slow clients hold too much of it, those who have held something longest are cut off', () => {
    const budget = createBudget(100, 200);
    const cut: string[] = [];
    const [first] = ['first', 'second', 'third', 'fourth'].map((name) => budget.hold(60, () => cut.push(name)));
    expect(cut).toEqual(['first']);
    first!();
    expect(budget.held).toBe(180);
    budget.hold(100, () => cut.push('fifth'));
    expect(cut).toEqual(['first', 'second', 'third']);
    expect(budget.held).toBe(160);
  });

  test('who takes nothing of an answer is cut off in the end', async () => {
    gateway = await startGateway([], { stalled: 200 });
    // More than what the system takes in the client's place.
    await topicOf('full', 17);
    const client = await reach();
    client.socket.pause();
    client.send(fetch, 11, fetchOf('full', 0, { maxBytes: 16 * MIB }));
    // A client that does not read learns of the end when it writes.
    await poll('the connection is gone', 20_000, () => {
      client.send(apiVersions, 0, {});
      return client.socket.destroyed ? true : undefined;
    });
  });

  test('who sends a byte of a request now and then is cut off in the end', async () => {
    gateway = await startGateway([], { stalled: 200 });
    const socket = await sendsPart(1);
    await poll('the connection is gone', 20_000, () => {
      socket.write('x');
      return socket.destroyed ? true : undefined;
    });
  });
});

describe('the end of a connection', () => {
  test('what came whole before something malformed is answered', async () => {
    gateway = await startGateway();
    const client = await reach();
    const whole = [client.call(apiVersions, 0, {}), client.call(apiVersions, 0, {})];
    client.socket.write(Buffer.from('80000000', 'hex'));
    for (const { errorCode } of await Promise.all(whole)) expect(errorCode).toBe(0);
    await client.closed;
  });

  test('a gateway that closes answers what it took, and ends without a reset though more has come', async () => {
    gateway = await startGateway([], { unanswered: 1 });
    await gateway.log.topics.create('t');
    const client = await reach();
    let failure: Error | undefined;
    client.socket.on('error', (error) => {
      failure = error;
    });
    client.socket.cork();
    const written = client.call(produce, 9, {
      acks: -1,
      timeoutMs: 20_000,
      topicData: [{ name: 't', partitionData: [{ index: 0, records: [batchOf(['first'])] }] }],
    });
    const waits = client.call(fetch, 11, fetchOf('t', 1, { maxWaitMs: 60_000 }));
    client.socket.uncork();
    await poll('both have been read', 10_000, async () =>
      (await gateway.log.offsets('t', 0)).latest === 1 ? true : undefined,
    );
    // Most of these are not read: the connection has its limit of requests.
    const more = Array.from({ length: 50_000 }, () => client.call(apiVersions, 0, {}));
    const settled = Promise.allSettled(more);
    await gateway.gateway.close(10_000);
    expect((await written).responses[0]!.partitionResponses[0]!.errorCode).toBe(0);
    expect((await waits).responses[0]!.partitions[0]!.errorCode).toBe(0);
    await client.closed;
    expect(failure).toBeUndefined();
    expect((await settled).at(-1)!.status).toBe('rejected');
    await gateway.log.close();
  });
});

describe('requests that name very many things', () => {
  test('topics by ids that nobody has are looked for once, all together', async () => {
    gateway = await startGateway();
    await gateway.log.topics.create('t');
    const { id } = await gateway.log.topics.describe('t');
    const client = await reach();
    const list = vi.spyOn(gateway.log.topics, 'list');
    const unknown = Array.from({ length: 5_000 }, (_, i) => `00000000-0000-4000-8000-${String(i).padStart(12, '0')}`);
    const { topics } = await client.call(metadata, 12, {
      topics: [...unknown, id].map((topicId) => ({ name: null, topicId })),
    });
    expect(topics.at(-1)).toMatchObject({ errorCode: 0, name: 't' });
    expect(topics[0]!.errorCode).toBe(numberOf('UNKNOWN_TOPIC_ID'));
    expect(list).toHaveBeenCalledTimes(1);
    client.end();
  });
});
