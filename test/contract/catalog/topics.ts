import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Topic } from '../../../lib/stores/catalog/topics.ts';
import { append, createTopic, entriesOf, freshName, headOf, newEntry, type Subject } from './subject.ts';

const UNKNOWN = { status: 'refused', code: 'UNKNOWN_TOPIC_OR_PARTITION' };

export function topicsContract(subject: () => Subject): void {
  describe('topics', () => {
    it('are found by name once created, with their partitions', async () => {
      const { catalog } = subject();
      const name = freshName('orders');
      const topic = { name, id: randomUUID(), partitions: 3, config: { 'retention.ms': '1000' }, created: 1234 };

      const created = await catalog.topics.create(topic);

      expect(created).toMatchObject(topic);
      expect(await catalog.topics.get(name)).toEqual(created);
      expect(await catalog.topics.get(`${name}-not`)).toBeUndefined();
      expect(await headOf(catalog, { topicId: topic.id, partition: 2 })).toMatchObject({ highWatermark: 0 });
      expect(await catalog.partitions.head({ topicId: topic.id, partition: 3 })).toBeUndefined();
    });

    it('refuse a name that is taken and change nothing', async () => {
      const { catalog } = subject();
      const first = await createTopic(subject());

      const second = { ...first, id: randomUUID(), partitions: 9 };

      expect(await catalog.topics.create(second)).toBe('taken');
      expect(await catalog.topics.get(first.name)).toEqual(first);
    });

    it('of one name, created by many at once, are one', async () => {
      const catalogs = [subject().catalog, await subject().another()];
      const name = freshName('race');

      const answers = await Promise.all(
        Array.from({ length: 16 }, (_, i) => {
          const topic = { name, id: randomUUID(), partitions: 1 + (i % 3), config: {}, created: i };
          return catalogs[i % 2]!.topics.create(topic);
        }),
      );

      const won = answers.filter((answer) => answer !== 'taken');
      expect(won).toHaveLength(1);
      expect(await subject().catalog.topics.get(name)).toEqual(won[0]);
    });

    it('are listed by name, page by page', async () => {
      const { catalog } = subject();
      const prefix = freshName('page');
      const created: Topic[] = [];
      for (const i of [3, 0, 4, 1, 2]) created.push(await createTopic(subject(), 1, `${prefix}.${i}`));
      created.sort((a, b) => (a.name < b.name ? -1 : 1));

      const first = await catalog.topics.list({ after: prefix, limit: 2 });
      const second = await catalog.topics.list({ after: first[1]!.name, limit: 2 });
      const third = await catalog.topics.list({ after: second[1]!.name, limit: 1 });

      expect([...first, ...second, ...third]).toEqual(created);
      expect(await catalog.topics.list()).toEqual(expect.arrayContaining(created));
    });

    it('are updated at the revision that was read', async () => {
      const { catalog } = subject();
      const topic = await createTopic(subject());

      const updated = await catalog.topics.update(topic, { partitions: 1, config: { 'retention.ms': '5' } });

      expect(updated).toMatchObject({ ...topic, config: { 'retention.ms': '5' }, revision: expect.any(Number) });
      expect(updated !== 'conflict' && updated.revision).toBeGreaterThan(topic.revision);
      expect(await catalog.topics.update(topic, { partitions: 5, config: {} })).toBe('conflict');
      expect(await catalog.topics.get(topic.name)).toEqual(updated);
    });

    it('updated by many at once take one of the updates', async () => {
      const { catalog } = subject();
      const topic = await createTopic(subject());

      const answers = await Promise.all(
        Array.from({ length: 8 }, (_, i) => catalog.topics.update(topic, { partitions: 2, config: { n: `${i}` } })),
      );

      const won = answers.filter((answer) => answer !== 'conflict');
      expect(won).toHaveLength(1);
      expect(await catalog.topics.get(topic.name)).toEqual(won[0]);
    });

    it('grow, and new partitions can be appended to', async () => {
      const { catalog } = subject();
      const topic = await createTopic(subject(), 2);
      await append(catalog, { topicId: topic.id, partition: 1 }, [newEntry(subject())]);

      await catalog.topics.update(topic, { partitions: 4, config: {} });

      expect(await append(catalog, { topicId: topic.id, partition: 3 }, [newEntry(subject())])).toEqual([0]);
      expect(await append(catalog, { topicId: topic.id, partition: 1 }, [newEntry(subject())])).toEqual([1]);
      expect((await catalog.topics.get(topic.name))?.partitions).toBe(4);
    });

    it('outlive a restart, with the catalog’s own id', async () => {
      const { catalog } = subject();
      const topic = await createTopic(subject());

      const reopened = await subject().reopen();

      expect(await reopened.topics.get(topic.name)).toEqual(topic);
      expect(reopened.clusterId).toBe(catalog.clusterId);
      expect((await subject().another()).clusterId).toBe(catalog.clusterId);
    });
  });

  describe('a topic that is deleted', () => {
    it('is gone with its partitions, and what is late for it finds nothing', async () => {
      const { catalog } = subject();
      const topic = await createTopic(subject(), 2);
      const at = { topicId: topic.id, partition: 0 };
      await append(catalog, at, [newEntry(subject())]);

      expect(await catalog.topics.delete(topic)).toBe(true);

      expect(await catalog.topics.get(topic.name)).toBeUndefined();
      expect(await catalog.topics.list({ after: topic.name.slice(0, -1), limit: 10 })).not.toContainEqual(topic);
      expect(await catalog.partitions.head(at)).toBeUndefined();
      expect((await catalog.partitions.append(at, [newEntry(subject())])).outcomes).toEqual([UNKNOWN]);
      expect(await catalog.partitions.raiseLogStart(at, 0)).toBe('unknown partition');
      expect(await catalog.topics.update(topic, { partitions: 2, config: {} })).toBe('conflict');
      expect(await catalog.topics.delete(topic)).toBe(false);
    });

    it('leaves its name to a new topic, which begins empty', async () => {
      const { catalog } = subject();
      const old = await createTopic(subject());
      const before = { topicId: old.id, partition: 0 };
      await append(catalog, before, [newEntry(subject(), { count: 9, producer: { id: 1, epoch: 0, sequence: 0 } })]);
      await catalog.topics.delete(old);

      const topic = await createTopic(subject(), 1, old.name);
      const at = { topicId: topic.id, partition: 0 };
      const fresh = newEntry(subject(), { producer: { id: 1, epoch: 0, sequence: 0 } });

      expect(await append(catalog, at, [fresh])).toEqual([0]);
      expect((await entriesOf(catalog, at)).map((found) => found.entry.id)).toEqual([fresh.id]);
      expect((await catalog.partitions.append(before, [newEntry(subject())])).outcomes).toEqual([UNKNOWN]);
      expect(await catalog.topics.delete(old)).toBe(false);
      expect(await catalog.topics.get(topic.name)).toEqual(topic);
    });

    it('takes no append after that, whoever races', async () => {
      const { catalog } = subject();
      const another = await subject().another();
      const topic = await createTopic(subject());
      const at = { topicId: topic.id, partition: 0 };
      let deleted = false;

      const appenders = Array.from({ length: 8 }, async (_, i) => {
        for (let n = 0; n < 20; n += 1) {
          const late = deleted;
          const { outcomes } = await (i % 2 ? catalog : another).partitions.append(at, [newEntry(subject())]);
          if (late) expect(outcomes).toEqual([UNKNOWN]);
          else expect(['appended', 'refused']).toContain(outcomes[0]!.status);
        }
      });
      await catalog.topics.delete(topic);
      deleted = true;
      await Promise.all(appenders);

      expect(await catalog.partitions.head(at)).toBeUndefined();
    });
  });
}
