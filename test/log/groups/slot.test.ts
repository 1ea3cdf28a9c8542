import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemRandom } from '../../../lib/ids.ts';
import { parseBrokerConfig } from '../../../lib/log/broker-config.ts';
import type { EventLog } from '../../../lib/log/event-log.ts';
import { createLog } from '../../../lib/log/log.ts';
import { embeddedPrices } from '../../../lib/log/placement.ts';
import type { Catalog } from '../../../lib/stores/catalog/catalog.ts';
import { openSqlite } from '../../../lib/stores/catalog/sqlite/sqlite.ts';
import { openMemory } from '../../../lib/stores/objects/memory.ts';
import { type TravelClock, travelClock } from '../../support/clock.ts';
import { codeOf } from '../../support/code-of.ts';
import { poll } from '../../support/poll.ts';

const text = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString();

describe('groups that are held under a slot', () => {
  let clock: TravelClock;
  let catalog: Catalog;
  /** Writes of leases, by their names. */
  let writes: string[];
  /** While true no renewal is answered, as where the process that asks is frozen. */
  let isCutOff: boolean;
  const logs: EventLog[] = [];

  /** A process over the same stores. `mayBeCutOff`: one whose renewals `isCutOff` is about. */
  function process({ mayBeCutOff = false } = {}): EventLog {
    const { leases } = catalog;
    const log = createLog({
      catalog: {
        ...catalog,
        shared: true,
        close: async () => {},
        leases: {
          ...leases,
          renew(lease, expires) {
            writes.push(lease.name);
            return mayBeCutOff && isCutOff ? new Promise(() => {}) : leases.renew(lease, expires);
          },
        },
      },
      objects: { ...openMemory(), close: async () => {} },
      clock,
      random: systemRandom,
      brokerConfig: parseBrokerConfig([]),
      prices: embeddedPrices,
    });
    logs.push(log);
    return log;
  }

  beforeEach(async () => {
    clock = travelClock();
    writes = [];
    isCutOff = false;
    catalog = await openSqlite({ path: ':memory:', clock, random: systemRandom });
    await process().topics.create('orders');
  });
  afterEach(async () => {
    await Promise.all(logs.splice(0).map((log) => log.close()));
    await catalog.close();
  });

  const at = (offset: number) => [{ topic: 'orders', partition: 0, offset }];

  it('cost the renewals of one lease together, and none when all were released', async () => {
    const coordinator = process().groups.coordinateAs(0);
    const held = await Promise.all(Array.from({ length: 20 }, (_, i) => coordinator.hold(`g${i}`)));

    for (let i = 0; i < 9; i++) {
      const before = writes.length;
      clock.advance(3_400);
      await poll('the renewal', 5_000, () => writes.length > before || undefined);
    }

    expect(new Set(writes)).toEqual(new Set(['slot#0']));
    expect(writes.length).toBeLessThan(20);
    expect(held.every(({ lost }) => !lost.aborted)).toBe(true);
    await Promise.all(held.map((one) => one.release()));
    const after = writes.length;
    clock.advance(60_000);
    expect(await codeOf(coordinator.hold('g0'))).toBe('no error');
    expect(writes).toHaveLength(after);
  });

  it('stay with a process that lives, whatever the time', async () => {
    const coordinator = process().groups.coordinateAs(0);
    const held = await coordinator.hold('g');
    await held.commit(at(0));

    for (let i = 0; i < 4; i++) {
      const before = writes.length;
      clock.advance(4_000);
      await poll('the renewal', 5_000, () => writes.length > before || undefined);
      expect(await codeOf(process().groups.coordinateAs(1).hold('g'))).toBe('NON_EMPTY_GROUP');
      expect(await codeOf(process().groups.commit('g', at(0)))).toBe('NON_EMPTY_GROUP');
    }
  });

  it('are taken at once by the next process in the slot, and the one before it can change nothing any more', async () => {
    // Given a coordinator that is frozen while it holds a group
    isCutOff = true;
    const frozen = await process({ mayBeCutOff: true }).groups.coordinateAs(0).hold('g');
    await frozen.keep(Buffer.from('first'), 'consumer');
    await frozen.commit(at(0));

    // When another one starts in its slot
    const next = await process().groups.coordinateAs(0).hold('g');

    // Then it finds what was kept, and the other's writes are refused, before it has written anything but that it is there
    expect(text(await next.kept())).toBe('first');
    expect(await codeOf(frozen.keep(Buffer.from('late'), 'consumer'))).toBe('ILLEGAL_GENERATION');
    await next.commit(at(0));
    expect(await codeOf(frozen.commit(at(0)))).toBe('ILLEGAL_GENERATION');
    expect(text(await next.kept())).toBe('first');
    expect(frozen.lost.aborted).toBe(true);
  });

  it('are not taken back by the process that was replaced, which is told once', async () => {
    let displaced = 0;
    let displacing = 0;
    const old = process().groups.coordinateAs(0, { onDisplaced: () => displaced++ });
    const lost = await old.hold('g');
    const next = await process()
      .groups.coordinateAs(0, { onDisplaced: () => displacing++ })
      .hold('g');
    clock.advance(3_400);
    await poll('the old one has noticed', 5_000, () => lost.lost.aborted || undefined);

    expect(await codeOf(old.hold('g'))).toBe('NON_EMPTY_GROUP');
    expect(await codeOf(old.hold('another'))).toBe('NON_EMPTY_GROUP');
    expect(next.lost.aborted).toBe(false);
    expect([displaced, displacing]).toEqual([1, 0]);
    await next.release();
    expect(await codeOf(old.hold('g'))).toBe('no error');
    expect([displaced, displacing]).toEqual([1, 0]);
  });

  it('that were released, or that nobody heard of for too long, were taken by nobody', async () => {
    let displaced = 0;
    isCutOff = true;
    const coordinator = process({ mayBeCutOff: true }).groups.coordinateAs(0, { onDisplaced: () => displaced++ });
    await (await coordinator.hold('g')).release();
    const silent = await coordinator.hold('g');

    clock.advance(11_000);

    expect(silent.lost.aborted).toBe(true);
    expect(await codeOf(coordinator.hold('g'))).toBe('no error');
    expect(displaced).toBe(0);
  });

  it('are free for another slot when the process has been silent for as long as its lease lasts', async () => {
    isCutOff = true;
    const silent = await process({ mayBeCutOff: true }).groups.coordinateAs(0).hold('g');
    const other = process().groups.coordinateAs(1);
    expect(await codeOf(other.hold('g'))).toBe('NON_EMPTY_GROUP');

    clock.advance(11_000);

    expect(silent.lost.aborted).toBe(true);
    expect(await codeOf(other.hold('g'))).toBe('no error');
    expect(await codeOf(silent.keep(Buffer.from('late'), 'consumer'))).toBe('ILLEGAL_GENERATION');
  });

  it('are taken by a consumer of the library when their slot is gone', async () => {
    isCutOff = true;
    const silent = process({ mayBeCutOff: true });
    await silent.groups.coordinateAs(0).hold('g');
    const log = process();
    await log.append('orders', [{ value: 'v' }]);
    clock.advance(11_000);

    const consumer = log.consumer({ group: 'g', topics: ['orders'] });
    for await (const batch of consumer) {
      expect(batch.records).toHaveLength(1);
      break;
    }
    await consumer.close();
  });
});
