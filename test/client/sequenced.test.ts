import { afterEach, beforeEach, expect, test } from 'vitest';
import { connect } from '../../lib/client/client.ts';
import { type RunningDoor, runDoor } from '../doors/http/running-door.ts';

let door: RunningDoor;

beforeEach(async () => {
  door = await runDoor();
  await door.log.topics.create('orders', { partitions: 2 });
});

afterEach(() => door.close());

async function valuesOf(partition: number): Promise<unknown[]> {
  const values: unknown[] = [];
  for await (const record of connect(door.url).read('orders', { partition, follow: false })) values.push(record.value);
  return values;
}

test('a batch is appended once, by however many clients it is sent, and the repeat answers its first offsets', async () => {
  const [one, another] = [connect(door.url), connect(door.url)];
  const producer = await one.initProducer();
  await one.appendBatch('orders', 1, [{ value: 'a' }, { value: 'b' }], { ...producer, sequence: 0 });
  const batch = [{ value: 'c' }, { value: 'd' }];

  const answers = await Promise.all(
    [one, another, another].map((client) => client.appendBatch('orders', 1, batch, { ...producer, sequence: 2 })),
  );

  for (const answer of answers) {
    expect(answer).toMatchObject([
      { partition: 1, offset: 2 },
      { partition: 1, offset: 3 },
    ]);
  }
  expect(await valuesOf(1)).toEqual(['a', 'b', 'c', 'd']);
});

test('each partition has a sequence of its own', async () => {
  const client = connect(door.url);
  const producer = { ...(await client.initProducer()), sequence: 0 };

  await client.appendBatch('orders', 0, [{ value: 0 }], producer);
  await client.appendBatch('orders', 1, [{ value: 1 }], producer);

  expect([await valuesOf(0), await valuesOf(1)]).toEqual([[0], [1]]);
});

test('what is out of step is refused, and nothing of it is appended', async () => {
  const client = connect(door.url);
  const producer = await client.initProducer();
  const append = (sequence: number, value: unknown) =>
    client.appendBatch('orders', 0, [{ value }], { ...producer, sequence });

  await expect(append(5, 'unknown')).rejects.toMatchObject({ code: 'UNKNOWN_PRODUCER_ID' });
  for (const sequence of [0, 1, 2]) await append(sequence, sequence);
  await expect(append(4, 'gap')).rejects.toMatchObject({ code: 'OUT_OF_ORDER_SEQUENCE_NUMBER' });

  expect(await valuesOf(0)).toEqual([0, 1, 2]);
});
