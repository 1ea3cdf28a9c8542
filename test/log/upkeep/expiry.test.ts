import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EventLog } from '../../../lib/log/event-log.ts';
import { openPlace, type Place } from './stores.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

describe('offsets of groups', () => {
  let place: Place;
  let log: EventLog;
  beforeEach(async () => {
    place = await openPlace();
    log = place.open();
    await log.topics.create('orders');
    await log.append('orders', [{ value: 'a' }, { value: 'b' }]);
    await log.groups.commit('billing', [{ topic: 'orders', partition: 0, offset: 1 }]);
  });
  afterEach(() => place.close());

  const offsetsOf = async (group: string) => {
    if (!(await log.groups.list()).includes(group)) return undefined;
    return (await log.groups.offsets(group)).map(({ offset }) => offset);
  };

  it.each([
    ['alone', false],
    ['among others', true],
  ])('expire a week after the last commit, in a process %s', async (_name, shared) => {
    const process = place.open({ shared });
    place.clock.advance(7 * DAY - HOUR);
    expect(await process.upkeep()).toMatchObject({ expired: 0, failed: 0 });
    expect(await offsetsOf('billing')).toEqual([1]);
    place.clock.advance(2 * HOUR);

    expect(await process.upkeep()).toMatchObject({ expired: 1, failed: 0 });

    expect(await offsetsOf('billing')).toBeUndefined();
    expect(await process.upkeep()).toMatchObject({ expired: 0, failed: 0 });
  });

  it('stay with every commit, and expire as offsets.retention.minutes says', async () => {
    const process = place.open({ config: ['offsets.retention.minutes=60'] });
    for (let i = 0; i < 3; i++) {
      place.clock.advance(HOUR - 60_000);
      expect(await process.upkeep()).toMatchObject({ expired: 0 });
      await log.groups.commit('billing', [{ topic: 'orders', partition: 0, offset: 2 }]);
    }
    await log.groups.commit('other', [{ topic: 'orders', partition: 0, offset: 1 }]);
    place.clock.advance(HOUR / 2);
    await log.groups.commit('billing', [{ topic: 'orders', partition: 0, offset: 2 }]);
    place.clock.advance(HOUR / 2 + 60_000);

    expect(await process.upkeep()).toMatchObject({ expired: 1 });

    expect(await offsetsOf('billing')).toEqual([2]);
    expect(await offsetsOf('other')).toBeUndefined();
  });

  it('stay as long as somebody holds the group, and a week after', async () => {
    const { leases } = place.catalog;
    const now = place.clock.now();
    const lease = await leases.acquire('group#billing', 'consumer:one', now + HOUR, now + 20 * DAY);
    place.clock.advance(15 * DAY);
    expect(await log.upkeep()).toMatchObject({ expired: 0, failed: 0 });
    await leases.release((await leases.renew(lease!, place.clock.now() + 10_000))!);
    place.clock.advance(7 * DAY - HOUR);
    expect(await log.upkeep()).toMatchObject({ expired: 0, failed: 0 });
    place.clock.advance(2 * HOUR);

    expect(await log.upkeep()).toMatchObject({ expired: 1, failed: 0 });
  });

  it('of a gateway that fell silent expire a week after that was noticed', async () => {
    const { leases } = place.catalog;
    const owner = 'under:1:slot#0:one';
    await leases.acquire('group#billing', owner, place.clock.now() + HOUR, Number.MAX_SAFE_INTEGER);
    place.clock.advance(9 * DAY);
    expect(await log.upkeep()).toMatchObject({ expired: 0, failed: 0 });
    place.clock.advance(7 * DAY - HOUR);
    expect(await log.upkeep()).toMatchObject({ expired: 0, failed: 0 });
    place.clock.advance(2 * HOUR);

    expect(await log.upkeep()).toMatchObject({ expired: 1, failed: 0 });
  });

  describe('that a subscription commits', () => {
    const startingPosition = 'earliest' as const;
    const subscription = { topic: 'orders', name: 'bills', target: 'f', targetTimeout: 1_000, startingPosition };
    /** As its deliveries do, without the group's lease. */
    const deliver = async (from: number, group: string) => {
      const { id: topicId } = (await place.catalog.topics.get('orders'))!;
      const at = { topic: 'orders', topicId, partition: 0 };
      expect(await place.catalog.groups.advance(group, at, from, from + 1)).toBe('committed');
    };

    it('stay as long as there is the subscription, and a week after', async () => {
      await log.subscriptions.put({ ...subscription, group: 'billing' });
      for (let i = 0; i < 3; i++) {
        place.clock.advance(8 * DAY);
        expect(await log.upkeep()).toMatchObject({ expired: 0, failed: 0 });
      }
      await deliver(1, 'billing');
      place.clock.advance(6 * DAY);
      await log.subscriptions.delete('orders', 'bills');
      place.clock.advance(7 * DAY - HOUR);
      expect(await log.upkeep()).toMatchObject({ expired: 0, failed: 0 });
      expect(await offsetsOf('billing')).toEqual([2]);
      place.clock.advance(2 * HOUR);

      expect(await log.upkeep()).toMatchObject({ expired: 1, failed: 0 });
    });

    it('stay a week after it was given another group, or was deleted, before upkeep ever met it', async () => {
      place.clock.advance(7 * DAY - HOUR);
      await log.subscriptions.put({ ...subscription, group: 'billing' });
      place.clock.advance(6 * DAY);
      await deliver(1, 'billing');
      await log.subscriptions.put({ ...subscription, group: 'other' });
      place.clock.advance(6 * DAY);
      await deliver(0, 'other');
      await log.subscriptions.delete('orders', 'bills');
      place.clock.advance(DAY - HOUR);
      expect(await log.upkeep()).toMatchObject({ expired: 0, failed: 0 });
      expect(await offsetsOf('billing')).toEqual([2]);
      place.clock.advance(6 * DAY);

      expect(await log.upkeep()).toMatchObject({ expired: 1, failed: 0 });

      expect(await offsetsOf('billing')).toBeUndefined();
      expect(await offsetsOf('other')).toEqual([1]);
    });

    it('stay when it is made between the look and the deletion', async () => {
      const { leases } = place.catalog;
      const last: typeof leases.last = async (name) => {
        const found = await leases.last(name);
        await log.subscriptions.put({ ...subscription, group: 'billing' });
        return found;
      };
      const process = place.open({ catalog: { ...place.catalog, leases: { ...leases, last }, close: async () => {} } });
      place.clock.advance(8 * DAY);

      expect(await process.upkeep()).toMatchObject({ expired: 0, failed: 0 });

      expect(await offsetsOf('billing')).toEqual([1]);
    });
  });

  it('of a client of a gateway that only commits expire a week after the last commit', async () => {
    const held = await log.groups.coordinateAs(0).hold('simple');
    await held.commit([{ topic: 'orders', partition: 0, offset: 1 }]);
    await held.release();
    place.clock.advance(6 * DAY);
    const again = await log.groups.coordinateAs(0).hold('simple');
    await again.commit([{ topic: 'orders', partition: 0, offset: 2 }]);
    await again.release();
    place.clock.advance(7 * DAY - HOUR);
    await log.upkeep();
    expect(await offsetsOf('simple')).toEqual([2]);
    place.clock.advance(2 * HOUR);
    await log.upkeep();

    expect(await offsetsOf('simple')).toBeUndefined();
  });

  it('stay while no process ran that could have been asked for them', async () => {
    place.clock.advance(30 * DAY);
    const restarted = place.open();

    expect(await restarted.upkeep()).toMatchObject({ expired: 0, failed: 0 });

    place.clock.advance(8 * DAY);
    expect(await restarted.upkeep()).toMatchObject({ expired: 1, failed: 0 });
  });

  it('stay when the group is taken between the look and the deletion', async () => {
    const { leases } = place.catalog;
    const last: typeof leases.last = async (name) => {
      const found = await leases.last(name);
      await log.groups.commit('billing', [{ topic: 'orders', partition: 0, offset: 2 }]);
      return found;
    };
    const process = place.open({ catalog: { ...place.catalog, leases: { ...leases, last }, close: async () => {} } });
    place.clock.advance(8 * DAY);

    expect(await process.upkeep()).toMatchObject({ expired: 0, failed: 0 });

    expect(await offsetsOf('billing')).toEqual([2]);
  });
});
