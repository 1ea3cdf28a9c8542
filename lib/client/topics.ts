import { path, type Requests } from './requests.ts';

export interface TopicSummary {
  name: string;
  /** A UUID. */
  id: string;
  partitions: number;
}

/** One configuration key of a topic, as it stands. */
export interface ConfigEntry {
  value: string;
  is_default: boolean;
  /** False: accepted and shown, and nothing acts on it yet. */
  enforced: boolean;
}

export interface TopicDescription extends TopicSummary {
  /** Milliseconds since the epoch. */
  created: number;
  /** Every key that there is. */
  config: Record<string, ConfigEntry>;
}

export interface NewTopic {
  /** 1 to 10,000; the server's default when absent. */
  partitions?: number;
  config?: Readonly<Record<string, string>>;
}

export interface TopicChanges {
  /** Raises the count. */
  partitions?: number;
  /** null returns a key to its default. */
  config?: Readonly<Record<string, string | null>>;
}

export interface Topics {
  /** TOPIC_ALREADY_EXISTS when the name is taken. Usable when it resolves. */
  create(name: string, options?: NewTopic): Promise<TopicDescription>;
  /** UNKNOWN_TOPIC_OR_PARTITION when there is none. */
  describe(name: string): Promise<TopicDescription>;
  /** Every topic, by name. */
  list(): AsyncIterable<TopicSummary>;
  alter(name: string, changes: TopicChanges): Promise<TopicDescription>;
  delete(name: string): Promise<void>;
}

export function topicsOf({ json }: Requests): Topics {
  return {
    create: (name, options = {}) => json('POST', '/api/topics', { body: JSON.stringify({ name, ...options }) }),
    describe: (name) => json('GET', path`/api/topics/${name}`),
    async *list() {
      for (let after: string | undefined; ; ) {
        const page = await json<{ topics: TopicSummary[]; next: string | null }>('GET', '/api/topics', {
          query: { after, limit: 1000 },
        });
        yield* page.topics;
        if (page.next === null) return;
        after = page.next;
      }
    },
    alter: (name, changes) => json('PATCH', path`/api/topics/${name}`, { body: JSON.stringify(changes) }),
    delete: (name) => json('DELETE', path`/api/topics/${name}`),
  };
}
