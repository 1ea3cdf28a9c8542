import { describe, expect, it } from 'vitest';
import { freshName, type Subject } from './subject.ts';

export function leasesContract(subject: () => Subject): void {
  const held = async (owner = 'a') => {
    const lease = await subject().catalog.leases.acquire(freshName('lease'), owner, 1_000, 2_000);
    if (!lease) throw new Error('a fresh lease was not granted');
    return lease;
  };

  describe('a lease', () => {
    it('has one owner at a time', async () => {
      const { leases } = subject().catalog;
      const name = freshName('lease');

      const lease = await leases.acquire(name, 'a', 1_000, 2_000);

      expect(lease).toEqual({ name, owner: 'a', epoch: 1, expires: 2_000 });
      expect(await leases.acquire(name, 'b', 1_500, 2_500)).toBeUndefined();
      expect(await leases.get(name)).toEqual(lease);
      expect(await leases.get(`${name}-not`)).toBeUndefined();
    });

    it('is renewed by its owner', async () => {
      const { leases } = subject().catalog;
      const lease = await held();

      const renewed = await leases.renew(lease, 5_000);

      expect(renewed).toEqual({ ...lease, expires: 5_000 });
      expect(await leases.acquire(lease.name, 'b', 3_000, 9_000)).toBeUndefined();
    });

    it('that expired is shown until somebody takes it, under the next epoch', async () => {
      const { leases } = subject().catalog;
      const first = await held('a');

      expect(await leases.get(first.name)).toEqual(first);
      const second = await leases.acquire(first.name, 'b', 2_001, 3_000);

      expect(second).toEqual({ name: first.name, owner: 'b', epoch: 2, expires: 3_000 });
    });

    it('that expired and was not taken may still be renewed', async () => {
      const lease = await held();

      expect(await subject().catalog.leases.renew(lease, 9_000)).toEqual({ ...lease, expires: 9_000 });
    });

    it('that was taken over can be neither renewed nor released by the old owner', async () => {
      const { leases } = subject().catalog;
      const old = await held('a');
      const taken = await leases.acquire(old.name, 'b', 2_001, 3_000);

      expect(await leases.renew(old, 9_000)).toBeUndefined();
      await leases.release(old);

      expect(await leases.get(old.name)).toEqual(taken);
    });

    it('taken over by the same owner’s next life leaves the earlier life without it', async () => {
      const { leases } = subject().catalog;
      const old = await held('a');
      const taken = await leases.acquire(old.name, 'a', 2_001, 3_000);

      expect(taken?.epoch).toBe(2);
      expect(await leases.renew(old, 9_000)).toBeUndefined();
      await leases.release(old);
      expect(await leases.get(old.name)).toEqual(taken);
    });

    it('that was released is free, and keeps its epoch', async () => {
      const { leases } = subject().catalog;
      const lease = await held('a');

      await leases.release(lease);

      expect(await leases.get(lease.name)).toBeUndefined();
      expect(await leases.last(lease.name)).toEqual({ name: lease.name, epoch: 1, expires: lease.expires });
      expect(await leases.last(freshName('lease'))).toBeUndefined();
      expect(await leases.renew(lease, 9_000)).toBeUndefined();
      expect(await leases.acquire(lease.name, 'b', 1_001, 3_000)).toMatchObject({ owner: 'b', epoch: 2 });
    });

    it('that many want at once goes to one', async () => {
      const catalogs = [subject().catalog, await subject().another()];
      const name = freshName('lease');

      for (const [epoch, now] of [
        [1, 1_000],
        [2, 3_000],
      ] as const) {
        const answers = await Promise.all(
          Array.from({ length: 32 }, (_, i) => catalogs[i % 2]!.leases.acquire(name, `owner ${i}`, now, now + 1_000)),
        );

        const won = answers.filter((lease) => lease !== undefined);
        expect(won).toHaveLength(1);
        expect(won[0]).toMatchObject({ epoch });
        expect(await subject().catalog.leases.get(name)).toEqual(won[0]);
      }
    });

    it('outlives a restart', async () => {
      const lease = await held();

      expect(await (await subject().reopen()).leases.get(lease.name)).toEqual(lease);
    });
  });
}
