import { setTimeout as delay } from 'node:timers/promises';
import { VarveError } from '../errors.ts';
import type { KafkaEvent } from '../log/delivery/event.ts';
import type { DeadLetter } from '../log/delivery/ports.ts';
import type { SubscribeOptions } from '../log/delivery/subscriptions.ts';
import type { EventLog } from '../log/event-log.ts';
import { type FunctionServer, serveFunction } from '../runtime/function-server.ts';
import { inTime, invoke, type LambdaFunction } from '../runtime/handler.ts';
import type { Subscription } from '../stores/catalog/subscriptions.ts';

/** The settings of `EventLogSource`; durations are milliseconds. */
export interface TestSubscribeOptions<Event = KafkaEvent>
  extends LambdaFunction<Event>,
    Omit<SubscribeOptions, 'name' | 'target' | 'targetTimeout' | 'startingPosition' | 'onFailure'> {
  /** Default: the group's. */
  name?: string;
  /** Default `earliest`. */
  startingPosition?: SubscribeOptions['startingPosition'];
  /** Milliseconds that an invocation may take; default 30,000. */
  functionTimeout?: number;
  /** A topic that is told what is given up. */
  onFailure?: string;
}

/** An invocation of the handler. */
export interface TestInvocation {
  event: KafkaEvent;
  /** What it answered. */
  answer?: unknown;
  /** What it threw, or that it was not done in time. */
  error?: unknown;
}

/** A handler that gets the records of a topic, as Lambda would call it. */
export interface TestSubscription {
  /** Those that have ended, in that order. */
  readonly invocations: readonly TestInvocation[];
  /** What was given up. */
  readonly givenUp: readonly DeadLetter[];
  /**
   * Resolves when all records that are appended by now were delivered or given up. REQUEST_TIMED_OUT after `timeout` milliseconds
   * (default 30,000); its cause is what the handler threw last.
   */
  delivered(options?: { timeout?: number }): Promise<void>;
  /** Ends it, unless another one has taken its name since. What the group has committed stays. Repeats have no effect. */
  close(): Promise<void>;
}

const DEFAULT_TIMEOUT_MS = 30_000;
const LOOK_EVERY_MS = 5;

/** What one log of tests has to do with its subscriptions. */
export interface TestDelivery {
  subscribe<Event>(log: EventLog, options: TestSubscribeOptions<Event>): Promise<TestSubscription>;
  /** To be told of what is given up. */
  onGivenUp(subscription: Subscription, letter: DeadLetter): void;
  /** When the log is closed. */
  close(): Promise<void>;
}

export function testDelivery(): TestDelivery {
  /** What is given up, by the target of who subscribed: each has its own, a name may be taken over. */
  const letters = new Map<string, DeadLetter[]>();
  const servers = new Set<FunctionServer>();

  return {
    onGivenUp({ target }, letter) {
      letters.get(target)?.push(letter);
    },

    async subscribe(log, { handler, functionTimeout = DEFAULT_TIMEOUT_MS, onFailure, ...options }) {
      const { topic, group, name = group } = options;
      const invocations: TestInvocation[] = [];
      const givenUp: DeadLetter[] = [];
      let closed: Promise<void> | undefined;

      const server = await serveFunction(async (text) => {
        const invocation: TestInvocation = { event: JSON.parse(text) as KafkaEvent };
        try {
          const called = invoke({ handler }, text, { name, timeout: functionTimeout });
          const answer = await inTime(functionTimeout, called);
          invocation.answer = JSON.parse(answer);
          return answer;
        } catch (error) {
          invocation.error = error;
          throw error;
        } finally {
          invocations.push(invocation);
        }
      });
      const { url: target } = server;
      servers.add(server);
      letters.set(target, givenUp);
      const end = async () => {
        servers.delete(server);
        letters.delete(target);
        await server.close(0);
      };
      try {
        await log.subscriptions.put({
          startingPosition: 'earliest',
          ...options,
          name,
          target,
          targetTimeout: functionTimeout,
          ...(onFailure !== undefined && { onFailure: `kafka://${onFailure}` }),
        });
      } catch (error) {
        await end();
        throw error;
      }

      return {
        invocations,
        givenUp,
        async delivered({ timeout = DEFAULT_TIMEOUT_MS } = {}) {
          const ends = performance.now() + timeout;
          const latest = await latestOf(log, topic);
          for (;;) {
            const left = await missing(log, topic, group, latest);
            if (left === 0) return;
            if (performance.now() > ends) throw notDelivered(left, topic, timeout, invocations);
            await delay(LOOK_EVERY_MS);
          }
        },
        close() {
          closed ??= (async () => {
            const all = await log.subscriptions.list();
            if (all.some((one) => one.target === target)) await log.subscriptions.delete(topic, name);
            await end();
          })();
          return closed;
        },
      };
    },

    async close() {
      await Promise.all([...servers].map((server) => server.close(0)));
    },
  };
}

/** The high watermark of each partition. */
async function latestOf(log: EventLog, topic: string): Promise<number[]> {
  const { partitions } = await log.topics.describe(topic);
  const ranges = Array.from({ length: partitions }, (_, partition) => log.offsets(topic, partition));
  return (await Promise.all(ranges)).map(({ latest }) => latest);
}

/** Records below those offsets that the group has not committed. */
async function missing(log: EventLog, topic: string, group: string, latest: readonly number[]): Promise<number> {
  const committed = (await log.groups.offsets(group)).filter((one) => one.topic === topic);
  const offsets = new Map(committed.map(({ partition, offset }) => [partition, offset]));
  return latest.reduce((sum, end, partition) => sum + Math.max(0, end - (offsets.get(partition) ?? 0)), 0);
}

function notDelivered(
  left: number,
  topic: string,
  timeout: number,
  invocations: readonly TestInvocation[],
): VarveError {
  const failed = invocations.filter(({ error }) => error !== undefined);
  return new VarveError(
    'REQUEST_TIMED_OUT',
    `${left} records of ${topic} were not delivered within ${timeout} ms; of ${invocations.length} invocations ${failed.length} failed.`,
    { cause: failed.at(-1)?.error },
  );
}
