import { LRUCache } from 'lru-cache';
import { asFailure, type VarveError } from '../../errors.ts';
import type { EventLog } from '../../log/event-log.ts';
import { type TopicSummary, topicsById } from './topics.ts';

/**
 * Names of topics by id, for requests that name topics by ids only (KIP-516). A topic keeps its name for life and ids are never used
 * again, so what is known stays true; whether the topic is still there only the log can say.
 */
export interface TopicNames {
  learn(topic: { id: string; name: string }): void;
  /** By id; ids that no topic has are left out. Where a name could not be looked for, why. */
  of(ids: Iterable<string>): Promise<ReadonlyMap<string, string | VarveError>>;
}

const KNOWN = 10_000;

/**
 * Clients learn ids from this gateway's answers, or from one before it: what is not known is looked for among all topics, once for
 * all who ask meanwhile. Who asks for an id first goes on first, though others find known what the first had to look for.
 */
export function createTopicNames(log: EventLog): TopicNames {
  const known = new LRUCache<string, string>({ max: KNOWN });
  const turns = new Map<string, Promise<string | undefined>>();
  let looking: Promise<unknown> = Promise.resolve();
  /** The look that has not begun yet: a topic that was made before a call is found by a look that begins after it. */
  let next: { ids: Set<string>; found: Promise<Map<string, TopicSummary>> } | undefined;

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

  async function find(id: string): Promise<string | undefined> {
    const name = known.get(id);
    if (name !== undefined) return name;
    next ??= queue();
    next.ids.add(id);
    const topic = (await next.found).get(id);
    if (topic) known.set(id, topic.name);
    return topic?.name;
  }

  function nameOf(id: string): string | undefined | Promise<string | undefined> {
    const before = turns.get(id);
    if (!before && known.has(id)) return known.get(id);
    const look = () => find(id);
    const turn = before?.then(look, look) ?? look();
    turns.set(id, turn);
    const leave = () => {
      if (turns.get(id) === turn) turns.delete(id);
    };
    turn.then(leave, leave);
    return turn;
  }

  return {
    learn({ id, name }) {
      known.set(id, name);
    },
    async of(ids) {
      const names = new Map<string, string | VarveError>();
      const asked = [...ids].map((id) => [id, nameOf(id)] as const);
      for (const [id, found] of asked) {
        const name = typeof found === 'string' ? found : await found?.catch(asFailure);
        if (name !== undefined) names.set(id, name);
      }
      return names;
    },
  };
}
