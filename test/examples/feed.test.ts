import { afterEach, beforeEach, expect, test } from 'vitest';
import { feed } from '../../examples/dashboard/feed.ts';
import { type RunningVarve, startVarve } from '../../lib/testing/testing.ts';
import { poll } from '../support/poll.ts';

let varve: RunningVarve;
beforeEach(async () => {
  varve = await startVarve();
});
afterEach(() => varve.close());

test('a feed goes on with a topic that is deleted and made anew', async () => {
  // Given a feed that has read some records
  const { client } = varve;
  await client.topics.create('orders', { partitions: 1 });
  await client.append('orders', [{ value: 'a' }, { value: 'b' }, { value: 'c' }]);
  const seen: unknown[] = [];
  void feed(
    client,
    'orders',
    Date.now() - 60_000,
    (records) => seen.push(...records.map(({ value }) => value)),
    () => {},
  );
  await poll('it has read them', 20_000, () => seen.length === 3 || undefined);

  // When its topic is deleted, and another one of the name has fewer
  await client.topics.delete('orders');
  await client.topics.create('orders', { partitions: 1 });
  await client.append('orders', [{ value: 'new' }]);

  // Then it reads those, too
  await poll('it reads on', 25_000, () => seen.length > 3 || undefined);
  expect(seen).toEqual(['a', 'b', 'c', 'new']);
});
