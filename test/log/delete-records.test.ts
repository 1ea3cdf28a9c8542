import { expect, it } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import { systemRandom } from '../../lib/ids.ts';
import { parseBrokerConfig } from '../../lib/log/broker-config.ts';
import { createLog } from '../../lib/log/log.ts';
import { embeddedPrices } from '../../lib/log/placement.ts';
import { openSqlite } from '../../lib/stores/catalog/sqlite/sqlite.ts';
import { openMemory } from '../../lib/stores/objects/memory.ts';
import { poll } from '../support/poll.ts';

it('keeps the log start that a deletion answered, though an append from before it is answered after it', async () => {
  // Given an append that took place and is not answered yet
  const options = { clock: systemClock, random: systemRandom };
  const catalog = await openSqlite({ path: ':memory:', ...options });
  const { partitions } = catalog;
  let answer: (() => void) | undefined;
  const log = createLog({
    ...options,
    catalog: {
      ...catalog,
      partitions: {
        ...partitions,
        async append(to, entries, signal) {
          const appended = await partitions.append(to, entries, signal);
          await new Promise<void>((resolve) => {
            answer = resolve;
          });
          return appended;
        },
      },
    },
    objects: openMemory(),
    brokerConfig: parseBrokerConfig([]),
    prices: embeddedPrices,
  });
  await log.topics.create('orders');
  const appending = log.append(
    'orders',
    ['a', 'b', 'c'].map((value) => ({ value })),
  );
  await poll('the append', 5_000, () => answer);

  // When records are deleted and the append is answered then
  expect(await log.deleteRecords('orders', 0, 2)).toBe(2);
  answer!();
  await appending;

  // Then
  expect(await log.offsets('orders', 0)).toEqual({ earliest: 2, latest: 3 });
  await log.close();
});
