import { expect, it } from 'vitest';
import { systemRandom } from '../../lib/ids.ts';
import { parseBrokerConfig } from '../../lib/log/broker-config.ts';
import { createLog } from '../../lib/log/log.ts';
import { embeddedPrices } from '../../lib/log/placement.ts';
import { openSqlite } from '../../lib/stores/catalog/sqlite/sqlite.ts';
import { openMemory } from '../../lib/stores/objects/memory.ts';
import { travelClock } from '../support/clock.ts';
import { poll } from '../support/poll.ts';

it('counts the age of a head from when it was asked for, so that one that was long on its way is not taken for new', async () => {
  // Given a process whose question for the head is answered by the store and stays on its way
  const clock = travelClock();
  const catalog = await openSqlite({ path: ':memory:', clock, random: systemRandom });
  const { partitions } = catalog;
  let arrive: (() => void) | undefined;
  let isSlow = false;
  const deps = {
    objects: { ...openMemory(), close: async () => {} },
    clock,
    random: systemRandom,
    brokerConfig: parseBrokerConfig([]),
    prices: embeddedPrices,
  };
  const here = createLog({
    ...deps,
    catalog: {
      ...catalog,
      shared: true,
      close: async () => {},
      partitions: {
        ...partitions,
        async head(of) {
          const head = await partitions.head(of);
          if (isSlow && !arrive) await new Promise<void>((resolve) => (arrive = resolve));
          return head;
        },
      },
    },
  });
  const there = createLog({ ...deps, catalog: { ...catalog, shared: true, close: async () => {} } });
  await here.topics.create('orders');
  isSlow = true;
  const first = here.poll('orders', 0, 0);
  await poll('the question for the head', 5_000, () => arrive);

  // When another process appends and the answer arrives a while later
  await there.append('orders', [{ value: 'appended meanwhile' }]);
  clock.advance(30_000);
  arrive!();
  await first;

  // Then a read that begins now finds what was appended
  expect((await here.poll('orders', 0, 0)).records).toHaveLength(1);
  await Promise.all([here.close(), there.close()]);
  await catalog.close();
});
