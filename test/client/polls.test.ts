import { expect, test } from 'vitest';
import { connect } from '../../lib/client/client.ts';
import { hastyClock } from '../support/clock.ts';
import { poll } from '../support/poll.ts';
import { brokenFetch } from './broken-fetch.ts';
import { doorWithOrders, following, valuesOf } from './orders.ts';

const door = doorWithOrders();
const { append } = door;

const polling = (options: Parameters<typeof connect>[1] = {}) => connect(door.url, { following: 'polls', ...options });

/** Requests for records that are open now, and the most that were at a time. */
function countingFetch() {
  const open = { now: 0, most: 0 };
  const fetch: typeof globalThis.fetch = async (input, init) => {
    if (!String(input).includes('/records?')) return globalThis.fetch(input, init);
    open.now++;
    open.most = Math.max(open.most, open.now);
    return globalThis.fetch(input, init).finally(() => open.now--);
  };
  return { open, fetch };
}

/** A minute takes a second. */
const hasty = hastyClock(60);

test('gives what was there, then what comes, each partition in its order', async () => {
  await append(0, 'old');
  const reader = following(polling());
  await reader.count(1);

  await append(2, 'new');
  await append(0, 'newer', 'newest');
  await reader.count(4);
  reader.stop();
  await reader.ended;

  expect(valuesOf(reader.records, 0)).toEqual(['old', 'newer', 'newest']);
  expect(valuesOf(reader.records, 2)).toEqual(['new']);
});

test('partitions take turns when there are more than may wait at a time', async () => {
  await connect(door.url).topics.alter('orders', { partitions: 9 });
  const { open, fetch } = countingFetch();
  const reader = following(polling({ fetch }));
  await poll('it waits', 20_000, () => (open.now > 0 ? true : undefined));

  for (let partition = 0; partition < 9; partition++) await append(partition, partition);
  await reader.count(9);
  reader.stop();
  await reader.ended;

  for (let partition = 0; partition < 9; partition++) expect(valuesOf(reader.records, partition)).toEqual([partition]);
  expect(open.most).toBeLessThanOrEqual(4);
});

test('loses nothing and doubles nothing when requests break', async () => {
  let requests = 0;
  let answers = 0;
  const fetch = brokenFetch({ lostRequest: () => ++requests % 5 === 4, lostAnswer: () => ++answers % 5 === 4 });
  // What a read asks first is not repeated: it finds what is there, and only then do requests break.
  const reader = following(
    polling({ fetch: (...args) => (begun ? fetch : globalThis.fetch)(...args), clock: hasty, timeout: 600_000 }),
  );
  let begun = false;
  await append(0, 'first');
  await reader.count(1);
  begun = true;

  for (let index = 0; index < 60; index++) await append(index % 3, index);
  await reader.count(61);
  reader.stop();
  await reader.ended;

  const expected = (partition: number) => Array.from({ length: 20 }, (_, index) => index * 3 + partition);
  expect(valuesOf(reader.records, 0)).toEqual(['first', ...expected(0)]);
  expect(valuesOf(reader.records, 1)).toEqual(expected(1));
  expect(valuesOf(reader.records, 2)).toEqual(expected(2));
});

test('reads the partitions that a topic grows by, from their first record', async () => {
  const reader = following(polling({ clock: hasty, timeout: 600_000 }));
  await append(0, 'old');
  await reader.count(1);

  await connect(door.url).topics.alter('orders', { partitions: 4 });
  await append(3, 'added');
  // Something always comes, so that nobody waits for long.
  await poll(
    'the added partition is read',
    25_000,
    async () => {
      for (const partition of [0, 1, 2]) await append(partition, 'more');
      return valuesOf(reader.records, 3).length > 0 ? true : undefined;
    },
    50,
  );
  reader.stop();
  await reader.ended;

  expect(valuesOf(reader.records, 3)).toEqual(['added']);
});

test('ends when the topic is deleted', async () => {
  await append(0, 'a');
  const reader = following(polling());
  await reader.count(1);

  await door.log.topics.delete('orders');

  await expect(reader.ended).rejects.toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION' });
});

test('gives up with the last failure when nothing answers for long', async () => {
  await append(0, 'a');
  const reader = following(polling({ patience: 200 }));
  await reader.count(1);

  await door.close();

  await expect(reader.ended).rejects.toMatchObject({ code: 'NETWORK_EXCEPTION' });
});

test('whoever leaves early leaves no request behind', async () => {
  await append(0, 'a');
  const { open, fetch } = countingFetch();

  for await (const { value } of polling({ fetch }).read('orders')) {
    if (value === 'last') break;
    await append(1, 'last');
  }

  await poll('no request is open', 10_000, () => (open.now === 0 ? true : undefined));
});
