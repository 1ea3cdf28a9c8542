import type { LogRecord } from '../../format/records/record.ts';
import type { Subscription } from '../../stores/catalog/subscriptions.ts';
import type { KafkaEvent } from './event.ts';

/** What an invocation came to. */
export type Invocation =
  | { status: 'returned'; answer: unknown }
  /** The function threw, timed out or ended: an attempt at its records. */
  | { status: 'failed' }
  /** It was not invoked, for a reason that is not the records', and that will pass: throttled, updated. */
  | { status: 'unavailable' }
  /** It was not invoked, and will not be before somebody does something: it is not there, or may not be invoked. */
  | { status: 'missing' }
  /** Nobody knows: it may have run, and may still. */
  | { status: 'unknown' };

/** Invokes what a subscription delivers to. Never rejects. */
export type Target = (subscription: Subscription, event: KafkaEvent) => Promise<Invocation>;

/** Records that were given up: they are named, not held, so that they can be read again. */
export interface DeadLetter {
  condition: 'RetryAttemptsExhausted' | 'RecordAgeExceeded' | 'RecordTooLarge';
  topic: string;
  partition: number;
  firstOffset: number;
  lastOffset: number;
  /** Which of those between them were given up, such as `17,19-23`: others were passed over, or delivered. */
  offsets: string;
  /** Milliseconds since the epoch. */
  firstTimestamp: number;
  lastTimestamp: number;
  records: number;
  /** How often the function was invoked with the first of them. */
  invocations: number;
}

/**
 * Tells `subscription.onFailure`, where there is one. Rejects when that is not told: then it is tried again, and the records wait. `event`:
 * the records as the function got them, or would have, if there were no limit.
 */
export type OnFailure = (subscription: Subscription, letter: DeadLetter, event: () => KafkaEvent) => Promise<void>;

/** A message to whoever delivers: one partition of a subscription has something to do. */
export interface DeliveryMessage {
  topic: string;
  subscription: string;
  topicId: string;
  partition: number;
}

/** Sends a message that arrives after `delay` milliseconds, at most 900,000: once, or more than once, or never. Rejects when it is not sent. */
export type Queue = (message: DeliveryMessage, delay: number) => Promise<void>;

/** A partition, as its delivery sees it. */
export interface Lane {
  topic: string;
  partition: number;
  /** What the group has committed. */
  committed(): Promise<number | undefined>;
  /**
   * Records to be delivered from the offset on, or, where that is no longer or never was within the partition, from its nearest end;
   * undefined: its log start. `next`: all before it were looked at. It is `offset` where there is nothing.
   */
  read(
    from: number | undefined,
    most: { records: number; bytes: number },
  ): Promise<{ offset: number; records: LogRecord[]; next: number }>;
  /** Commits `to` if `from` is what is committed. False: it is not. */
  advance(from: number | undefined, to: number): Promise<boolean>;
}
