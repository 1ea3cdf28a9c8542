import pLimit from 'p-limit';
import type { Clock } from '../../clock.ts';
import { VarveError } from '../../errors.ts';
import type { Random } from '../../ids.ts';
import type { Catalog } from '../../stores/catalog/catalog.ts';
import { partitionKey, type TopicIdPartition } from '../../stores/catalog/partitions.ts';
import type { DeliveryOf, DeliveryState, Subscription } from '../../stores/catalog/subscriptions.ts';
import type { Heads } from '../heads.ts';
import type { Reader } from '../reader.ts';
import { isUnknownTopic } from '../topic-name.ts';
import { unansweredFor, type Why } from './attempt.ts';
import { logLane } from './lane.ts';
import type { DeadLetter, DeliveryMessage, OnFailure, Queue, Target } from './ports.ts';
import { DEFAULT_SETTINGS } from './settings.ts';
import * as states from './states.ts';
import { step } from './step.ts';

export interface DeliveryOptions {
  target: Target;
  queue: Queue;
  onFailure: OnFailure;
  /** The pause before a batch that failed is tried again, instead of the one that is due. Milliseconds. For tests. */
  retryPause?: (due: number) => number;
}

/** What became of a message. */
export interface DeliveryReport {
  /** `over`: nothing is left to deliver. `later`: a message is on its way. `lost`: another run has the partition. `none`: no such subscription, or nothing to do. */
  status: 'over' | 'later' | 'lost' | 'none';
  invocations: number;
  /** Records. */
  delivered: number;
  /** Why records have to be tried again. */
  why?: Why;
  given: DeadLetter[];
  /** What went wrong with the stores or the queue. */
  failure?: unknown;
}

/** Records of a subscription's topic that its group has not committed, in all partitions. */
export interface SubscriptionLag {
  topic: string;
  group: string;
  name: string;
  lag: number;
}

/**
 * Delivers the records of topics to functions, at least once, in order per partition. Anyone may call any of it, at any time and twice:
 * the states of the deliveries and the committed offsets decide.
 */
export interface Delivery {
  /** These partitions may have new records. Answers how many messages were sent. */
  wake(changed: readonly TopicIdPartition[]): Promise<number>;
  /**
   * Wakes what lags behind: after messages were lost, and for subscriptions that are new. Answers how many messages were sent, and who
   * lags how far. `lost`: whatever the states say, no message is under way. `anew`: nor is there a reason any more to wait for another try.
   */
  sweep(
    which?: { topic: string; name: string },
    messages?: 'sent' | 'lost' | 'anew',
  ): Promise<{ sent: number; lags: SubscriptionLag[] }>;
  /** A message has come. `timeLeft`: milliseconds that the caller has; an invocation begins only with enough of them for its end. */
  run(message: DeliveryMessage, timeLeft: () => number): Promise<DeliveryReport>;
}

export interface DeliveryDeps {
  catalog: Catalog;
  reader: Reader;
  heads: Heads;
  clock: Clock;
  random: Random;
}

/** What a run needs beside the invocation: to read, to commit, to send. */
const MARGIN_MS = 10_000;
/** A run is given up by others so long after its last invocation must have ended. */
const GRACE_MS = 15_000;
/** After a failure of the stores. */
const FAILED_MS = 5_000;
const TRIES = 20;
const AT_ONCE = 16;
const HEADS_AT_ONCE = 100;
/** Topics of which it is known whether they are subscribed to. */
const MAX_KNOWN = 10_000;

