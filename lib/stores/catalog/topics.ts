export interface Topic {
  /** Unique among the topics that exist. */
  name: string;
  /** A UUID, new for every creation: what is late for a deleted topic finds nothing. */
  id: string;
  /** At least 1; only grows. */
  partitions: number;
  /** The values that differ from the defaults, by Kafka's keys. */
  config: Readonly<Record<string, string>>;
  /** Milliseconds since the epoch. */
  created: number;
  /** Rises with every update. */
  revision: number;
}

export interface Topics {
  /** Makes the partitions' heads, then the topic. `taken` when a topic of this name exists; nothing is changed then. */
  create(topic: Omit<Topic, 'revision'>): Promise<Topic | 'taken'>;

  get(name: string): Promise<Topic | undefined>;

  /** Up to `limit` (default 1000) topics whose names sort after `after`, by name. */
  list(options?: { after?: string; limit?: number }): Promise<Topic[]>;

  /** Replaces partition count (never lower) and configuration if the topic is still at `topic.revision`; else `conflict`. */
  update(
    topic: Topic,
    to: { partitions: number; config: Readonly<Record<string, string>> },
  ): Promise<Topic | 'conflict'>;

  /**
   * The name is free at once; then the partitions' heads go, so that late appends find nothing. False when that very topic
   * (by id) no longer exists. Group offsets of the topic go unseen, as they are kept by topic id.
   */
  delete(topic: Topic): Promise<boolean>;

  /**
   * Deletes a bounded part of what is left of topics that were deleted; of those deleted after `before` (milliseconds since the
   * epoch) only the heads, if any: an appender that was on its way may still put bytes beside them. True: there may be more.
   */
  purge(before: number): Promise<boolean>;
}
