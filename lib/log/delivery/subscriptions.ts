import pLimit from 'p-limit';
import { VarveError } from '../../errors.ts';
import type { Catalog } from '../../stores/catalog/catalog.ts';
import type { Subscription } from '../../stores/catalog/subscriptions.ts';
import type { Topic } from '../../stores/catalog/topics.ts';
import type { From } from '../event-log.ts';
import { checkGroupId } from '../groups/group-id.ts';
import { nameFault, unknownTopic } from '../topic-name.ts';
import { checkSettings, type DeliverySettings, deliverySettings } from './settings.ts';

export interface SubscribeOptions extends Partial<DeliverySettings> {
  topic: string;
  /** Letters, digits, `.`, `_` and `-`, at most 249: unique among the subscriptions of the topic. */
  name: string;
  group: string;
  /** A function's ARN. */
  target: string;
  /** Milliseconds that an invocation takes at most; at most 840,000. */
  targetTimeout: number;
  enabled?: boolean;
  /** A queue's ARN: it is told what was given up. */
  onFailure?: string;
  /**
   * Where partitions begin of which the group has committed nothing; of those that are added later always the log start. It is settled
   * when the subscription is made: records that come after that are delivered.
   */
  startingPosition: Exclude<From, number>;
}

/** Subscriptions: INVALID_REQUEST for settings that cannot be. */
export interface SubscriptionAdmin {
  /** Makes it, or changes its settings. UNKNOWN_TOPIC_OR_PARTITION when there is no such topic. */
  put(options: SubscribeOptions): Promise<Subscription>;
  list(): Promise<Subscription[]>;
  /** What the group has committed stays. False when there is none. */
  delete(topic: string, name: string): Promise<boolean>;
}

export interface SubscriptionAdminDeps {
  catalog: Catalog;
  /** Where a position is now. */
  resolve(topic: Topic, partition: number, from: From): Promise<{ offset: number }>;
}

const AT_ONCE = 16;

export function createSubscriptionAdmin({ catalog, resolve }: SubscriptionAdminDeps): SubscriptionAdmin {
  async function settle(topic: Topic, group: string, from: From): Promise<void> {
    const all = Array.from({ length: topic.partitions }, (_, partition) => ({ topicId: topic.id, partition }));
    const committed = new Set((await catalog.groups.offsets(group, all)).map(({ partition }) => partition));
    await pLimit(AT_ONCE).map(
      all.filter(({ partition }) => !committed.has(partition)),
      async (at) => {
        const { offset } = await resolve(topic, at.partition, from);
        // Somebody else may have committed meanwhile: then that counts.
        await catalog.groups.advance(group, { topic: topic.name, ...at }, undefined, offset);
      },
    );
  }

  return {
    async put({ startingPosition, ...options }) {
      const subscription = subscriptionOf(options);
      const topic = await catalog.topics.get(subscription.topic);
      if (!topic) throw unknownTopic(subscription.topic);
      await settle(topic, subscription.group, startingPosition);
      await catalog.subscriptions.put(subscription);
      return subscription;
    },
    list: () => catalog.subscriptions.list(),
    delete: (topic, name) => catalog.subscriptions.delete(topic, name),
  };
}

function subscriptionOf({
  topic,
  name,
  group,
  target,
  targetTimeout,
  enabled = true,
  onFailure,
  ...given
}: Omit<SubscribeOptions, 'startingPosition'>): Subscription {
  const fault = nameFault(name);
  if (fault) throw new VarveError('INVALID_REQUEST', `The subscription's name: ${fault}. Choose another one.`);
  checkGroupId(group);
  const settings = deliverySettings(given);
  checkSettings({ ...settings, targetTimeout });
  return { topic, name, group, target, targetTimeout, enabled, ...(onFailure && { onFailure }), ...settings };
}