export function createDelivery(deps: DeliveryDeps, options: DeliveryOptions): Delivery {
  const { target, queue, onFailure, retryPause = (due) => due } = options;
  const { catalog, clock, random } = deps;
  const { subscriptions } = catalog;
  /** A topic's id has one name for ever. `subscribed`: the names among which it was looked for. */
  const names = new Map<string, { name: string | undefined; subscribed: string }>();

  /** Applies a change until nobody else is faster. Undefined: the change does not apply. */
  async function change<T extends DeliveryState>(
    of: DeliveryOf,
    to: (state: DeliveryState) => T | undefined,
  ): Promise<T | undefined> {
    for (let tries = 0; tries < TRIES; tries++) {
      const { version, ...state } = (await subscriptions.state(of)) ?? { ...states.IDLE, version: 0 };
      const next = to(state);
      if (!next || (await subscriptions.swap(of, version, next))) return next;
    }
    throw new VarveError('KAFKA_STORAGE_ERROR', 'The state of a delivery changes all the time: try again.');
  }

  async function wakeOne(subscription: Subscription, at: TopicIdPartition, anew = false): Promise<boolean> {
    const { topic, name, maxBatchingWindow } = subscription;
    const of: DeliveryOf = { ...at, subscription: name };
    const next = await change(of, (state) => states.wake(state, clock.now(), maxBatchingWindow, anew));
    if (next?.status !== 'queued') return false;
    try {
      await queue({ topic, subscription: name, ...at }, maxBatchingWindow);
    } catch (error) {
      // As if nobody had asked: whoever asks next tries again.
      await change(of, (state) => (state.status === 'queued' && state.until === next.until ? idle(state) : undefined));
      throw error;
    }
    return true;
  }

  async function topicNames(ids: readonly string[], subscribed: readonly string[]): Promise<void> {
    const among = subscribed.join();
    const isKnown = (id: string) => {
      const known = names.get(id);
      return known && (known.name !== undefined || known.subscribed === among);
    };
    if (ids.every(isKnown)) return;
    const topics = await pLimit(AT_ONCE).map([...subscribed], (name) => catalog.topics.get(name));
    if (names.size > MAX_KNOWN) names.clear();
    for (const id of ids) if (!isKnown(id)) names.set(id, { name: undefined, subscribed: among });
    for (const topic of topics) if (topic) names.set(topic.id, { name: topic.name, subscribed: among });
  }

  async function count(work: readonly (() => Promise<boolean>)[]): Promise<number> {
    const done = await Promise.allSettled(work.map(pLimit(AT_ONCE)));
    for (const one of done) if (one.status === 'rejected') throw one.reason;
    return done.filter((one) => one.status === 'fulfilled' && one.value).length;
  }

  /** Partitions with something to deliver, and how many records that is. */
  async function lagging(subscription: Subscription): Promise<(TopicIdPartition & { lag: number })[]> {
    const topic = await catalog.topics.get(subscription.topic);
    const all = Array.from({ length: topic?.partitions ?? 0 }, (_, partition) => ({ topicId: topic!.id, partition }));
    const found: (TopicIdPartition & { lag: number })[] = [];
    for (let i = 0; i < all.length; i += HEADS_AT_ONCE) {
      const some = all.slice(i, i + HEADS_AT_ONCE);
      const committed = await catalog.groups.offsets(subscription.group, some);
      const offsets = new Map(committed.map(({ partition, offset }) => [partition, offset]));
      const heads = await catalog.partitions.peek(some);
      for (const [at, head] of heads.entries()) {
        const of = some[at]!;
        const lag = head ? head.highWatermark - Math.max(offsets.get(of.partition) ?? 0, head.logStart) : 0;
        if (lag > 0) found.push({ ...of, lag });
      }
    }
    return found;
  }

  return {
    async wake(changed) {
      const all = (await subscriptions.list()).filter(({ enabled }) => enabled);
      const subscribed = [...new Set(all.map(({ topic }) => topic))];
      await topicNames([...new Set(changed.map(({ topicId }) => topicId))], subscribed);
      const distinct = new Map(changed.map((one) => [partitionKey(one), one]));
      return count(
        [...distinct.values()].flatMap(({ topicId, partition }) => {
          const name = names.get(topicId)?.name;
          const concerned = all.filter(({ topic }) => topic === name);
          return concerned.map((subscription) => () => wakeOne(subscription, { topicId, partition }));
        }),
      );
    },

    async sweep(which, messages = 'sent') {
      const all = (await subscriptions.list()).filter(({ enabled }) => enabled);
      const chosen = which ? all.filter(({ topic, name }) => topic === which.topic && name === which.name) : all;
      const lags: SubscriptionLag[] = [];
      let sent = 0;
      for (const subscription of chosen) {
        const { topic, group, name } = subscription;
        const partitions = await lagging(subscription);
        lags.push({ topic, group, name, lag: partitions.reduce((sum, { lag }) => sum + lag, 0) });
        const wake = async (at: TopicIdPartition) => {
          if (await wakeOne(subscription, at, messages === 'anew')) return true;
          // Too early, it is sent again for when it is due.
          if (messages !== 'sent') await queue({ topic, subscription: name, ...at }, 0);
          return messages !== 'sent';
        };
        sent += await count(
          partitions.map(
            ({ topicId, partition }) =>
              () =>
                wake({ topicId, partition }),
          ),
        );
      }
      return { sent, lags };
    },

    async run(message, timeLeft) {
      const { topic, topicId, partition, subscription: name } = message;
      const of: DeliveryOf = { subscription: name, topicId, partition };
      const report: DeliveryReport = { status: 'none', invocations: 0, delivered: 0, given: [] };
      const end = (status: DeliveryReport['status']) => ({ ...report, status });
      const all = await subscriptions.list();
      const found = all.find((one) => one.topic === topic && one.name === name);
      if (!found?.enabled) return end('none');
      // It may have been made before there was each of them.
      const subscription = { ...DEFAULT_SETTINGS, ...found };

      const run = Buffer.from(random(9)).toString('base64url');
      const lasting = subscription.targetTimeout + GRACE_MS;
      let until = clock.now() + lasting;
      let early = 0;
      const taken = await change(of, (state) => {
        const to = states.take(state, clock.now(), run, until);
        early = typeof to === 'number' ? to : 0;
        return typeof to === 'object' ? to : undefined;
      });
      if (early > 0) {
        // Perhaps the message of a run that died: then nobody else has one.
        await queue(message, early);
        return end('later');
      }
      if (!taken) return end('none');

      let { progress } = taken;
      let stopped: 'time' | 'lost' | undefined;
      /** Until then an invocation may run that was not answered: for where its share's progress is not kept. */
      let busyUntil = 0;
      const later = async (after: number) => {
        const due = clock.now() + after;
        if (!(await change(of, (state) => states.requeue(state, run, due, progress)))) return end('lost');
        await queue(message, after);
        return end('later');
      };
      const lane = logLane(deps, subscription, { topicId, partition });
      const stepDeps = {
        onFailure,
        retryPause,
        now: () => clock.now(),
        async mayGoOn() {
          stopped = undefined;
          // As often as it takes: what was asked for may have been granted too late to rely on.
          while (!stopped && clock.now() + lasting > until + GRACE_MS / 2) {
            const next = clock.now() + lasting;
            if (await change(of, (state) => states.extend(state, run, next))) until = next;
            else stopped = 'lost';
          }
          if (!stopped && timeLeft() < subscription.targetTimeout + MARGIN_MS) stopped = 'time';
          return stopped === undefined;
        },
        target: async (...args: Parameters<Target>) => {
          // Whoever was frozen since it asked may have lost the partition: it asks again.
          if (clock.now() + subscription.targetTimeout > until) return { status: 'unavailable' as const };
          report.invocations += 1;
          const invocation = await target(...args);
          if (invocation.status === 'unknown') busyUntil = clock.now() + unansweredFor(subscription);
          return invocation;
        },
      };

      const deliver = async (): Promise<DeliveryReport> => {
        for (;;) {
          const done = await step(stepDeps, subscription, lane, progress);
          progress = done.progress;
          report.delivered += done.delivered;
          report.given.push(...done.given);
          if (done.why) report.why = done.why;
          if (done.status === 'stopped') return stopped === 'lost' ? end('lost') : later(0);
          if (done.status === 'waits') return later(done.after);
          if (done.status === 'moved' && busyUntil > clock.now()) return later(busyUntil - clock.now());
          if (done.status !== 'empty') continue;
          const released = await change(of, (state) => states.release(state, run));
          if (!released) return end('lost');
          if (released.status === 'idle') return end('over');
        }
      };
      try {
        return await deliver();
      } catch (error) {
        report.failure = error;
        if (isUnknownTopic(error)) {
          await change(of, (state) => states.release({ ...state, wanted: false }, run));
          return end('over');
        }
        // What the stores refuse now they may take later.
        return await later(Math.max(FAILED_MS, busyUntil - clock.now()));
      }
    },
  };
}

function idle({ progress }: DeliveryState): DeliveryState {
  return { ...states.IDLE, ...(progress && { progress }) };
}
