import { isDeepStrictEqual } from 'node:util';
import { VarveError } from '../../../errors.ts';
import type { Topic, Topics } from '../topics.ts';
import { type Engine, forEach, insist, obtain, scan } from './engine.ts';
import { newHead } from './head.ts';
import { END, key, START, TOPICS } from './keys.ts';
import { deleteHeads, purge } from './purge.ts';
import type { Item, Put } from './table.ts';

/** Heads that are made side by side. */
const WIDTH = 16;

export function topics(engine: Engine): Topics {
  const { table, clock } = engine;

  async function read(name: string): Promise<Topic | undefined> {
    const item = await obtain(engine, () => table.get(key.topic(name), { consistent: true }));
    return item && decode(item);
  }

  /** Heads come before the topic that counts them, so that a topic which is seen is usable. */
  const makeHeads = (topicId: string, from: number, to: number) =>
    forEach(range(from, to), WIDTH, (partition) =>
      insist(engine, () => table.put(newHead({ topicId, partition }, clock.now()))),
    );

  return {
    async create(topic) {
      // Most names that are taken have been so for long: no heads are made then.
      if (await read(topic.name)) return 'taken';
      const created: Topic = { ...topic, revision: 1 };
      await makeHeads(topic.id, 0, topic.partitions);
      const answer = await insist(engine, () =>
        table.put({ ...encode(created), condition: 'attribute_not_exists(pk)' }),
      );
      if (answer.status === 'ok' || answer.item?.id === topic.id) return created;
      await deleteHeads(engine, topic.id, 0, topic.partitions);
      return 'taken';
    },

    get: read,

    async list({ after, limit = 1_000 } = {}) {
      const listed: Topic[] = [];
      const query = { pk: TOPICS, from: `${after ?? ''}${START}`, to: END, limit, consistent: true };
      for await (const item of scan(engine, query)) listed.push(decode(item));
      return listed;
    },

    async update(topic, to) {
      if (to.partitions < topic.partitions) {
        throw new VarveError('INVALID_PARTITIONS', 'A topic’s partition count only grows; ask for more than it has.');
      }
      await makeHeads(topic.id, topic.partitions, to.partitions);
      const updated: Topic = { ...topic, ...to, revision: topic.revision + 1 };
      const { item, ...rest } = encode(updated);
      const answer = await insist(engine, () =>
        table.put({
          item,
          ...rest,
          condition: '#id = :id AND #revision = :revision',
          names: { '#id': 'id', '#revision': 'revision' },
          values: { ':id': topic.id, ':revision': topic.revision },
        }),
      );
      const mine =
        answer.status === 'ok' || (answer.again && isDeepStrictEqual(answer.item && decode(answer.item), updated));
      if (mine) return updated;
      // Deleted meanwhile: what was made for its growth nobody else knows of.
      if ((await read(topic.name))?.id !== topic.id)
        await deleteHeads(engine, topic.id, topic.partitions, to.partitions);
      return 'conflict';
    },

    async delete({ name, id }) {
      for (;;) {
        const topic = await read(name);
        if (topic?.id !== id) return false;
        const token = Buffer.from(engine.random(16)).toString('hex');
        // The record outlives this process, should it end before the heads are gone. Under one token only the same may be asked.
        const writes = [
          {
            delete: {
              key: key.topic(name),
              condition: '#id = :id AND #revision = :revision',
              names: { '#id': 'id', '#revision': 'revision' },
              values: { ':id': id, ':revision': topic.revision },
            },
          },
          { put: { item: { ...key.deletion(id), name, partitions: topic.partitions, at: clock.now() } } },
        ];
        const answer = await insist(engine, () => table.transact(writes, token));
        if (answer.status === 'refused') continue;
        await deleteHeads(engine, id, 0, topic.partitions);
        return true;
      }
    },

    purge: (before) => purge(engine, before),
  };
}

function encode({ name, config, ...topic }: Topic): Put {
  return { item: { ...key.topic(name), ...topic, config: JSON.stringify(config) } };
}

function decode(item: Item): Topic {
  return {
    name: item.sk as string,
    id: item.id as string,
    partitions: Number(item.partitions),
    config: JSON.parse(item.config as string) as Topic['config'],
    created: Number(item.created),
    revision: Number(item.revision),
  };
}

function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i);
}
