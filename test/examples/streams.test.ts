import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import { type LocalState, startLocalState } from '../../examples/demo/local-state.ts';
import { average } from '../../examples/streams/average.ts';
import { filter } from '../../examples/streams/filter.ts';
import { join } from '../../examples/streams/join.ts';
import { handlerOf, type Processor } from '../../examples/streams/processor.ts';
import type { Shop } from '../../examples/streams/shop.ts';
import type { StateTable } from '../../examples/streams/state.ts';
import { connect, type NewRecord } from '../../lib/client/client.ts';
import { type RunningVarve, startVarve } from '../../lib/testing/server.ts';
import { brokenFetch } from '../client/broken-fetch.ts';
import { createDice, type Dice } from '../simulation/dice.ts';
import { dynoxideMissing } from '../support/dynoxide.ts';
import { deliverAtItsWorst, type Handler } from './redelivery.ts';

const PARTITIONS = 3;
const SHOPS = ['a', 'b', 'c', 'd', 'e', 'f'];
const BEGIN = Date.UTC(2026, 0, 1);

describe('what a processor makes of one record', () => {
  const order = (cents: number, second: number) =>
    ({ topic: 'orders', key: 'a', value: { id: 'x', cents }, timestamp: BEGIN + second * 1_000 }) as const;

  test('the filter keeps orders of 100 and more', () => {
    expect([order(99_99, 0), order(100_00, 0)].map((one) => filter.step(one, undefined))).toEqual([
      {},
      { output: { id: 'x', cents: 100_00 } },
    ]);
  });

  test('the average is that of the last minute, by the time of the orders, in whatever order they come', () => {
    const outputs: unknown[] = [];
    let state: Parameters<typeof average.step>[1];
    for (const one of [order(100, 0), order(300, 30), order(200, 10), order(500, 61), order(900, 300), order(1, 200)]) {
      const result = average.step(one, state);
      if (result.state) ({ state } = result as { state: typeof state });
      outputs.push(result.output);
    }

    expect(outputs).toEqual([
      { orders: 1, cents: 100 },
      { orders: 2, cents: 200 },
      { orders: 3, cents: 200 },
      // The first two seconds have gone.
      { orders: 3, cents: 333 },
      { orders: 1, cents: 900 },
      // Its minute is over.
      undefined,
    ]);
  });

  test('the join takes the shop as it is when the order comes', () => {
    const shop: Shop = { name: 'Corner', city: 'Oslo' };
    expect(join.step({ topic: 'shops', key: 'a', value: shop, timestamp: 0 }, undefined)).toEqual({ state: shop });
    expect(join.step({ topic: 'shops', key: 'a', value: null, timestamp: 0 }, shop)).toEqual({ state: null });
    expect(join.step(order(5, 0), shop)).toEqual({ output: { id: 'x', cents: 5, shop } });
    expect(join.step(order(5, 0), undefined)).toEqual({ output: { id: 'x', cents: 5, shop: null } });
  });
});

