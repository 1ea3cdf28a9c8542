import { afterEach, describe, expect, it } from 'vitest';
import type { SubscribeOptions } from '../../../lib/log/delivery/subscriptions.ts';
import { type Handler, MISSING, numbered, openTown, type Town, UNAVAILABLE } from './town.ts';

let town: Town | undefined;
afterEach(() => town?.close());

const fail: Handler = () => {
  throw new Error('no');
};
const failAt =
  (poison: number): Handler =>
  (offsets) => {
    if (offsets.includes(poison)) throw new Error('no');
  };
const report =
  (poison: number): Handler =>
  (offsets) => ({
    batchItemFailures: offsets
      .filter((offset) => offset >= poison)
      .map((offset) => ({ itemIdentifier: { partition: 'orders-0', offset } })),
  });
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

/** Ten records in one partition; the function is invoked with these offsets, and these are given up. */
const CASES: [
  what: string,
  settings: Partial<SubscribeOptions>,
  handler: Handler,
  invoked: number[][],
  given: [first: number, last: number][],
][] = [
  ['all at once', {}, () => undefined, [range(0, 9)], []],
  ['in batches', { batchSize: 4 }, () => null, [range(0, 3), range(4, 7), range(8, 9)], []],
  ['failures that nobody asked for are not looked at', {}, report(0), [range(0, 9)], []],
  ['no retries', { retryAttempts: 0 }, fail, [range(0, 9)], [[0, 9]]],
  [
    'retries, then the batch is given up',
    { retryAttempts: 2 },
    fail,
    [range(0, 9), range(0, 9), range(0, 9)],
    [[0, 9]],
  ],
  [
    'a batch that is given up does not hold up the next',
    { retryAttempts: 1, batchSize: 5 },
    failAt(2),
    [range(0, 4), range(0, 4), range(5, 9)],
    [[0, 4]],
  ],
  [
    'bisected down to the record that fails, and on',
    { retryAttempts: 1, bisectBatchOnError: true },
    failAt(2),
    [range(0, 9), range(0, 4), range(0, 2), range(0, 1), range(2, 9), range(2, 5), range(2, 3), [2], [2], range(3, 9)],
    [[2, 2]],
  ],
  ...([0, 4, 9] as const).map((at): (typeof CASES)[number] => [
    `a report that names offset ${at} goes on from there, and gives up that one alone`,
    { retryAttempts: 2, reportBatchItemFailures: true },
    (offsets) => (offsets.includes(at) ? report(at)(offsets, undefined as never) : undefined),
    [range(0, 9), range(at, 9), range(at, 9), ...(at === 9 ? [] : [range(at + 1, 9)])],
    [[at, at]],
  ]),
  [
    'a report without retries',
    { retryAttempts: 0, reportBatchItemFailures: true },
    (offsets) => (offsets.includes(4) ? report(4)(offsets, undefined as never) : undefined),
    [range(0, 9), range(5, 9)],
    [[4, 4]],
  ],
  [
    'a report that names nothing of the batch is a failure of all of it',
    { retryAttempts: 1, reportBatchItemFailures: true },
    () => ({ batchItemFailures: [{ itemIdentifier: { partition: 'orders-1', offset: 3 } }] }),
    [range(0, 9), range(0, 9)],
    [[0, 9]],
  ],
  [
    'an empty report is a success',
    { reportBatchItemFailures: true },
    () => ({ batchItemFailures: [] }),
    [range(0, 9)],
    [],
  ],
];

