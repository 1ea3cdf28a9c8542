import { request } from 'node:http';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { EventLog } from '../../../lib/log/event-log.ts';
import { startProcesses } from '../../log/groups/processes.ts';
import { type TravelClock, travelClock } from '../../support/clock.ts';
import { poll } from '../../support/poll.ts';
import { type Answered, type RunningDoor, runDoor } from './running-door.ts';

const V2 = 'application/vnd.kafka.v2+json';
const JSON_TYPE = 'application/vnd.kafka.json.v2+json';
const BINARY_TYPE = 'application/vnd.kafka.binary.v2+json';
const PATIENCE = 20_000;
const base64 = (text: string) => Buffer.from(text).toString('base64');

/** Two servers over one log's stores, each request of an instance to the other one. */
interface Servers {
  log: EventLog;
  ask(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answered>;
  close(): Promise<void>;
}

async function startServers(clock: TravelClock): Promise<Servers> {
  const processes = await startProcesses();
  const doors: RunningDoor[] = [];
  for (let i = 0; i < 2; i++) doors.push(await runDoor({ log: processes.start({ clock }), clock }));
  let requests = 0;
  return {
    log: doors[0]!.log,
    ask: (method, path, body, headers) =>
      doors[requests++ % 2]!.ask(method, path, body, { ...(body !== undefined && { 'content-type': V2 }), ...headers }),
    async close() {
      await Promise.all(doors.map((door) => door.close()));
      await processes.close();
    },
  };
}

describe('consumer instances of REST Proxy v2', () => {
  let clock: TravelClock;
  let servers: Servers;
  beforeEach(async () => {
    clock = travelClock();
    servers = await startServers(clock);
    await servers.log.topics.create('orders', { partitions: 8 });
  });
  afterEach(() => servers.close());

  const ask: Servers['ask'] = (...args) => servers.ask(...args);
  const append = (from: number, to: number, partition?: number) =>
    servers.log.append(
      'orders',
      Array.from({ length: to - from }, (_, i) => ({
        value: String(from + i),
        partition: partition ?? (from + i) % 8,
      })),
    );

  async function create(config: object = {}, group = 'billing'): Promise<string> {
    const answer = await ask('POST', `/consumers/${group}`, { 'auto.offset.reset': 'earliest', ...config });
    expect(answer.status).toBe(200);
    return new URL(answer.body.base_uri).pathname;
  }
  async function subscribed(config: object = {}): Promise<string> {
    const at = await create(config);
    expect((await ask('POST', `${at}/subscription`, { topics: ['orders'] })).status).toBe(204);
    return at;
  }
  const read = async (
    at: string,
    query = 'timeout=0',
  ): Promise<{ partition: number; offset: number; value: string }[]> => {
    const answer = await ask('GET', `${at}/records?${query}`);
    expect([answer.status, answer.status === 200 ? '' : answer.body]).toEqual([200, '']);
    return answer.body;
  };
  /** As many as there are to come: a server may not know at once what another has appended. */
  async function readAll(at: string, count: number) {
    const all: Awaited<ReturnType<typeof read>> = [];
    while (all.length < count) all.push(...(await read(at, 'timeout=2000')));
    return all;
  }
  const errorOf = async (method: string, path: string, body?: unknown, headers?: Record<string, string>) => {
    const answer = await ask(method, path, body, headers);
    return [answer.status, answer.body?.error_code];
  };

  test('live through their whole life, whichever server is asked', async () => {
    await append(0, 20);
    const made = await ask('POST', '/consumers/billing', {
      name: 'one',
      format: 'json',
      'auto.offset.reset': 'earliest',
      'auto.commit.enable': 'false',
      'fetch.min.bytes': '1',
      'consumer.request.timeout.ms': 0,
    });
    expect(made.headers.get('content-type')).toBe(V2);
    expect(made.body).toEqual({
      instance_id: 'one',
      base_uri: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/consumers\/billing\/instances\/one$/),
    });
    const at = '/consumers/billing/instances/one';
    expect((await ask('GET', `${at}/subscription`)).body).toEqual({ topics: [] });
    expect((await ask('GET', `${at}/assignments`)).body).toEqual({ partitions: [] });

    expect(await ask('POST', `${at}/subscription`, { topics: ['orders'] })).toMatchObject({
      status: 204,
      body: undefined,
    });
    expect((await ask('GET', `${at}/subscription`)).body).toEqual({ topics: ['orders'] });

    const first = await ask('GET', `${at}/records`, undefined, { accept: JSON_TYPE });
    expect(first.headers.get('content-type')).toBe(JSON_TYPE);
    expect(first.body).toHaveLength(20);
    expect(first.body[0]).toEqual({
      topic: 'orders',
      key: null,
      value: 0,
      partition: 0,
      offset: 0,
      timestamp: expect.any(Number),
    });
    expect((await ask('GET', `${at}/assignments`)).body.partitions).toHaveLength(8);
    expect(await read(at)).toEqual([]);

    expect(await ask('POST', `${at}/offsets`)).toMatchObject({ status: 200, body: [] });
    expect((await ask('GET', `${at}/offsets`)).body.offsets).toContainEqual({
      topic: 'orders',
      partition: 0,
      offset: 3,
      metadata: '',
    });

    await append(20, 28);
    expect(await readAll(at, 8)).toHaveLength(8);
    expect((await ask('POST', `${at}/offsets`, {})).status).toBe(200);
    const { offsets: committed } = (await ask('GET', `${at}/offsets`)).body;
    expect(committed.reduce((sum: number, { offset }: { offset: number }) => sum + offset, 0)).toBe(28);
    expect(
      (await ask('POST', `${at}/offsets`, { offsets: [{ topic: 'orders', partition: 1, offset: 2, metadata: 'm' }] }))
        .status,
    ).toBe(200);
    expect((await ask('GET', '/api/groups/billing/offsets')).body.offsets).toContainEqual(
      expect.objectContaining({ partition: 1, offset: 3, metadata: 'm' }),
    );

    expect(await ask('DELETE', at)).toMatchObject({ status: 204, body: undefined });
    expect(await errorOf('GET', `${at}/records`)).toEqual([404, 40403]);
    // What was left is free at once, and goes on where it was committed
    const next = await subscribed();
    expect(
      (await read(next, 'timeout=10000')).filter(({ partition }) => partition === 1).map(({ offset }) => offset),
    ).toEqual([3]);
  });

  test('commit by themselves what the poll before gave, unless they are told not to', async () => {
    await append(0, 16);
    const at = await subscribed();
    expect(await read(at)).toHaveLength(16);
    expect((await ask('GET', '/api/groups/billing/offsets')).body.offsets?.[0]?.offset ?? 0).toBe(0);

    expect(await read(at)).toEqual([]);

    const { offsets } = (await ask('GET', '/api/groups/billing/offsets')).body;
    expect(offsets.map(({ offset, lag }: { offset: number; lag: number }) => [offset, lag])).toEqual(
      Array(8).fill([2, 0]),
    );
    await append(16, 24);
    await readAll(at, 8);
    await ask('DELETE', at);
    expect((await servers.log.groups.lag('billing')).every(({ lag }) => lag === 0)).toBe(true);
  });

  test('give what fits, partition by partition in order, and go on there', async () => {
    for (let partition = 0; partition < 3; partition++) await append(0, 50, partition);
    const at = await subscribed({ 'auto.commit.enable': false });
    const seen: { partition: number; offset: number }[] = [];
    while (seen.length < 150) {
      const some = await read(at, 'timeout=0&max_bytes=30');
      expect(some.length).toBeGreaterThan(0);
      expect(some.length).toBeLessThanOrEqual(40);
      seen.push(...some);
    }
    for (const [, own] of Map.groupBy(seen, ({ partition }) => partition)) {
      expect(own.map(({ offset }) => offset)).toEqual([...Array(50).keys()]);
    }
  });

  test('wait for what comes', async () => {
    const at = await subscribed();
    await read(at);
    const waiting = read(at, 'timeout=20000');
    await append(0, 1);
    expect(await waiting).toMatchObject([{ value: base64('0') }]);
  });

  test('three share 8 partitions; when one vanishes the others take over within the session time-out', async () => {
    await append(0, 80);
    const config = { 'session.timeout.ms': 10_000, 'auto.commit.enable': false };
    const all = [await subscribed(config), await subscribed(config), await subscribed(config)];
    const partitionsOf = async (at: string) =>
      (await ask('GET', `${at}/assignments`)).body.partitions.map(({ partition }: { partition: number }) => partition);
    const seen = new Map<string, Set<string>>(all.map((at) => [at, new Set()]));
    const share = async (some: string[]) => {
      for (const at of some) {
        for (const { partition, offset } of await read(at)) seen.get(at)!.add(`${partition}-${offset}`);
        await ask('POST', `${at}/offsets`);
      }
      const have: number[][] = [];
      for (const at of some) have.push(await partitionsOf(at));
      return have;
    };
    const even = async (some: string[]) =>
      poll('all is shared', PATIENCE, async () => {
        clock.advance(1_000);
        const have = await share(some);
        const isEven = Math.max(...have.map((one) => one.length)) - Math.min(...have.map((one) => one.length)) <= 1;
        return new Set(have.flat()).size === 8 && have.flat().length === 8 && isEven ? have : undefined;
      });

    const three = await even(all);
    expect(three.map((one) => one.length).sort()).toEqual([2, 3, 3]);
    const [vanished, ...left] = all;
    const two = await even(left);
    expect(two.flat().sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);

    await append(80, 160);
    await poll('all is read', PATIENCE, async () => {
      await share(left);
      return new Set([...seen.values()].flatMap((one) => [...one])).size === 160 || undefined;
    });
    // Who vanished is a member again when it comes back
    await even([vanished!, ...left]);
  });

  test('are forgotten when nothing is heard of them for five minutes', async () => {
    const at = await create({ name: 'one' });
    expect(await errorOf('POST', '/consumers/billing', { name: 'one' })).toEqual([409, 40902]);
    expect((await ask('POST', '/consumers/billing', { name: 'one' })).body.message).toMatch(
      /^Consumer .* already exists/,
    );
    clock.advance(300_001);
    expect(await errorOf('GET', `${at}/subscription`)).toEqual([404, 40403]);
    await create({ name: 'one' });
  });

  test('read what is assigned to them, from where they are told', async () => {
    for (let partition = 0; partition < 3; partition++) await append(0, 10, partition);
    const at = await create({ 'auto.commit.enable': 'false' });
    const of = (partition: number) => ({ topic: 'orders', partition });
    expect((await ask('POST', `${at}/assignments`, { partitions: [of(0), of(2)] })).status).toBe(204);
    expect((await ask('GET', `${at}/assignments`)).body).toEqual({ partitions: [of(0), of(2)] });
    expect(await read(at)).toHaveLength(20);

    expect((await ask('POST', `${at}/positions`, { offsets: [{ ...of(2), offset: 7 }] })).status).toBe(204);
    expect((await read(at)).map(({ offset }) => offset)).toEqual([7, 8, 9]);
    expect((await ask('POST', `${at}/positions/beginning`, { partitions: [of(0)] })).status).toBe(204);
    expect(await read(at)).toHaveLength(10);
    await ask('POST', `${at}/positions/beginning`, { partitions: [of(0), of(2)] });
    expect((await ask('POST', `${at}/positions/end`, { partitions: [of(0), of(2)] })).status).toBe(204);
    expect(await read(at)).toEqual([]);

    const [early, late] = ['1970-01-01T00:00:00Z', '9999-01-01T00:00:00+01:00'];
    const timestamps = [
      { ...of(0), timestamp: early, metadata: 'why' },
      { ...of(2), timestamp: late },
    ];
    expect((await ask('POST', `${at}/positions`, { timestamps })).status).toBe(204);
    expect((await read(at)).map(({ partition }) => partition)).toEqual(Array(10).fill(0));
    const both = { offsets: [{ ...of(2), offset: 9 }], timestamps: [{ ...of(0), timestamp: late }] };
    expect((await ask('POST', `${at}/positions`, both)).status).toBe(204);
    expect((await read(at)).map(({ partition, offset }) => [partition, offset])).toEqual([[2, 9]]);
    for (const wrong of [{}, { timestamps: [{ ...of(0), timestamp: 'soon' }] }]) {
      expect(await errorOf('POST', `${at}/positions`, wrong)).toEqual([422, 422]);
    }

    await ask('POST', `${at}/offsets`, { offsets: [{ ...of(0), offset: 4 }] });
    expect(await servers.log.groups.offsets('billing')).toEqual([{ ...of(0), offset: 5 }]);
    expect(await errorOf('POST', `${at}/positions`, { offsets: [{ ...of(1), offset: 7 }] })).toEqual([409, 40903]);
    expect(await errorOf('POST', `${at}/subscription`, { topics: ['orders'] })).toEqual([409, 40903]);
    expect((await ask('DELETE', `${at}/assignments`)).status).toBe(204);
    expect((await ask('POST', `${at}/subscription`, { topics: ['orders'] })).status).toBe(204);
    expect(await errorOf('POST', `${at}/assignments`, { partitions: [of(0)] })).toEqual([409, 40903]);
    expect((await ask('DELETE', `${at}/subscription`)).status).toBe(204);
    expect(await errorOf('GET', `${at}/records`)).toEqual([409, 40903]);
  });

  test('subscribe to topics by a pattern, and to those that come later', async () => {
    await servers.log.topics.create('bills-eu', { partitions: 1 });
    const at = await create();
    expect((await ask('POST', `${at}/subscription`, { topic_pattern: 'bills-.*' })).status).toBe(204);
    expect((await ask('GET', `${at}/subscription`)).body).toEqual({ topics: ['bills-eu'] });
    await servers.log.append('bills-eu', [{ value: 'a' }]);
    expect(await read(at)).toMatchObject([{ topic: 'bills-eu' }]);

    await servers.log.topics.create('bills-us', { partitions: 1 });
    await servers.log.append('bills-us', [{ value: 'b' }]);
    clock.advance(31_000);
    expect(await read(at)).toMatchObject([{ topic: 'bills-us' }]);
    expect(await errorOf('POST', `${at}/subscription`, { topics: ['orders'] })).toEqual([409, 40903]);
    await ask('DELETE', `${at}/subscription`);
    expect(await errorOf('POST', `${at}/subscription`, { topic_pattern: '(' })).toEqual([422, 42216]);
  });

  test('see the committed offsets that are asked for in the body of a GET', async () => {
    await append(0, 16);
    await servers.log.groups.commit('billing', [
      { topic: 'orders', partition: 1, offset: 1, metadata: 'm' },
      { topic: 'orders', partition: 2, offset: 2 },
    ]);
    const at = await create();
    const door = await runDoor({ log: servers.log });
    const body = JSON.stringify({
      partitions: [
        { topic: 'orders', partition: 1 },
        { topic: 'orders', partition: 3 },
      ],
    });
    const answered = await new Promise<string>((resolve, reject) => {
      const headers = { 'content-type': V2, 'content-length': Buffer.byteLength(body) };
      const asking = request(`${door.url}${at}/offsets`, { method: 'GET', headers }, async (response) => {
        resolve(Buffer.concat(await response.toArray()).toString());
      });
      asking.on('error', reject);
      asking.end(body);
    });
    expect(JSON.parse(answered)).toEqual({ offsets: [{ topic: 'orders', partition: 1, offset: 1, metadata: 'm' }] });
  });

  test('and the consumers of the library are members of the same groups, coordinators stay out', async () => {
    await append(0, 80);
    const at = await subscribed();
    const library = servers.log.consumer({ group: 'billing', topics: ['orders'] });
    const batches = (async () => {
      for await (const batch of library) await batch.commit().catch(() => {});
    })();
    await poll('both have a half', PATIENCE, async () => {
      clock.advance(1_000);
      await read(at);
      const { partitions } = (await ask('GET', `${at}/assignments`)).body;
      return partitions.length === 4 && library.assignment().length === 4 ? true : undefined;
    });
    await expect(servers.log.groups.coordinateAs(0).hold('billing')).rejects.toMatchObject({ code: 'NON_EMPTY_GROUP' });
    const other = await create({});
    await ask('POST', `${other}/assignments`, { partitions: [{ topic: 'orders', partition: 0 }] });
    expect(
      await errorOf('POST', `${other}/offsets`, { offsets: [{ topic: 'orders', partition: 0, offset: 1 }] }),
    ).toEqual([409, 40916]);
    await library.close();
    await batches;
    await ask('DELETE', at);

    const held = await servers.log.groups.coordinateAs(0).hold('billing');
    const late = await subscribed();
    expect(await errorOf('GET', `${late}/records`)).toEqual([409, 40916]);
    await held.release();
    await read(late);
  });

  test.each([
    ['POST', '/consumers/billing', { format: 'avro' }, 422, 42204],
    ['POST', '/consumers/billing', { 'auto.offset.reset': 'now' }, 422, 42204],
    ['POST', '/consumers/billing', { 'auto.commit.enable': 'maybe' }, 422, 42204],
    ['POST', '/consumers/billing', { 'session.timeout.ms': 1 }, 422, 42204],
    ['POST', '/consumers/billing', { name: 'a/b' }, 422, 42204],
    ['POST', '/consumers/billing', { name: '__proto__' }, 422, 42204],
    ['POST', '/consumers/billing', { maxWindowSize: 1 }, 422, 422],
    ['POST', '/consumers/a%0Ab', {}, 422, 42212],
    ['DELETE', '/consumers/billing/instances/none', undefined, 404, 40403],
    ['POST', '/consumers/billing/instances/none/subscription', { topics: ['orders'] }, 404, 40403],
    ['GET', '/consumers/billing/instances/none/subscription', undefined, 404, 40403],
    ['DELETE', '/consumers/billing/instances/none/subscription', undefined, 404, 40403],
    ['POST', '/consumers/billing/instances/none/assignments', { partitions: [] }, 404, 40403],
    ['GET', '/consumers/billing/instances/none/assignments', undefined, 404, 40403],
    ['GET', '/consumers/billing/instances/none/records', undefined, 404, 40403],
    ['POST', '/consumers/billing/instances/none/offsets', undefined, 404, 40403],
    ['GET', '/consumers/billing/instances/none/offsets', undefined, 404, 40403],
    ['POST', '/consumers/billing/instances/none/positions', { offsets: [] }, 404, 40403],
    ['POST', '/consumers/billing/instances/none/positions/end', { partitions: [] }, 404, 40403],
  ] as const)('%s %s %j is %d, %d', async (method, path, body, status, code) => {
    expect(await errorOf(method, path, body)).toEqual([status, code]);
  });

  test.each([
    ['POST', 'subscription', {}, 422, 422],
    ['POST', 'subscription', { topics: ['a'], topic_pattern: 'a' }, 409, 40903],
    ['POST', 'subscription', { topics: ['a'], pattern: 'a' }, 422, 422],
    ['POST', 'assignments', { partitions: [{ topic: 'none', partition: 0 }] }, 404, 40401],
    ['POST', 'assignments', { partitions: [{ topic: 'orders', partition: 8 }] }, 404, 40402],
    ['POST', 'offsets', { offsets: [{ topic: 'none', partition: 0, offset: 0 }] }, 404, 40401],
    ['POST', 'offsets', { offsets: [{ topic: 'orders', partition: 8, offset: 0 }] }, 404, 40402],
    ['GET', 'records', undefined, 409, 40903],
    ['GET', 'records?timeout=soon', undefined, 422, 42220],
    ['PUT', 'records', undefined, 405, 405],
  ] as const)('%s .../%s %j is %d, %d', async (method, path, body, status, code) => {
    const at = await create();
    expect(await errorOf(method, `${at}/${path}`, body)).toEqual([status, code]);
  });

  test('give records in their own format, and in no other', async () => {
    await append(0, 1);
    const at = await subscribed();
    expect(await errorOf('GET', `${at}/records`, undefined, { accept: JSON_TYPE })).toEqual([406, 40601]);
    const answer = await ask('GET', `${at}/records`, undefined, { accept: `${BINARY_TYPE}, ${V2}; q=0.5` });
    expect(answer.headers.get('content-type')).toBe(BINARY_TYPE);
    expect(answer.body).toMatchObject([{ value: base64('0') }]);
    expect(await errorOf('POST', `${at}/offsets`, '{}', { 'content-type': 'text/plain' })).toEqual([415, 415]);
  });
});