const skipped = dynoxideMissing ? ` (skipped: ${dynoxideMissing})` : '';
describe.skipIf(dynoxideMissing)(`processors, and their state in DynamoDB${skipped}`, () => {
  let varve: RunningVarve;
  let state: LocalState;

  beforeEach(async () => {
    [varve, state] = await Promise.all([startVarve(), startLocalState()]);
    const topics = ['orders', 'shops', 'large-orders', 'order-averages', 'enriched-orders'];
    await Promise.all(topics.map((topic) => varve.client.topics.create(topic, { partitions: PARTITIONS })));
  });

  afterEach(async () => {
    await varve.close();
    await state.close();
  });

  /** Orders of all shops, with times that go a little back and forth. */
  const orders = (count: number, dice: Dice): NewRecord[] =>
    Array.from({ length: count }, (_, at) => ({
      key: dice.pick(SHOPS),
      value: { id: `${at}`, cents: dice.int(1, 200_00) },
      timestamp: BEGIN + at * 400 + dice.int(0, 5_000),
    }));

  const shops = (city: string): NewRecord[] => SHOPS.map((key) => ({ key, value: { name: `Shop ${key}`, city } }));

  /** Everything that may go wrong with a processor's stores does, before and after it was done. */
  function failing<Topics, State>(processor: Processor<Topics, State>, dice: Dice): Handler {
    const fails = () => dice.chance(0.05);
    const fetch = brokenFetch({ lostRequest: fails, lostAnswer: fails });
    const table = state.open();
    const flaky: StateTable = {
      read: async (keys) => {
        if (fails()) throw new Error('read failed');
        return table.read(keys);
      },
      write: async (items) => {
        if (fails()) throw new Error('write failed');
        await table.write(items);
        if (fails()) throw new Error('the answer was lost');
      },
    };
    return handlerOf(processor, () => ({ state: flaky, log: connect(varve.url, { fetch }) }));
  }

  async function read(topic: string, partition: number) {
    const records: { key: string; value: unknown; timestamp: number }[] = [];
    for await (const { key, value, timestamp } of varve.client.read(topic, { partition, follow: false }))
      records.push({ key: key ?? '', value, timestamp });
    return records;
  }

  /** What comes out of a partition when each record is processed once, in order. */
  async function onceEach<Topics, State>(
    processor: Processor<Topics, State>,
    partition: number,
    states: Map<string, State | null>,
  ) {
    const outputs: unknown[] = [];
    for (const record of await read('orders', partition)) {
      const step = processor.step({ topic: 'orders', ...record } as never, states.get(record.key) ?? undefined);
      if (step.state !== undefined) states.set(record.key, step.state);
      const { key, timestamp } = record;
      if (step.output !== undefined) outputs.push({ key, value: step.output, timestamp });
    }
    return outputs;
  }

  it('process each record once, however often and cut it is delivered, and whatever fails', async () => {
    const dice = createDice(1);
    await varve.client.append('orders', orders(400, dice));

    let failures = 0;
    for (const processor of [filter, average] as Processor<unknown, unknown>[]) {
      const handlers = [failing(processor, dice.fork()), failing(processor, dice.fork())];
      failures += await deliverAtItsWorst(varve.log, 'orders', handlers, dice.fork());
    }

    expect(failures).toBeGreaterThan(0);
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const filtered = await onceEach(filter, partition, new Map());
      const averaged = await onceEach(average, partition, new Map());
      expect(await read('large-orders', partition)).toEqual(filtered);
      expect(await read('order-averages', partition)).toEqual(averaged);
    }
  });

  it('join with the newest row, though older ones are delivered again', async () => {
    const dice = createDice(3);
    const handlers = [failing(join, dice.fork()), failing(join, dice.fork())];
    const deliver = (topic: string) => deliverAtItsWorst(varve.log, topic, handlers, dice.fork());
    await varve.client.append('shops', shops('Oslo'));
    await varve.client.append('orders', orders(150, dice));
    await deliver('shops');
    await deliver('orders');
    await varve.client.append('shops', shops('Lisbon'));
    await deliver('shops');
    await varve.client.append('orders', orders(150, dice));
    await deliver('orders');

    for (let partition = 0; partition < PARTITIONS; partition++) {
      const all = await read('orders', partition);
      const joined = await read('enriched-orders', partition);
      expect(joined.map(({ value }) => (value as { id: string }).id)).toEqual(
        all.map(({ value }) => (value as { id: string }).id),
      );
      const cities = joined.map(({ value }) => (value as { shop: Shop }).shop.city);
      const moved = cities.indexOf('Lisbon');
      expect(new Set(cities.slice(0, moved))).toEqual(new Set(['Oslo']));
      expect(new Set(cities.slice(moved))).toEqual(new Set(['Lisbon']));
    }
    expect((await Promise.all([0, 1, 2].map((partition) => read('enriched-orders', partition)))).flat()).toHaveLength(
      300,
    );
  });

  it('append what an invocation left behind when it ended before its output was appended', async () => {
    // Given a function that ends between the transaction and the append
    await varve.client.append('orders', [{ key: 'a', value: { id: 'left', cents: 200_00 }, partition: 0 }]);
    const { client } = varve;
    const cut = { ...client, appendBatch: () => Promise.reject(new Error('the function ended')) };
    const ending = handlerOf(filter, () => ({ state: state.open(), log: cut }));
    const whole = handlerOf(filter, () => ({ state: state.open(), log: client }));
    await expect(deliverAtItsWorst(varve.log, 'orders', [ending], createDice(4))).rejects.toThrow('stuck');
    expect(await read('large-orders', 0)).toEqual([]);

    // When the same records are delivered again
    await deliverAtItsWorst(varve.log, 'orders', [whole], createDice(4));

    // Then
    expect(await read('large-orders', 0)).toMatchObject([{ value: { id: 'left', cents: 200_00 } }]);
  });

  it('begin again under another producer when the log has forgotten theirs', async () => {
    const place = (id: string) =>
      varve.client.append('orders', [{ key: 'a', value: { id, cents: 200_00 }, partition: 0 }]);
    const handlers = [handlerOf(filter, () => ({ state: state.open(), log: varve.client }))];
    await place('before');
    await deliverAtItsWorst(varve.log, 'orders', handlers, createDice(5));

    // The topic is made anew: nothing is known of any producer, as after a week without a batch.
    await varve.client.topics.delete('large-orders');
    await varve.client.topics.create('large-orders', { partitions: PARTITIONS });
    await place('after');
    await deliverAtItsWorst(varve.log, 'orders', handlers, createDice(5));

    expect(await read('large-orders', 0)).toMatchObject([{ value: { id: 'after' } }]);
  });
});
