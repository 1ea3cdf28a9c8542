import { LRUCache } from 'lru-cache';
import type { Clock } from '../clock.ts';
import { VarveError } from '../errors.ts';
import type { Catalog } from '../stores/catalog/catalog.ts';
import type { Topic } from '../stores/catalog/topics.ts';

/** Topics by name, as this process last saw them. */
export interface TopicCache {
  /** UNKNOWN_TOPIC_OR_PARTITION, said only of the catalog as it is now. */
  get(name: string): Promise<Topic>;
  /** The same, and the partition must exist. */
  partition(name: string, partition: number): Promise<Topic>;
  /** The next `get` asks the catalog. Answers what was known. */
  forget(name: string): Topic | undefined;
}

const KNOWN_TOPICS = 10_000;
/** Where other processes change topics too. */
const MAX_AGE_MS = 5_000;

export function createTopicCache(catalog: Catalog, clock: Clock): TopicCache {
  const known = new LRUCache<string, { topic: Topic; seen: number }>({ max: KNOWN_TOPICS });

  async function get(name: string, exact = false): Promise<Topic> {
    const cached = known.get(name);
    if (cached && !exact && (!catalog.shared || clock.monotonic() - cached.seen < MAX_AGE_MS)) return cached.topic;
    const topic = await catalog.topics.get(name);
    if (!topic) {
      known.delete(name);
      throw new VarveError('UNKNOWN_TOPIC_OR_PARTITION', `there is no topic "${name.slice(0, 249)}"; create it first`);
    }
    known.set(name, { topic, seen: clock.monotonic() });
    return topic;
  }

  return {
    get: (name) => get(name),
    async partition(name, partition) {
      let topic = await get(name);
      if (partition >= topic.partitions && catalog.shared) topic = await get(name, true);
      if (!Number.isSafeInteger(partition) || partition < 0 || partition >= topic.partitions) {
        throw new VarveError(
          'UNKNOWN_TOPIC_OR_PARTITION',
          `topic "${name}" has no partition ${partition}, it has 0 to ${topic.partitions - 1}`,
        );
      }
      return topic;
    },
    forget(name) {
      const topic = known.peek(name)?.topic;
      known.delete(name);
      return topic;
    },
  };
}
