import { LRUCache } from 'lru-cache';
import type { Clock } from '../clock.ts';
import type { Catalog } from '../stores/catalog/catalog.ts';
import type { Topic } from '../stores/catalog/topics.ts';
import { unknownPartition, unknownTopic } from './topic-name.ts';

/** Topics by name, as this process last saw them. UNKNOWN_TOPIC_OR_PARTITION is said only of the catalog as it is now. */
export interface TopicCache {
  /**
   * The topic, one that has the partition if there is such a one now. Who asks for a name first goes on first, though others
   * find in the cache what the first had to look for.
   */
  get(name: string, partition?: number): Promise<Topic>;
  /** The topic of that name as it is now, when that is another than the one that was seen, or has changed. */
  changed(seen: Topic): Promise<Topic | undefined>;
  /** The next `get` asks the catalog. Answers what was known. */
  forget(name: string): Topic | undefined;
}

const KNOWN_TOPICS = 10_000;
/** Where other processes change topics too. */
const MAX_AGE_MS = 5_000;

export function createTopicCache(catalog: Catalog, clock: Clock): TopicCache {
  /** `sent`: the place of the question among all calls. No topic: there was none. */
  const known = new LRUCache<string, { topic: Topic | undefined; seen: number; sent: number }>({ max: KNOWN_TOPICS });
  const turns = new Map<string, Promise<unknown>>();
  let calls = 0;

  async function find(name: string, partition: number, called: number): Promise<Topic> {
    const cached = known.get(name);
    // An answer to a question that was sent after the call is the catalog as it is now: all who waited for their turn share it.
    if (cached && cached.sent > called) return existing(name, cached.topic);
    const isYoung = cached && (!catalog.shared || clock.monotonic() - cached.seen < MAX_AGE_MS);
    if (isYoung && cached.topic && (partition < cached.topic.partitions || !catalog.shared)) return cached.topic;
    return ask(name);
  }

  async function ask(name: string): Promise<Topic> {
    const sent = calls++;
    const seen = clock.monotonic();
    const topic = await catalog.topics.get(name);
    known.set(name, { topic, seen, sent });
    return existing(name, topic);
  }

  return {
    get(name, partition = 0) {
      const called = calls++;
      const look = () => find(name, partition, called);
      const turn = turns.get(name)?.then(look, look) ?? look();
      turns.set(name, turn);
      const leave = () => {
        if (turns.get(name) === turn) turns.delete(name);
      };
      turn.then(leave, leave);
      return turn;
    },
    async changed(seen) {
      const topic = await ask(seen.name);
      return topic.id === seen.id && topic.revision === seen.revision ? undefined : topic;
    },
    forget(name) {
      const topic = known.peek(name)?.topic;
      known.delete(name);
      return topic;
    },
  };
}

function existing(name: string, topic: Topic | undefined): Topic {
  if (!topic) throw unknownTopic(name);
  return topic;
}

export function checkPartition({ name, partitions }: Topic, partition: number): void {
  if (Number.isSafeInteger(partition) && partition >= 0 && partition < partitions) return;
  throw unknownPartition(name, partition, partitions);
}
