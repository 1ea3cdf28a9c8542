/** One configuration key of a topic, as it stands. */
export interface ConfigEntry {
  name: string;
  value: string;
  /** Whether `value` is the default. */
  isDefault: boolean;
  /** False: accepted and shown, and nothing acts on it yet. */
  enforced: boolean;
  type: 'string' | 'int' | 'long' | 'double' | 'boolean' | 'list';
  documentation: string;
}

export interface TopicDescription {
  name: string;
  /** A UUID. */
  id: string;
  partitions: number;
  /** Milliseconds since the epoch. */
  created: number;
  /** Every key that there is, by name. */
  config: ConfigEntry[];
}

export interface CreateTopicOptions {
  /** 1 to 10,000; default 1. */
  partitions?: number;
  config?: Readonly<Record<string, string>>;
  /** Checks everything and creates nothing. */
  validateOnly?: boolean;
}

/** Topics: Kafka's rules for names (INVALID_TOPIC_EXCEPTION), counts (INVALID_PARTITIONS) and configuration (INVALID_CONFIG). */
export interface TopicAdmin {
  /** TOPIC_ALREADY_EXISTS when the name is taken. Usable when it resolves. */
  create(name: string, options?: CreateTopicOptions): Promise<TopicDescription>;
  describe(name: string): Promise<TopicDescription>;
  /** Up to `limit` (default 1000) names sorting after `after`, with partition counts. */
  list(options?: { after?: string; limit?: number }): Promise<{ name: string; id: string; partitions: number }[]>;
  /** Sets keys; null returns one to its default. All or nothing. */
  configure(name: string, changes: Readonly<Record<string, string | null>>): Promise<TopicDescription>;
  /** Raises the partition count to `partitions`. */
  grow(name: string, partitions: number): Promise<TopicDescription>;
  delete(name: string): Promise<void>;
}
