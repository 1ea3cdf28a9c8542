import type { TopicIdPartition } from './partitions.ts';

/** A topic whose records are delivered to a function, under a group. Durations are milliseconds. */
export interface Subscription {
  topic: string;
  /** Unique among the subscriptions of the topic. */
  name: string;
  /** Its committed offsets are where delivery goes on. */
  group: string;
  /** What is invoked, in the words of whoever invokes it: a function's ARN. */
  target: string;
  /** An invocation that was not answered is over by then. */
  targetTimeout: number;
  enabled: boolean;
  /** Records of one invocation at most. */
  batchSize: number;
  /** How long the first record that arrives waits for others. */
  maxBatchingWindow: number;
  /** Invocations after the first that failed, before a batch is given up; -1: without end. */
  retryAttempts: number;
  /** Older records are given up; -1: none. */
  maxRecordAge: number;
  bisectBatchOnError: boolean;
  /** Into so many shares a partition's records are divided by their keys; each is delivered in order, side by side with the others. */
  parallelizationFactor: number;
  /** Whether the function's answer may name the records that failed. */
  reportBatchItemFailures: boolean;
  /** Patterns, as text: records that match none of them are passed over. Absent: all are delivered. */
  filters?: readonly string[];
  /** Where it is told what was given up, in the words of whoever tells it: an ARN. Absent: nowhere. */
  onFailure?: string;
}

/** One partition of a subscription. */
export interface DeliveryOf extends TopicIdPartition {
  subscription: string;
}

/**
 * Lock and memory of one partition's delivery. `idle` (as when there is none): no message is under way. `queued`: one is, due at
 * `until`. `running`: `run` delivers; whatever it began is over after `until`. Milliseconds since the epoch.
 */
export interface DeliveryState {
  status: 'idle' | 'queued' | 'running';
  until: number;
  run?: string;
  /** Records came that the run may not have seen. */
  wanted?: boolean;
  /** Absent: what is committed says all. */
  progress?: Progress;
}

/** What is known beyond what the group has committed. It is about that offset, and says nothing once the group has another one. */
export interface Progress {
  committed: number;
  /** One of each share of the partition. */
  shares: ShareProgress[];
}

export interface ShareProgress {
  /** The share's records before it are done with. */
  offset: number;
  /** Invocations with the record at `offset` that failed. */
  attempts: number;
  /** The next batch has no more records than this. */
  limit?: number;
  /** How often in a row there was no function to be invoked. */
  refused?: number;
  /** It is not tried again before; milliseconds since the epoch. */
  due?: number;
  /** An invocation may run until then. */
  busy?: true;
}

/** The version rises with every change. */
export type Versioned = DeliveryState & { version: number };

export interface Subscriptions {
  /** Makes it, or replaces the one of that topic and name. */
  put(subscription: Subscription): Promise<void>;

  /** All of them, by topic and name. A log has few. */
  list(): Promise<Subscription[]>;

  /** With the states of its deliveries. False when there is none. */
  delete(topic: string, name: string): Promise<boolean>;

  /** Undefined when nothing was ever delivered. */
  state(of: DeliveryOf): Promise<Versioned | undefined>;

  /** Replaces the state if it still has this version; 0: if there is none. False: somebody else was faster. */
  swap(of: DeliveryOf, version: number, to: DeliveryState): Promise<boolean>;
}
