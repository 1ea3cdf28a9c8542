import { expect, it } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import { systemRandom } from '../../lib/ids.ts';
import { parseBrokerConfig } from '../../lib/log/broker-config.ts';
import { createLog } from '../../lib/log/log.ts';
import { embeddedPrices } from '../../lib/log/placement.ts';
import { openSqlite } from '../../lib/stores/catalog/sqlite/sqlite.ts';
import { openMemory } from '../../lib/stores/objects/memory.ts';

it('finds the first record of a time that is left when another process deletes the one that was found', async () => {
  // Given a catalog in which records are deleted just after the entry with the timestamp was looked up
  const options = { clock: systemClock, random: systemRandom };
  const catalog = await openSqlite({ path: ':memory:', ...options });
  const { partitions } = catalog;
  const log = createLog({
    ...options,
    catalog: {
      ...catalog,
      shared: true,
      partitions: {
        ...partitions,
        async findTimestamp(of, timestamp) {
          const run = await partitions.findTimestamp(of, timestamp);
          await partitions.raiseLogStart(of, 25);
          return run;
        },
      },
    },
    objects: openMemory(),
    brokerConfig: parseBrokerConfig([]),
    prices: embeddedPrices,
  });
  await log.topics.create('orders');
  const time = Date.now();
  for (let i = 0; i < 30; i++) await log.append('orders', [{ value: 'v', timestamp: time + i }]);

  // When
  const found = await log.offsetAt('orders', 0, time + 3);

  // Then
  expect(found).toEqual({ offset: 25, timestamp: time + 25 });
  await log.close();
});
