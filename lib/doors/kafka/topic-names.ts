import { LRUCache } from 'lru-cache';
import type { EventLog } from '../../log/event-log.ts';
import { type TopicSummary, topicsById } from './topics.ts';

/**
 * Names of topics by id, for requests that name topics by ids only (KIP-516). A topic keeps its name for life and ids are never used
 * again, so what is known stays true; whether the topic is still there only the log can say.
 */
export interface TopicNames {
  learn(topic: { id: string; name: string }): void;
  /** By id; ids that no topic has are left out. */
  of(ids: Iterable<string>): Promise<ReadonlyMap<string, string>>;
}

const KNOWN = 10_000;

/**
 * Clients learn ids from this gateway's answers, or from one before it: what is not known is looked for among all topics, once for
 * all who ask meanwhile.
 */
export function createTopicNames(log: EventLog): TopicNames {
  const known = new LRUCache<string, string>({ max: KNOWN });
  let looking: Promise<unknown> = Promise.resolve();
  /** The look that has not begun yet: a topic that was made before a call is found by a look that begins after it. */
  let next: { ids: Set<string>; found: Promise<Map<string, TopicSummary>> } | undefined;

  function lookFor(ids: readonly string[]): Promise<Map<string, TopicSummary>> {
    next ??= queue();
    for (const id of ids) next.ids.add(id);
    return next.found;
  }

  function queue() {
    const ids = new Set<string>();
    const look = () => {
      next = undefined;
      return topicsById(log, ids);
    };
    const found = looking.then(look, look);
    looking = found;
    return { ids, found };
  }

  function learn({ id, name }: { id: string; name: string }): void {
    known.set(id, name);
  }

  return {
    learn,
    async of(ids) {
      const names = new Map<string, string>();
      const unknown: string[] = [];
      for (const id of ids) {
        const name = known.get(id);
        if (name === undefined) unknown.push(id);
        else names.set(id, name);
      }
      if (unknown.length === 0) return names;
      const found = await lookFor(unknown);
      for (const id of unknown) {
        const topic = found.get(id);
        if (!topic) continue;
        learn(topic);
        names.set(id, topic.name);
      }
      return names;
    },
  };
}
