import { VarveError } from '../../errors.ts';
import type { EventLog } from '../event-log.ts';
import { letterMessage } from './letter-message.ts';
import type { OnFailure } from './ports.ts';

/** `onFailure` as Lambda's Kafka event sources name a topic. */
const DESTINATION = /^kafka:\/\/(.+)$/;

/** The topic that a destination names: INVALID_REQUEST when it names none. */
export function topicOf(destination: string): string {
  const topic = DESTINATION.exec(destination)?.[1];
  if (topic !== undefined) return topic;
  throw new VarveError('INVALID_REQUEST', `onFailure: ${destination}: give a topic of this log as kafka://TOPIC.`);
}

/** Tells a topic of the same log what was given up: durable, in order per partition, and read, or subscribed to, by every door. */
export function deadLetterTopic(append: EventLog['append'], now: () => number): OnFailure {
  return async (subscription, letter) => {
    if (subscription.onFailure === undefined) return;
    const value = JSON.stringify(letterMessage(subscription, letter, now()));
    await append(topicOf(subscription.onFailure), [{ key: `${letter.topic}-${letter.partition}`, value }]);
  };
}
