import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { CommittedOffset } from '../../../lib/stores/catalog/groups.ts';
import { freshName, type Subject } from './subject.ts';

const byPartition = (a: CommittedOffset, b: CommittedOffset) =>
  a.topicId.localeCompare(b.topicId) || a.partition - b.partition;

export function groupsContract(subject: () => Subject): void {
  const committed = async (group: string, partitions?: { topicId: string; partition: number }[]) =>
    (await subject().catalog.groups.offsets(group, partitions)).sort(byPartition);

  const ids = async (options?: { after?: string; limit?: number }) =>
    (await subject().catalog.groups.list(options)).map(({ id }) => id);

  describe('a group', () => {
    it('commits offsets with metadata and reads them back, all or some', async () => {
      const { groups } = subject().catalog;
      const group = `${freshName('group')} \0 käse 😀`;
      const [one, two] = [randomUUID(), randomUUID()].sort() as [string, string];
      const offsets: CommittedOffset[] = [
        { topic: 'orders', topicId: one, partition: 0, offset: 5, metadata: 'm'.repeat(4_096) },
        { topic: 'orders', topicId: one, partition: 70, offset: 2 ** 40 },
        { topic: 'bills', topicId: two, partition: 3, offset: 0, metadata: 'käse \0 😀' },
      ];

      expect(await groups.commit(group, 0, offsets)).toBe('committed');

      expect(await committed(group)).toEqual(offsets);
      expect(await ids({ after: group.slice(0, -3) })).toContain(group);
      expect(
        await committed(group, [
          { topicId: two, partition: 3 },
          { topicId: one, partition: 70 },
          { topicId: one, partition: 1 },
        ]),
      ).toEqual(offsets.slice(1));
      expect(await committed(freshName('group'))).toEqual([]);
    });

    it('may set an offset back, and drops the metadata and leader epoch that a later commit does not give', async () => {
      const { groups } = subject().catalog;
      const group = freshName('group');
      const at = { topic: 'orders', topicId: randomUUID(), partition: 0 };
      await groups.commit(group, 1, [{ ...at, offset: 9, metadata: 'x', leaderEpoch: 7 }]);

      await groups.commit(group, 1, [{ ...at, offset: 4 }]);

      expect(await committed(group)).toEqual([{ ...at, offset: 4 }]);
    });

    it('keeps leader epochs as they are told, until the offset moves on', async () => {
      const { groups } = subject().catalog;
      const group = freshName('group');
      const topicId = randomUUID();
      const offsets = [0, 5, 2 ** 31 - 1, -2].map((leaderEpoch, partition) => {
        return { topic: 'orders', topicId, partition, offset: 1, leaderEpoch };
      });
      await groups.commit(group, 1, offsets);

      expect(await committed(group)).toEqual(offsets);
      expect(await groups.claim(group, 1, [offsets[1]!])).toEqual([offsets[1]]);
      const { leaderEpoch, ...at } = offsets[0]!;
      await groups.advance(group, at, 1, 2);
      await groups.forget(group, 1, [offsets[1]!]);
      await groups.advance(group, { ...at, partition: 1 }, undefined, 3);
      expect(await committed(group)).toEqual([
        { ...at, offset: 2 },
        { ...at, partition: 1, offset: 3 },
        ...offsets.slice(2),
      ]);
    });

    it('may have an empty id, and is listed first then', async () => {
      const { groups } = subject().catalog;
      const at = { topic: 'orders', topicId: randomUUID(), partition: 0 };

      expect(await groups.commit('', 0, [{ ...at, offset: 3 }])).toBe('committed');

      expect(await committed('', [at])).toEqual([{ ...at, offset: 3 }]);
      expect(await ids({ limit: 1 })).toEqual(['']);
      expect(await ids({ after: '' })).not.toContain('');
      expect(await groups.delete('')).toBe(true);
      expect(await ids({ limit: 1 })).not.toContain('');
    });

    it('is not set back by a commit that is to go forward and comes late', async () => {
      const { groups } = subject().catalog;
      const group = freshName('group');
      const topicId = randomUUID();
      const at = (partition: number, offset: number) => ({ topic: 'orders', topicId, partition, offset });
      await groups.claim(group, 3, [at(0, 0), at(1, 0)]);
      await groups.commit(group, 3, [at(0, 9), at(1, 9)], { forward: true });

      const late = await groups.commit(group, 3, [at(0, 4), at(1, 10)], { forward: true });
      const again = await groups.commit(group, 3, [at(0, 9)], { forward: true });
      const fenced = await groups.commit(group, 2, [at(0, 20)], { forward: true });

      expect([late, again, fenced]).toEqual(['committed', 'committed', 'fenced']);
      expect(await committed(group)).toEqual([at(0, 9), at(1, 10)]);
    });

    it('moves on from what is committed, and from nothing else, whoever claimed it', async () => {
      const { groups } = subject().catalog;
      const group = freshName('group');
      const at = { topic: 'orders', topicId: randomUUID(), partition: 65 };

      expect(await groups.advance(group, at, 0, 5)).toBe('moved');
      expect(await groups.advance(group, at, undefined, 5)).toBe('committed');
      expect(await groups.advance(group, at, undefined, 6)).toBe('moved');
      await groups.claim(group, 7, [at]);
      expect(await groups.advance(group, at, 5, 9)).toBe('committed');
      expect(await groups.advance(group, at, 5, 10)).toBe('moved');

      expect(await committed(group)).toEqual([{ ...at, offset: 9 }]);
      expect(await groups.commit(group, 6, [{ ...at, offset: 1 }])).toBe('fenced');
      expect(await groups.commit(group, 7, [{ ...at, offset: 2, metadata: 'x' }])).toBe('committed');
      expect(await groups.advance(group, at, 9, 10)).toBe('moved');
      expect(await groups.advance(group, at, 2, 3)).toBe('committed');
      expect(await committed(group)).toEqual([{ ...at, offset: 3 }]);
      expect(await ids({ after: group.slice(0, -1) })).toContain(group);
    });

    it('is moved on by one of those who go on from the same offset', async () => {
      const catalogs = [subject().catalog, await subject().another()];
      const group = freshName('group');
      const at = { topic: 'orders', topicId: randomUUID(), partition: 0 };
      await subject().catalog.groups.commit(group, 0, [{ ...at, offset: 0 }]);

      const outcomes = await Promise.all(
        Array.from({ length: 16 }, (_, i) => catalogs[i % 2]!.groups.advance(group, at, 0, i + 1)),
      );

      expect(outcomes.filter((one) => one === 'committed')).toHaveLength(1);
      expect(await committed(group)).toEqual([{ ...at, offset: outcomes.indexOf('committed') + 1 }]);
    });

    it('keeps its offsets apart from another group’s', async () => {
      const { groups } = subject().catalog;
      const [a, b] = [freshName('group'), freshName('group')];
      const at = { topic: 'orders', topicId: randomUUID(), partition: 0 };

      await groups.commit(a, 0, [{ ...at, offset: 1 }]);
      await groups.claim(a, 5, [at]);
      await groups.commit(b, 0, [{ ...at, offset: 2 }]);

      expect(await committed(a)).toEqual([{ ...at, offset: 1 }]);
      expect(await committed(b)).toEqual([{ ...at, offset: 2 }]);
    });

    it('commits hundreds of partitions at once', async () => {
      const { groups } = subject().catalog;
      const group = freshName('group');
      const topicId = randomUUID();
      const offsets = Array.from({ length: 200 }, (_, partition) => ({
        topic: 'orders',
        topicId,
        partition,
        offset: partition * 10,
      }));

      expect(await groups.commit(group, 0, offsets)).toBe('committed');

      expect(await committed(group)).toEqual(offsets);
    });
  });

  describe('a claim', () => {
    it('answers what is committed and fences lower generations off', async () => {
      const { groups } = subject().catalog;
      const group = freshName('group');
      const at = { topic: 'orders', topicId: randomUUID(), partition: 0 };
      const next = { ...at, partition: 200 };
      await groups.commit(group, 3, [{ ...at, offset: 5, metadata: 'here' }]);

      expect(await groups.claim(group, 4, [at, next])).toEqual([{ ...at, offset: 5, metadata: 'here' }]);

      expect(await groups.commit(group, 3, [{ ...at, offset: 6 }])).toBe('fenced');
      expect(await groups.commit(group, 3, [{ ...next, offset: 6 }])).toBe('fenced');
      expect(await groups.claim(group, 3, [at])).toBe('fenced');
      expect(await groups.commit(group, 4, [{ ...at, offset: 7 }])).toBe('committed');
      expect(await groups.claim(group, 4, [at])).toEqual([{ ...at, offset: 7 }]);
      expect(await committed(group)).toEqual([{ ...at, offset: 7 }]);
    });

    it('is implied by a commit of a higher generation', async () => {
      const { groups } = subject().catalog;
      const group = freshName('group');
      const at = { topic: 'orders', topicId: randomUUID(), partition: 0 };

      await groups.commit(group, 6, [{ ...at, offset: 3 }]);
      await groups.commit(group, 8, [{ ...at, offset: 5 }]);

      expect(await groups.commit(group, 7, [{ ...at, offset: 4 }])).toBe('fenced');
      expect(await groups.claim(group, 7, [at])).toBe('fenced');
      expect(await committed(group)).toEqual([{ ...at, offset: 5 }]);
    });

    it('fences the whole commit of neighbouring partitions', async () => {
      const { groups } = subject().catalog;
      const group = freshName('group');
      const topicId = randomUUID();
      const [one, two] = [0, 1].map((partition) => ({ topic: 'orders', topicId, partition }));
      await groups.claim(group, 2, [two!]);

      const outcome = await groups.commit(group, 1, [
        { ...one!, offset: 1 },
        { ...two!, offset: 1 },
      ]);

      expect(outcome).toBe('fenced');
      expect(await committed(group)).toEqual([]);
    });

    it('decides between two members that each believe to own the partition', async () => {
      const { groups } = subject().catalog;
      const other = (await subject().another()).groups;
      const group = freshName('group');
      const at = { topic: 'orders', topicId: randomUUID(), partition: 0 };
      await groups.claim(group, 1, [at]);

      const late = Array.from({ length: 10 }, (_, i) => groups.commit(group, 1, [{ ...at, offset: i }]));
      const seen = await other.claim(group, 2, [at]);
      await other.commit(group, 2, [{ ...at, offset: 1_000 }]);
      await Promise.all(late);

      expect(seen).not.toBe('fenced');
      expect(await groups.commit(group, 1, [{ ...at, offset: 11 }])).toBe('fenced');
      expect(await committed(group)).toEqual([{ ...at, offset: 1_000 }]);
    });
  });

  describe('the list of groups', () => {
    it('has those that claimed or committed, in order, page by page', async () => {
      const { groups } = subject().catalog;
      const prefix = freshName('list');
      const names = Array.from({ length: 7 }, (_, i) => `${prefix}-${i}`);
      const at = { topic: 'orders', topicId: randomUUID(), partition: 0 };
      for (const [i, name] of names.entries()) {
        if (i % 2) await groups.commit(name, 0, [{ ...at, offset: 0 }]);
        else await groups.claim(name, 1, [at]);
      }

      const pages = [];
      for (let after = prefix; ; ) {
        const page = (await ids({ after, limit: 3 })).filter((name) => name.startsWith(prefix));
        pages.push(...page);
        if (page.length < 3) break;
        after = page.at(-1)!;
      }

      expect(pages).toEqual(names);
      expect(await ids()).toEqual(expect.arrayContaining(names));
    });

    it('keeps what a coordinator knows, the highest generation last', async () => {
      const { groups } = subject().catalog;
      const group = freshName('group');
      const large = new Uint8Array(250_000).fill(7);
      expect(await groups.kept(group, 4)).toBeUndefined();
      expect(await groups.keep(group, 3, new Uint8Array([0]), 'consumer')).toBe('fenced');

      expect(await groups.keep(group, 5, new Uint8Array([1]), 'consumer')).toBe('kept');
      expect(await groups.keep(group, 5, new Uint8Array([2]), 'consumer')).toBe('kept');
      expect(await groups.keep(group, 4, new Uint8Array([3]), 'consumer')).toBe('fenced');
      expect(await groups.kept(group, 4)).toBe('fenced');
      expect(await groups.kept(group, 6)).toEqual(new Uint8Array([2]));
      expect(await groups.keep(group, 5, new Uint8Array([3]), 'consumer')).toBe('fenced');
      expect(await ids({ after: group.slice(0, -1) })).toContain(group);
      expect(await groups.keep(group, 6, large, 'consumer')).toBe('kept');
      expect(await groups.kept(group, 6)).toEqual(large);

      expect(await groups.delete(group)).toBe(true);
      expect(await groups.kept(group, 1)).toBeUndefined();
      expect(await groups.keep(group, 1, new Uint8Array([4]), 'consumer')).toBe('kept');
    });

    it('tells the protocol type that a coordinator kept a group with last, and finds one group', async () => {
      const { groups } = subject().catalog;
      const another = (await subject().another()).groups;
      const [group, other] = [freshName('group'), freshName('group')];
      const found = async () => [await groups.find(group), await another.find(group)];
      expect(await found()).toEqual([undefined, undefined]);

      await groups.commit(group, 1, [{ topic: 'orders', topicId: randomUUID(), partition: 0, offset: 1 }]);
      expect(await found()).toEqual([{ id: group }, { id: group }]);
      for (const protocolType of ['connect', 'consumer']) {
        await groups.keep(group, 1, new Uint8Array([1]), protocolType);
        expect(await found()).toEqual([
          { id: group, protocolType },
          { id: group, protocolType },
        ]);
      }
      await groups.keep(other, 1, new Uint8Array([1]), '');

      expect(await groups.list({ after: group.slice(0, -1), limit: 2 })).toEqual([
        { id: group, protocolType: 'consumer' },
        { id: other, protocolType: '' },
      ]);
      await groups.delete(group);
      expect(await found()).toEqual([undefined, undefined]);
    });

    it('forgets the offsets of some partitions, under the fences that stay', async () => {
      const { groups } = subject().catalog;
      const group = freshName('group');
      const topicId = randomUUID();
      const at = (partition: number) => ({ topic: 'orders', topicId, partition });
      await groups.commit(group, 5, [
        { ...at(0), offset: 1, metadata: 'one' },
        { ...at(1), offset: 2 },
        { ...at(70), offset: 3 },
      ]);

      expect(await groups.forget(group, 4, [at(0)])).toBe('fenced');
      expect(await groups.forget(group, 6, [at(0), at(70), at(3)])).toBe('forgotten');

      expect(await committed(group)).toEqual([{ ...at(1), offset: 2 }]);
      expect(await groups.commit(group, 5, [{ ...at(0), offset: 9 }])).toBe('fenced');
    });

    it('forgets a group that is deleted, with its offsets and fences', async () => {
      const { groups } = subject().catalog;
      const group = freshName('group');
      const topicId = randomUUID();
      await groups.claim(group, 9, [{ topicId, partition: 0 }]);
      await groups.commit(group, 9, [
        { topic: 'orders', topicId, partition: 0, offset: 5 },
        { topic: 'orders', topicId, partition: 100, offset: 6 },
      ]);

      expect(await groups.delete(group)).toBe(true);

      expect(await groups.delete(group)).toBe(false);
      expect(await committed(group)).toEqual([]);
      expect(await ids({ after: group.slice(0, -1) })).not.toContain(group);
      expect(await groups.commit(group, 0, [{ topic: 'orders', topicId, partition: 0, offset: 1 }])).toBe('committed');
    });
  });
}
