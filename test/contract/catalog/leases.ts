import { describe, expect, it } from 'vitest';
import { freshName, type Subject } from './subject.ts';

export function leasesContract(subject: () => Subject): void {
  describe('a lease', () => {
    it('has one owner at a time', async () => {
      const { leases } = subject().catalog;
      const name = freshName('lease');

      const lease = await leases.acquire(name, 'a', 1_000, 2_000);

      expect(lease).toEqual({ name, owner: 'a', epoch: 1, expires: 2_000 });
      expect(await leases.acquire(name, 'b', 1_500, 2_500)).toBeUndefined();
      expect(await leases.get(name)).toEqual(lease);
    });

    it('that expired is shown until somebody takes it, under the next epoch', async () => {
      const { leases } = subject().catalog;
      const name = freshName('lease');
      const first = await leases.acquire(name, 'a', 1_000, 2_000);

      expect(await leases.get(name)).toEqual(first);
      const second = await leases.acquire(name, 'b', 2_001, 3_000);

      expect(second).toEqual({ name, owner: 'b', epoch: 2, expires: 3_000 });
    });
  });
}
