import pLimit from 'p-limit';
import type { Clock } from '../../clock.ts';
import { VarveError } from '../../errors.ts';
import type { Random } from '../../ids.ts';
import type { Catalog } from '../../stores/catalog/catalog.ts';
import type { Subscription } from '../../stores/catalog/subscriptions.ts';
import type { Topic } from '../../stores/catalog/topics.ts';
import type { From } from '../event-log.ts';
import { checkGroupId } from '../groups/group-id.ts';
import { countAsHeld } from '../groups/group-lease.ts';
import { nameFault, unknownTopic } from '../topic-name.ts';
import { compileFilters } from './filters.ts';
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
  /** Lambda's filter patterns, each as JSON: records that match none of them are passed over. 1 to 10. */
  filters?: readonly string[];
  /** The ARN of a queue, a topic of SNS, or a bucket: it is told what was given up. */
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
  /** What the group has committed stays, and expires like that of a group which was left. False when there is none. */
  delete(topic: string, name: string): Promise<boolean>;
}

export interface SubscriptionAdminDeps {
  catalog: Catalog;
  clock: Clock;
  random: Random;
  /** Where a position is now. */
  resolve(topic: Topic, partition: number, from: From): Promise<{ offset: number }>;
}

const AT_ONCE = 16;
/** A run of a delivery is over by then. */
const RUN_MS = 15 * 60_000;

export function createSubscriptionAdmin(deps: SubscriptionAdminDeps): SubscriptionAdmin {
  const { catalog, clock, random, resolve } = deps;

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

  const countAs = (group: string, until: number) =>
    countAsHeld({ leases: catalog.leases, clock, random }, group, until);

  /** Before the subscription goes: once it has gone, upkeep counts from when its group was held last. */
  async function leave(topic: string, name: string, next?: string): Promise<void> {
    const found = (await catalog.subscriptions.list()).find((one) => one.topic === topic && one.name === name);
    if (!found || found.group === next) return;
    await countAs(found.group, clock.now() + RUN_MS);
  }

  return {
    async put({ startingPosition, ...options }) {
      const subscription = subscriptionOf(options);
      const topic = await catalog.topics.get(subscription.topic);
      if (!topic) throw unknownTopic(subscription.topic);
      // What upkeep is about to forget must not go between what is settled and the subscription that keeps it.
      await countAs(subscription.group, clock.now());
      await settle(topic, subscription.group, startingPosition);
      await leave(subscription.topic, subscription.name, subscription.group);
      await catalog.subscriptions.put(subscription);
      return subscription;
    },
    list: () => catalog.subscriptions.list(),
    async delete(topic, name) {
      await leave(topic, name);
      return catalog.subscriptions.delete(topic, name);
    },
  };
}

function subscriptionOf({
  topic,
  name,
  group,
  target,
  targetTimeout,
  enabled = true,
  filters,
  onFailure,
  ...given
}: Omit<SubscribeOptions, 'startingPosition'>): Subscription {
  const fault = nameFault(name);
  if (fault) throw new VarveError('INVALID_REQUEST', `The subscription's name: ${fault}. Choose another one.`);
  checkGroupId(group);
  const settings = deliverySettings(given);
  checkSettings({ ...settings, targetTimeout });
  if (filters) compileFilters(filters);
  const optional = { ...(filters && { filters }), ...(onFailure && { onFailure }) };
  return { topic, name, group, target, targetTimeout, enabled, ...optional, ...settings };
}
