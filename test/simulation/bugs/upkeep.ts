import type { Catalog } from '../../../lib/stores/catalog/catalog.ts';
import type { Partitions, References, TopicIdPartition } from '../../../lib/stores/catalog/partitions.ts';
import type { Topic } from '../../../lib/stores/catalog/topics.ts';
import type { Check } from '../verdict.ts';
import { type Bug, hasty, withPartitions } from './bug.ts';

/** What notices that bytes are gone which something points to. */
const GONE: readonly Check[] = ['bytes exist', 'plans hold', 'reads are true', 'all is read'];

/** Each fence of the upkeep, left out. */
export const UPKEEP_BUGS: readonly Bug[] = [
  {
    name: 'the floor is not raised before a sweep',
    caughtBy: GONE,
    settings: (settings) => hasty(settings, { wait: 0 }),
    usesCatalog: (inner) => withPartitions(inner, { raiseFloor: async () => {} }),
  },
  {
    name: 'the sweep asks what is referred to before it raises the floor',
    caughtBy: GONE,
    settings: (settings) => hasty(settings, { wait: 0 }),
    usesCatalog(inner) {
      const asked = new Map<string, References>();
      const keyOf = (of: TopicIdPartition) => `${of.topicId}#${of.partition}`;
      return withPartitions(inner, {
        async raiseFloor(of, time) {
          asked.set(keyOf(of), await walk(inner.partitions, of));
          await inner.partitions.raiseFloor(of, time);
        },
        references: async (of) => asked.get(keyOf(of)) ?? { segments: [] },
      });
    },
  },
  {
    name: 'the sweep lists topics before it lists segments',
    caughtBy: GONE,
    settings: (settings) => hasty(settings, { wait: 0 }),
    usesCatalog(inner) {
      const before = new Map<string, Topic[]>();
      return withTopics(inner, {
        async list(options = {}) {
          const now = await inner.topics.list(options);
          // The upkeep alone says where to begin.
          if (options.after !== '') return now;
          const old = before.get('') ?? now;
          before.set('', now);
          return old;
        },
      });
    },
  },
  {
    name: 'the sweep does not look at all that a partition refers to',
    caughtBy: GONE,
    settings: hasty,
    usesCatalog: (inner, dice) =>
      withPartitions(inner, {
        async references(of, from) {
          const found = await inner.partitions.references(of, from);
          return { ...found, segments: found.segments.filter(() => !dice.chance(0.02)) };
        },
      }),
  },
  {
    name: 'the sweep forgets the last partition of a topic',
    caughtBy: GONE,
    settings: hasty,
    usesCatalog: (inner) =>
      withTopics(inner, {
        async list(options = {}) {
          const topics = await inner.topics.list(options);
          if (options.after !== '') return topics;
          return topics.map((topic) => ({ ...topic, partitions: topic.partitions - 1 }));
        },
      }),
  },
  {
    name: 'retention takes one batch too many',
    caughtBy: ['retention is kept'],
    settings: (settings) => ({ ...hasty(settings), retention: [{ 'retention.ms': '5000' }] }),
    usesCatalog: (inner) =>
      withPartitions(inner, {
        raiseLogStart: async (of, offset) => {
          const head = await inner.partitions.head(of);
          return inner.partitions.raiseLogStart(of, Math.min(head?.highWatermark ?? offset, offset + 1));
        },
      }),
  },
  {
    name: 'retention gives nothing up',
    caughtBy: ['storage is freed'],
    settings: (settings) => ({ ...settings, retention: [{ 'retention.ms': '3000' }] }),
    usesCatalog: (inner) =>
      withPartitions(inner, {
        raiseLogStart: async (of) => (await inner.partitions.head(of))?.logStart ?? 'unknown partition',
      }),
  },
  {
    name: 'what is dead is never deleted',
    caughtBy: ['storage is freed'],
    settings: hasty,
    usesObjects: (inner) => ({
      ...inner,
      delete: (names, options) =>
        inner.delete(
          names.filter((name) => !name.startsWith('segments/')),
          options,
        ),
    }),
  },
];

function withTopics(catalog: Catalog, topics: Partial<Catalog['topics']>): Catalog {
  const { create, get, list, update, delete: remove, purge } = catalog.topics;
  return { ...catalog, topics: { create, get, list, update, delete: remove, purge, ...topics } };
}

async function walk(partitions: Partitions, of: TopicIdPartition): Promise<References> {
  const segments: string[] = [];
  for (let from: number | undefined = 0; from !== undefined; ) {
    const step: References = await partitions.references(of, from);
    segments.push(...step.segments);
    from = step.next;
  }
  return { segments };
}