describe('what the settings promise', () => {
  it.each(CASES)('%s', async (_, settings, handler, invoked, given) => {
    town = await openTown({ onFailure: 'queue', ...settings }, handler);

    await town.append(numbered(10));
    await town.settle();

    expect(town.seen.map(({ offsets }) => offsets)).toEqual(invoked);
    expect(town.letters.map(({ firstOffset, lastOffset }) => [firstOffset, lastOffset])).toEqual(given);
    expect(await town.committed()).toBe(10);
  });

  it('a function that works again after a while gets all of it, however long that takes', async () => {
    const began = 30 * 60_000;
    town = await openTown({ retryAttempts: -1 }, () => {
      if (town!.clock.monotonic() < began) throw new Error('no');
    });

    await town.append(numbered(10));
    await town.settle();

    const pauses = town.seen.slice(1).map(({ at }, i) => Math.round((at - town!.seen[i]!.at) / 1_000));
    expect(pauses.slice(0, 8)).toEqual([1, 2, 4, 8, 16, 32, 60, 60]);
    expect(town.letters).toEqual([]);
    expect(await town.committed()).toBe(10);
  });

  it('a function that cannot be invoked costs the records no attempt', async () => {
    let calls = 0;
    town = await openTown({ retryAttempts: 0 }, () => (++calls < 50 ? UNAVAILABLE : undefined));

    await town.append(numbered(3));
    await town.settle();

    expect(calls).toBe(50);
    expect(town.letters).toEqual([]);
    expect(await town.committed()).toBe(3);
  });

  it('a function that is not there is asked for more and more seldom, and gets all of it once it is', async () => {
    const began = 60 * 60_000;
    town = await openTown({ retryAttempts: 0 }, () => (town!.clock.monotonic() < began ? MISSING : undefined));

    await town.append(numbered(3));
    await town.settle();

    const pauses = town.seen.slice(1).map(({ at }, i) => Math.round((at - town!.seen[i]!.at) / 1_000));
    expect(pauses.slice(0, 8)).toEqual([5, 10, 20, 40, 80, 160, 300, 300]);
    expect(town.letters).toEqual([]);
    expect(await town.committed()).toBe(3);
  });

  it('records that are too old are given up uninvoked, and those between them delivered', async () => {
    town = await openTown({ maxRecordAge: 60_000, onFailure: 'queue' }, () => undefined);
    const now = town.clock.now();
    const timestamps = [now - 70_000, now - 65_000, now, now - 90_000, now];

    await town.append(timestamps.map((timestamp) => ({ value: 'x', timestamp, partition: 0 })));
    await town.settle();

    expect(town.seen.map(({ offsets }) => offsets)).toEqual([[2], [4]]);
    expect(town.letters).toMatchObject([
      { condition: 'RecordAgeExceeded', firstOffset: 0, lastOffset: 1, records: 2, invocations: 0 },
      { condition: 'RecordAgeExceeded', firstOffset: 3, lastOffset: 3, records: 1 },
    ]);
    expect(await town.committed()).toBe(5);
  });

  it('a record that fails until it is too old ends there', async () => {
    town = await openTown({ maxRecordAge: 120_000, retryAttempts: -1, onFailure: 'queue' }, fail);

    await town.append(numbered(1));
    await town.settle();

    expect(town.letters).toMatchObject([{ condition: 'RecordAgeExceeded', firstOffset: 0, lastOffset: 0 }]);
    expect(town.letters[0]!.invocations).toBe(town.seen.length);
    expect(await town.committed()).toBe(1);
  });

  it('a record that no event holds is given up, and told by where it is', async () => {
    town = await openTown({ onFailure: 'queue' }, () => undefined);

    await town.append([{ value: 'small', partition: 0 }]);
    await town.append([{ value: new Uint8Array(5_000_000), partition: 0 }]);
    await town.append([{ value: 'small', partition: 0 }]);
    await town.settle();

    expect(town.seen.flatMap(({ offsets }) => offsets)).toEqual([0, 2]);
    expect(town.letters).toMatchObject([
      { condition: 'RecordTooLarge', topic: 'orders', partition: 0, firstOffset: 1, lastOffset: 1 },
    ]);
    const [letter] = town.letters;
    const { records } = await town.log.poll(letter!.topic, letter!.partition, letter!.firstOffset);
    expect(records[0]!.value).toHaveLength(5_000_000);
  });

  it('events stay below what Lambda takes', async () => {
    town = await openTown({ batchSize: 10_000, maxBatchingWindow: 10_000 }, () => undefined);

    for (let i = 0; i < 8; i++) await town.append([{ value: new Uint8Array(1_500_000), partition: 0 }]);
    await town.settle();

    expect(town.seen.flatMap(({ offsets }) => offsets)).toEqual(range(0, 7));
    for (const { event } of town.seen) expect(JSON.stringify(event).length).toBeLessThan(6_291_556);
    expect(town.seen.some(({ offsets }) => offsets.length > 1)).toBe(true);
  });

  it('records that no filter lets through are passed over, however many, and the others keep their order', async () => {
    const even = JSON.stringify({ value: { even: [true] } });
    const rare = JSON.stringify({ value: { number: [{ numeric: ['>', 2_995] }] } });
    town = await openTown({ filters: [even], batchSize: 3, enabled: false }, () => undefined);
    const value = (number: number) => JSON.stringify({ number, even: number % 2 === 0 });

    await town.append(Array.from({ length: 8 }, (_, i) => ({ value: value(i), partition: 0 })));
    await town.subscribe({ enabled: true });
    await town.append([{ value: value(8), partition: 0 }]);
    await town.settle();
    expect(town.seen.map(({ offsets }) => offsets)).toEqual([
      [0, 2, 4],
      [6, 8],
    ]);

    await town.subscribe({ filters: [rare], batchSize: 10, enabled: true });
    await town.append(Array.from({ length: 2_991 }, (_, i) => ({ value: value(9 + i), partition: 0 })));
    await town.settle();
    expect(town.seen.slice(2).map(({ offsets }) => offsets)).toEqual([range(2_996, 2_999)]);
    expect(await town.committed()).toBe(3_000);
  });

  it('of filtered records the one that fails is found, given up, and named by its offset', async () => {
    const filters = [JSON.stringify({ value: [{ 'anything-but': ['3', '4'] }] })];
    town = await openTown({ filters, retryAttempts: 0, bisectBatchOnError: true, onFailure: 'queue' }, failAt(5));

    await town.append(numbered(8));
    await town.settle();

    expect(town.seen.map(({ offsets }) => offsets)).toEqual([
      [0, 1, 2, 5, 6, 7],
      [0, 1, 2],
      [5, 6, 7],
      [5, 6],
      [5],
      [6, 7],
    ]);
    expect(town.letters).toMatchObject([{ firstOffset: 5, lastOffset: 5, records: 1 }]);
    expect(await town.committed()).toBe(8);
  });

  it('a batch of filtered records that is given up is named without those that were passed over', async () => {
    const filters = [JSON.stringify({ value: [{ 'anything-but': ['3', '5'] }] })];
    town = await openTown({ filters, retryAttempts: 0, onFailure: 'queue' }, fail);

    await town.append(numbered(8));
    await town.settle();

    expect(town.letters).toMatchObject([{ firstOffset: 0, lastOffset: 7, offsets: '0-2,4,6-7', records: 6 }]);
  });

  it('what cannot be told of is not passed over', async () => {
    let refusals = 0;
    town = await openTown({ retryAttempts: 0, onFailure: 'queue' }, failAt(0), {
      tell: () => {
        if (++refusals < 4) throw new Error('the queue is not there');
      },
    });

    await town.append(numbered(1));
    await town.settle();

    expect(town.letters).toHaveLength(1);
    expect(await town.committed()).toBe(1);
  });

  it('a window lets the first record wait for others', async () => {
    town = await openTown({ maxBatchingWindow: 20_000 }, () => undefined);

    await town.append(numbered(1));
    await town.clock.run(town.clock.monotonic() + 10_000, () => false);
    await town.append(numbered(1, 1));
    await town.settle();

    expect(town.seen.map(({ offsets }) => offsets)).toEqual([[0, 1]]);
    expect(town.seen[0]!.at).toBeGreaterThanOrEqual(18_000);
  });

  it.each<[SubscribeOptions['startingPosition'], number[]]>([
    ['earliest', [0, 1, 2, 3]],
    ['latest', [2, 3]],
    [{ timestamp: 5_000 }, [1, 2, 3]],
  ])('begins at %j as it was when the subscription was made', async (startingPosition, offsets) => {
    // Given a topic with two records, and no subscription
    town = await openTown({ enabled: false }, () => undefined);
    await town.log.subscriptions.delete('orders', 'bills');
    await town.log.groups.delete('billing');
    await town.append([
      { value: 'a', timestamp: 1_000, partition: 0 },
      { value: 'b', timestamp: 9_000, partition: 0 },
    ]);

    // When one is made, and records come
    const options = { topic: 'orders', name: 'bills', group: 'billing', target: 'f', targetTimeout: 1_000 };
    await town.log.subscriptions.put({ ...options, startingPosition });
    await town.append(numbered(2));
    await town.settle();

    // Then
    expect(town.seen.flatMap((one) => one.offsets)).toEqual(offsets);
  });

  it('what it lags behind is counted over its partitions, and is nothing once all is delivered', async () => {
    let works = false;
    const handler = () => {
      if (!works) throw new Error('no');
    };
    town = await openTown({ retryAttempts: -1 }, handler, { partitions: 2 });
    await town.append([...numbered(5), { value: 'x', partition: 1 }]);
    const lag = async () => (await town!.sweep()).lags;

    expect(await lag()).toEqual([{ topic: 'orders', group: 'billing', name: 'bills', lag: 6 }]);
    works = true;
    await town.settle();
    expect(await lag()).toMatchObject([{ lag: 0 }]);
  });

  it('goes on where the group is set to, forth and back', async () => {
    town = await openTown({}, () => undefined);
    await town.append(numbered(5));
    await town.settle();

    await town.log.groups.commit('billing', [{ topic: 'orders', partition: 0, offset: 3 }]);
    await town.append(numbered(1, 5));
    await town.settle();

    expect(town.seen.flatMap(({ offsets }) => offsets)).toEqual([0, 1, 2, 3, 4, 3, 4, 5]);
  });

  it.each<[Partial<SubscribeOptions>, RegExp]>([
    [{ batchSize: 0 }, /batchSize: 0: give 1 to 10000 records/],
    [{ batchSize: 1.5 }, /batchSize/],
    [{ maxBatchingWindow: 300_001 }, /maxBatchingWindow/],
    [{ retryAttempts: -2 }, /retryAttempts: -2: give 0 to 10000 retries, or -1 for no end/],
    [{ maxRecordAge: 59_999 }, /maxRecordAge/],
    [{ targetTimeout: 900_000 }, /targetTimeout/],
    [{ parallelizationFactor: 0 }, /parallelizationFactor: 0: give 1 to 10/],
    [{ name: 'a/b' }, /name/],
    [{ filters: ['{"body":[1]}'] }, /filters: "body"/],
  ])('refuses %j, and says what to give', async (settings, message) => {
    await expect(openTown(settings, () => undefined)).rejects.toThrow(message);
  });
});
