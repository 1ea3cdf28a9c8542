import { describe, expect, it } from 'vitest';
import { freshName, type Subject } from './subject.ts';

export function membershipsContract(subject: () => Subject): void {
  const begun = async (plan = 'first') => {
    const lease = freshName('group');
    const change = { plan, present: { a: 2_000, b: 1_900 }, until: 2_000 };
    expect(await subject().catalog.memberships.begin(lease, change, 1_000)).toBeDefined();
    return lease;
  };

  describe('a lease that members hold together', () => {
    it('is begun where nobody holds it, and shown to all', async () => {
      const { memberships, leases } = subject().catalog;
      const lease = await begun('käse 😀');

      const view = { generation: 1, plan: 'käse 😀', expires: { a: 2_000, b: 1_900 } };
      expect(await memberships.get(lease)).toEqual(view);
      expect(await leases.get(lease)).toEqual({ name: lease, owner: 'members', epoch: 1, expires: 2_000 });
      expect(await memberships.get(freshName('group'))).toBeUndefined();
    });

    it('is begun, and taken, only when it is free or expired, under the next generation', async () => {
      const { memberships, leases } = subject().catalog;
      const lease = await begun();
      const change = { plan: 'other', present: { c: 9_000 }, until: 9_000 };

      expect(await memberships.begin(lease, change, 2_000)).toBeUndefined();
      expect(await leases.acquire(lease, 'somebody', 2_000, 3_000)).toBeUndefined();
      expect(await leases.acquire(lease, 'somebody', 2_001, 3_000)).toMatchObject({ epoch: 2 });
      expect(await memberships.get(lease)).toBeUndefined();
      expect(await memberships.begin(lease, change, 3_000)).toBeUndefined();
      expect(await memberships.renew(lease, 'a', 9_000, 9_000)).toBeUndefined();
      expect(await memberships.change(lease, 2, change)).toBeUndefined();

      const again = await memberships.begin(lease, change, 3_001);

      expect(again).toEqual({ generation: 3, plan: 'other', expires: { c: 9_000 } });
    });

    it('has a new plan by one of those who change the same generation', async () => {
      const catalogs = [subject().catalog, await subject().another()];
      const lease = await begun();

      const answers = await Promise.all(
        Array.from({ length: 16 }, (_, i) =>
          catalogs[i % 2]!.memberships.change(lease, 1, {
            plan: `plan ${i}`,
            present: { [`m${i}`]: 3_000 },
            gone: ['b', 'nobody'],
            until: 3_000,
          }),
        ),
      );

      const done = answers.filter((one) => one !== undefined);
      expect(done).toHaveLength(1);
      const winner = answers.indexOf(done[0]);
      expect(done[0]).toEqual({
        generation: 2,
        plan: `plan ${winner}`,
        expires: { a: 2_000, [`m${winner}`]: 3_000 },
      });
      expect(await subject().catalog.memberships.get(lease)).toEqual(done[0]);
    });

    it('is kept by each sign of life, whatever else changes, and by none of who is no member', async () => {
      const { memberships, leases } = subject().catalog;
      const lease = await begun();

      const renewed = await memberships.renew(lease, 'a', 5_000, 5_500);

      expect(renewed).toEqual({ generation: 1, plan: 'first', expires: { a: 5_000, b: 1_900 } });
      expect(await leases.acquire(lease, 'somebody', 5_500, 9_000)).toBeUndefined();
      expect(await memberships.renew(lease, 'c', 9_000, 9_000)).toBeUndefined();
      await memberships.change(lease, 1, { plan: 'second', present: { c: 6_000 }, gone: ['b'], until: 6_000 });
      expect(await memberships.renew(lease, 'b', 9_000, 9_000)).toBeUndefined();
      expect(await memberships.renew(lease, 'a', 7_000, 7_000)).toEqual({
        generation: 2,
        plan: 'second',
        expires: { a: 7_000, c: 6_000 },
      });
    });

    it('is released as any other lease', async () => {
      const { memberships, leases } = subject().catalog;
      const lease = await begun();

      await leases.release({ name: lease, owner: 'members', epoch: 1, expires: 1_500 });

      expect(await memberships.get(lease)).toBeUndefined();
      expect(await leases.last(lease)).toEqual({ name: lease, epoch: 1, expires: 1_500 });
      expect(await leases.acquire(lease, 'somebody', 1_400, 3_000)).toMatchObject({ epoch: 2 });
    });

    it('outlives a restart', async () => {
      const lease = await begun();
      const before = await subject().catalog.memberships.get(lease);

      expect(await (await subject().reopen()).memberships.get(lease)).toEqual(before);
    });
  });
}
