import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { connect, type NewRecord } from '../../lib/client/client.ts';
import type { Clock } from '../../lib/clock.ts';
import { type RunningDoor, runDoor } from '../doors/http/running-door.ts';
import { brokenFetch } from './broken-fetch.ts';

let door: RunningDoor;

beforeEach(async () => {
  door = await runDoor();
  await door.log.topics.create('orders', { partitions: 4 });
});

afterEach(() => door.close());

/** Pauses take no time. */
const hasty: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  schedule(ms, run) {
    const timer = setTimeout(run, ms > 10_000 ? ms : 0);
    return () => clearTimeout(timer);
  },
};

async function valuesOf(topic: string, partition: number): Promise<unknown[]> {
  const values: unknown[] = [];
  for await (const record of connect(door.url).read(topic, { partition, follow: false })) values.push(record.value);
  return values;
}

test('appends where the door would, and answers in the order of the records', async () => {
  const records: NewRecord[] = Array.from({ length: 200 }, (_, index) => ({ key: `k${index % 50}ü`, value: index }));
  records.push({ key_base64: '/wD/', value: 'bytes' }, { partition: 2, key: 'k0ü', value: 'fixed' });
  const byDoor = await connect(door.url).append('orders', records);

  const byProducer = await connect(door.url).producer().append('orders', records);

  expect(byProducer.map(({ partition }) => partition)).toEqual(byDoor.map(({ partition }) => partition));
  for (const [index, { partition, offset }] of byProducer.entries()) {
    expect((await valuesOf('orders', partition))[offset]).toEqual(records[index]!.value);
  }
});

test('records without a key go to one partition a call, and to every partition in turn', async () => {
  const producer = connect(door.url).producer();

  const partitions = [];
  for (let call = 0; call < 4; call++) {
    const appended = await producer.append('orders', [{ value: 1 }, { value: 2 }, { value: 3 }]);
    expect(new Set(appended.map(({ partition }) => partition)).size).toBe(1);
    partitions.push(appended[0]!.partition);
  }

  expect(partitions.sort()).toEqual([0, 1, 2, 3]);
});

test('calls that wait go together, and each is answered with its own', async () => {
  let requests = 0;
  const counting: typeof fetch = (input, init) => {
    requests += String(input).includes('/records') ? 1 : 0;
    return fetch(input, init);
  };
  const producer = connect(door.url, { fetch: counting }).producer();

  const answers = await Promise.all(
    Array.from({ length: 500 }, (_, index) => producer.append('orders', [{ partition: 0, value: index }])),
  );

  expect(answers.map(([answer]) => answer!.offset)).toEqual(Array.from({ length: 500 }, (_, index) => index));
  expect(await valuesOf('orders', 0)).toEqual(Array.from({ length: 500 }, (_, index) => index));
  expect(requests).toBeLessThan(10);
});

test('more than a batch may hold goes in several, in order', async () => {
  const values = Array.from({ length: 30 }, (_, index) => `${index} ${'ж'.repeat(50_000)}`);

  await connect(door.url)
    .producer()
    .append(
      'orders',
      values.map((value) => ({ partition: 1, value })),
    );

  expect(await valuesOf('orders', 1)).toEqual(values);
});

test('keeps below the max.message.bytes of the topic', async () => {
  await door.log.topics.create('small', { config: { 'max.message.bytes': '5000' } });
  const values = Array.from({ length: 100 }, (_, index) => `${index} ${'x'.repeat(500)}`);

  await connect(door.url)
    .producer()
    .append(
      'small',
      values.map((value) => ({ value })),
    );

  expect(await valuesOf('small', 0)).toEqual(values);
});

describe('over a network that breaks', () => {
  test('every record is appended once and in order, whatever is lost', async () => {
    // Every third request, and every third answer that is left: all that may happen to a batch happens.
    let requests = 0;
    let answers = 0;
    const broken = brokenFetch({ lostRequest: () => ++requests % 3 === 0, lostAnswer: () => ++answers % 3 === 0 });
    const producer = connect(door.url, { fetch: broken, clock: hasty }).producer();
    // What the producer asks of a topic first is not repeated.
    await producer.append('orders', [{ partition: 3, value: 'first' }]);

    const appends: Promise<unknown>[] = [];
    for (let index = 0; index < 300; index++) {
      appends.push(producer.append('orders', [{ partition: index % 3, value: index }]));
      if (index % 7 === 0) await appends.at(-1);
    }
    await Promise.all(appends);

    for (const partition of [0, 1, 2]) {
      expect(await valuesOf('orders', partition)).toEqual(
        Array.from({ length: 100 }, (_, index) => index * 3 + partition),
      );
    }
  });

  test('what is never answered rejects when its time is up, and the next call is appended', async () => {
    let lost = false;
    const broken = brokenFetch({ lostAnswer: () => lost });
    const producer = connect(door.url, { fetch: broken, patience: 300 }).producer();
    await producer.append('orders', [{ partition: 0, value: 'one' }]);

    lost = true;
    const unanswered = producer.append('orders', [{ partition: 0, value: 'two' }]);
    await expect(unanswered).rejects.toMatchObject({ code: 'NETWORK_EXCEPTION', retriable: true });
    lost = false;
    await producer.append('orders', [{ partition: 0, value: 'three' }]);

    expect(await valuesOf('orders', 0)).toEqual(['one', 'two', 'three']);
  });
});

describe('what is refused', () => {
  test('rejects its own call alone, and the calls behind it are appended', async () => {
    await door.log.topics.create('small', { config: { 'max.message.bytes': '5000' } });
    const producer = connect(door.url).producer();

    const outcomes = await Promise.allSettled([
      producer.append('small', [{ value: 1 }]),
      producer.append('small', [{ value: 2 }]),
      producer.append('small', [{ value: 'x'.repeat(6000) }]),
      producer.append('small', [{ value: 3 }]),
      producer.append('small', [{ value: 4, headers: { bad: '\ud800' } }]),
      producer.append('small', [{ value: 5 }]),
    ]);

    expect(outcomes.map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'rejected',
      'fulfilled',
      'rejected',
      'fulfilled',
    ]);
    expect(outcomes[2]).toMatchObject({ reason: { code: 'MESSAGE_TOO_LARGE' } });
    expect(outcomes[4]).toMatchObject({ reason: { code: 'INVALID_REQUEST' } });
    expect(await valuesOf('small', 0)).toEqual([1, 2, 3, 5]);
  });

  test('an unknown topic or partition', async () => {
    const producer = connect(door.url).producer();

    const unknown = { code: 'UNKNOWN_TOPIC_OR_PARTITION' };
    await expect(producer.append('nope', [{ value: 1 }])).rejects.toMatchObject(unknown);
    await expect(producer.append('orders', [{ partition: 4, value: 1 }])).rejects.toMatchObject(unknown);
    await door.log.topics.create('nope');
    expect(await producer.append('nope', [{ value: 1 }])).toMatchObject([{ partition: 0, offset: 0 }]);
  });
});
