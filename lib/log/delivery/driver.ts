import pLimit from 'p-limit';
import type { Clock } from '../../clock.ts';
import { partitionKey, type TopicIdPartition } from '../../stores/catalog/partitions.ts';
import type { Subscription } from '../../stores/catalog/subscriptions.ts';
import type { EventLog } from '../event-log.ts';
import { every } from '../upkeep/schedule.ts';
import { deadLetterTopic } from './dead-letter-topic.ts';
import { createDelivery, type DeliveryDeps, type DeliveryOptions, type DeliveryReport } from './delivery.ts';
import type { DeadLetter, DeliveryMessage, OnFailure, Target } from './ports.ts';
import type { SubscriptionAdmin } from './subscriptions.ts';

/** What a log needs to deliver by itself, in its own process. */
export interface SelfDelivery extends Pick<DeliveryOptions, 'retryPause'> {
  /** One whose timers let the process end. */
  clock: Clock;
  /** The signal aborts when the log closes and waits no longer: what is under way then has the outcome `unknown`. */
  target(signal: AbortSignal): Target;
  /** Told of records that are about to be passed over. It may be told of the same again. */
  onGivenUp?(subscription: Subscription, letter: DeadLetter): void;
  /** Told what each run came to. */
  onRun?(message: DeliveryMessage, report: DeliveryReport): void;
}

/** Delivers for the only process that has the log: notifications, queue and deliverers in one. */
export interface DeliveryDriver {
  /** The partition may have new records. */
  changed(at: TopicIdPartition): void;
  /** The same administration, whose changes take effect at once. */
  over(admin: SubscriptionAdmin): SubscriptionAdmin;
  /** Begins nothing more; resolves when nothing is under way. What did not end in time is delivered again by the next process. */
  close(): Promise<void>;
}

/** Runs at a time: each may hold an event and what it was made of. */
const AT_ONCE = 16;
/** A run that nobody waits for ends by then, as a function's would. */
const RUN_MS = 900_000;
/** What failed to be woken lies no longer than this. */
const SWEEP_MS = 10_000;
const FAILED_MS = 5_000;
/** Invocations that are under way are given so long when the log closes. */
const PATIENCE_MS = 1_000;

/** Begins to deliver what a log has. `append`: the log's own. */
export type StartDelivery = (deps: DeliveryDeps, append: EventLog['append']) => DeliveryDriver;

/** Records that are given up are told of in the topic that `onFailure` names. */
export function selfDelivery(options: SelfDelivery): StartDelivery {
  return (deps, append) => driveDelivery(deps, { ...options, onFailure: deadLetterTopic(append, deps.clock.now) });
}

function driveDelivery(deps: DeliveryDeps, options: SelfDelivery & { onFailure: OnFailure }): DeliveryDriver {
  const { clock, onGivenUp, onRun, retryPause } = options;
  const { subscriptions } = deps.catalog;
  const cut = new AbortController();
  const slots = pLimit(AT_ONCE);
  /** The next message of each partition of a subscription; whatever else it needs to be told, its run finds out. */
  const due = new Map<string, { at: number; cancel(): void }>();
  const runs = new Set<Promise<void>>();
  const changes = new Map<string, TopicIdPartition>();
  let waking: Promise<void> | undefined;
  /** Whether there was ever a subscription: appends of a log without them cost nothing more. */
  let subscribed = false;
  /** Messages are lost with the process: the first look does not trust in any. */
  let lost = true;
  let stopped = false;

  const delivery = createDelivery(deps, {
    target: options.target(cut.signal),
    async onFailure(subscription, letter, event) {
      await options.onFailure(subscription, letter, event);
      onGivenUp?.(subscription, letter);
    },
    queue: async (message, delay) => send(message, delay),
    ...(retryPause && { retryPause }),
  });
  const sweeps = every(clock, SWEEP_MS, sweep);
  const first = clock.schedule(0, () => void sweep());

  function send(message: DeliveryMessage, delay: number): void {
    const key = `${partitionKey(message)}#${message.subscription}`;
    const at = clock.monotonic() + delay;
    const before = due.get(key);
    if (stopped || (before && before.at <= at)) return;
    before?.cancel();
    const begin = () => {
      const ended = slots(async () => {
        due.delete(key);
        if (!stopped) await run(message);
      });
      runs.add(ended);
      void ended.finally(() => runs.delete(ended));
    };
    due.set(key, { at, cancel: clock.schedule(delay, begin) });
  }

  async function run(message: DeliveryMessage): Promise<void> {
    let asked = 0;
    // Who has had a turn makes room for those that wait for one.
    const timeLeft = () => (stopped || (asked++ > 0 && slots.pendingCount > 0) ? 0 : RUN_MS);
    try {
      const report = await delivery.run(message, timeLeft);
      onRun?.(message, report);
    } catch {
      // The stores failed before anything was taken over.
      send(message, FAILED_MS);
    }
  }

  async function sweep(): Promise<void> {
    if (stopped) return;
    const swept = (async () => {
      try {
        subscribed ||= (await subscriptions.list()).length > 0;
        if (subscribed) await delivery.sweep(undefined, lost ? 'lost' : 'sent');
        lost = false;
      } catch {
        // The next one finds the same.
      }
    })();
    runs.add(swept);
    await swept.finally(() => runs.delete(swept));
  }

  async function wake(): Promise<void> {
    while (changes.size > 0 && !stopped) {
      const some = [...changes.values()];
      changes.clear();
      // What fails here is found by the next sweep.
      await delivery.wake(some).catch(() => {});
    }
    waking = undefined;
  }

  return {
    changed(at) {
      if (!subscribed || stopped) return;
      changes.set(partitionKey(at), at);
      waking ??= wake();
    },

    over: (admin) => ({
      ...admin,
      async put(options) {
        // From here on changes count; those before are found by the look that follows.
        subscribed = true;
        const { topic, name, target } = options;
        const before = (await subscriptions.list()).find((one) => one.topic === topic && one.name === name);
        const made = await admin.put(options);
        // That another function failed, or was not there, says nothing of this one; of the same one an invocation may be under way.
        await delivery.sweep({ topic, name }, before?.target === target ? 'lost' : 'anew').catch(() => {});
        return made;
      },
    }),

    async close() {
      stopped = true;
      sweeps.stop();
      first();
      for (const { cancel } of due.values()) cancel();
      const cancel = clock.schedule(PATIENCE_MS, () => cut.abort());
      await Promise.all([waking, ...runs]);
      cancel();
    },
  };
}
