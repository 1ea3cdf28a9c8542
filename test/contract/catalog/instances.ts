import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { freshName, type Subject } from './subject.ts';

export function instancesContract(subject: () => Subject): void {
  describe('an instance of a group', () => {
    it('is made once, changed by whoever knows it as it is, and deleted so', async () => {
      const { instances } = subject().catalog;
      const group = freshName('group');
      expect(await instances.get(group, 'one')).toBeUndefined();

      expect(await instances.swap(group, 'one', 0, 'käse 😀')).toBe(true);
      expect(await instances.swap(group, 'one', 0, 'again')).toBe(false);
      expect(await instances.get(group, 'one')).toEqual({ name: 'one', version: 1, state: 'käse 😀' });

      expect(await instances.swap(group, 'one', 1, 'second')).toBe(true);
      expect(await instances.swap(group, 'one', 1, 'late')).toBe(false);
      expect(await instances.swap(group, 'one', 1, undefined)).toBe(false);
      expect(await instances.swap(group, 'two', 3, 'nothing there')).toBe(false);
      expect(await instances.get(group, 'one')).toEqual({ name: 'one', version: 2, state: 'second' });

      expect(await instances.swap(group, 'one', 2, undefined)).toBe(true);
      expect(await instances.get(group, 'one')).toBeUndefined();
      expect(await instances.swap(group, 'one', 2, 'late')).toBe(false);
    });

    it('is changed by one of many', async () => {
      const catalogs = [subject().catalog, await subject().another()];
      const group = freshName('group');
      await subject().catalog.instances.swap(group, 'one', 0, 'first');

      const done = await Promise.all(
        Array.from({ length: 16 }, (_, i) => catalogs[i % 2]!.instances.swap(group, 'one', 1, `state ${i}`)),
      );

      expect(done.filter(Boolean)).toHaveLength(1);
      expect((await subject().catalog.instances.get(group, 'one'))?.state).toBe(`state ${done.indexOf(true)}`);
    });

    it('is listed with the others of its group, and deleted with the group', async () => {
      const { instances, groups } = subject().catalog;
      const [group, other] = [freshName('group'), freshName('group')];
      await groups.claim(group, 1, [{ topicId: randomUUID(), partition: 0 }]);
      for (const name of ['b', 'a']) await instances.swap(group, name, 0, name);
      await instances.swap(other, 'c', 0, 'c');

      expect((await instances.list(group)).map(({ name, state }) => [name, state])).toEqual([
        ['a', 'a'],
        ['b', 'b'],
      ]);
      await groups.delete(group);

      expect(await instances.list(group)).toEqual([]);
      expect(await instances.list(other)).toHaveLength(1);
    });

    it('outlives a restart', async () => {
      const group = freshName('group');
      await subject().catalog.instances.swap(group, 'one', 0, 'kept');

      expect(await (await subject().reopen()).instances.get(group, 'one')).toMatchObject({ state: 'kept' });
    });
  });
}
