import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createTopic, freshName, type Subject } from './subject.ts';

export function topicsContract(subject: () => Subject): void {
  describe('topics', () => {
    it('are found by name once created', async () => {
      const { catalog } = subject();
      const name = freshName('orders');
      const topic = { name, id: randomUUID(), partitions: 3, config: { 'retention.ms': '1000' }, created: 1234 };

      const created = await catalog.topics.create(topic);

      expect(created).toMatchObject(topic);
      expect(await catalog.topics.get(name)).toEqual(created);
      expect(await catalog.topics.get(`${name}-not`)).toBeUndefined();
    });

    it('refuse a name that is taken and change nothing', async () => {
      const { catalog } = subject();
      const first = await createTopic(subject());

      const second = { ...first, id: randomUUID(), partitions: 9 };

      expect(await catalog.topics.create(second)).toBe('taken');
      expect(await catalog.topics.get(first.name)).toEqual(first);
      expect(await catalog.partitions.head({ topicId: second.id, partition: 0 })).toBeUndefined();
    });
  });
}
