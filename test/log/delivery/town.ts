import { parseBrokerConfig } from '../../../lib/log/broker-config.ts';
import type { Delivery } from '../../../lib/log/delivery/delivery.ts';
import type { KafkaEvent } from '../../../lib/log/delivery/event.ts';
import type { DeadLetter, DeliveryMessage, Invocation } from '../../../lib/log/delivery/ports.ts';
import type { SubscribeOptions } from '../../../lib/log/delivery/subscriptions.ts';
import { createLog, type LogDeps } from '../../../lib/log/log.ts';
import { embeddedPrices } from '../../../lib/log/placement.ts';
import type { Catalog } from '../../../lib/stores/catalog/catalog.ts';
import { openSqlite } from '../../../lib/stores/catalog/sqlite/sqlite.ts';
import { openMemory } from '../../../lib/stores/objects/memory.ts';
import { createClock, type VirtualClock } from '../../simulation/clock.ts';
import { createDice } from '../../simulation/dice.ts';

/** One invocation of the function, as it saw it. */
export interface Seen {
  /** Milliseconds since the town began. */
  at: number;
  partition: number;
  offsets: number[];
  event: KafkaEvent;
}

/** What the function does with an event: answers, throws, or is not there. */
export type Handler = (offsets: number[], event: KafkaEvent) => unknown | Promise<unknown>;

export const UNAVAILABLE: Invocation = { status: 'unavailable' };
export const UNKNOWN: Invocation = { status: 'unknown' };
export const MISSING: Invocation = { status: 'missing' };

/** A log whose records are delivered, in a time of its own: what waits for minutes there takes none here. */
export interface Town {
  clock: VirtualClock;
  log: ReturnType<typeof createLog>;
  seen: Seen[];
  letters: DeadLetter[];
  /** Called when a deliverer asks how much time it has. */
  beforeTimeLeft?: () => void;
  /** Called between a deliverer's request and the function. */
  beforeInvocation?: () => Promise<void>;
  /** Appends records and wakes who is subscribed. */
  append(records: Parameters<ReturnType<typeof createLog>['append']>[1]): Promise<void>;
  /** Changes the settings: those that are not named are as they were at first. */
  subscribe(changed: Partial<SubscribeOptions>): Promise<void>;
  sweep(): ReturnType<Delivery['sweep']>;
  /** Runs so many milliseconds. */
  pass(ms: number): Promise<void>;
  /** Runs until no message is under way. */
  settle(): Promise<void>;
  committed(partition?: number): Promise<number | undefined>;
  close(): Promise<void>;
}

export const TOPIC = 'orders';

export async function openTown(
  settings: Partial<SubscribeOptions>,
  handler: Handler,
  {
    partitions = 1,
    tell,
    groups = (inner) => inner,
  }: {
    partitions?: number;
    tell?: (letter: DeadLetter) => void;
    /** Between the log and the offsets of its groups. */
    groups?: (inner: Catalog['groups']) => Catalog['groups'];
  } = {},
): Promise<Town> {
  const clock = createClock();
  const random = createDice(7).bytes;
  const catalog = await openSqlite({ path: ':memory:', clock, random });
  const deps: LogDeps = {
    catalog: { ...catalog, groups: groups(catalog.groups) },
    objects: openMemory(),
    clock,
    random,
    brokerConfig: parseBrokerConfig(['message.max.bytes=10000000']),
    prices: embeddedPrices,
  };
  const log = createLog(deps);
  const seen: Seen[] = [];
  const letters: DeadLetter[] = [];
  let underway = 0;

  function send(message: DeliveryMessage, delay: number): void {
    underway += 1;
    clock.schedule(delay, () => {
      const ends = clock.monotonic() + 900_000;
      void delivery
        .run(message, () => {
          town.beforeTimeLeft?.();
          return ends - clock.monotonic();
        })
        .finally(() => {
          underway -= 1;
        });
    });
  }

  const delivery = await log.delivery({
    queue: async (message, delay) => send(message, delay),
    async onFailure(_, letter) {
      tell?.(letter);
      letters.push(letter);
    },
    async target(_, event) {
      await town.beforeInvocation?.();
      const [[name, records]] = Object.entries(event.records) as [[string, KafkaEvent['records'][string]]];
      const offsets = records.map(({ offset }) => offset);
      seen.push({ at: clock.monotonic(), partition: Number(name.split('-').at(-1)), offsets, event });
      try {
        const answer = await handler(offsets, event);
        const refused = [UNAVAILABLE, MISSING, UNKNOWN].find((one) => one === answer);
        return refused ?? { status: 'returned', answer };
      } catch {
        return { status: 'failed' };
      }
    },
  });

  /** What is asked of the log takes time of its clock. */
  const done = clock.outcome;

  await done(log.topics.create(TOPIC, { partitions }));
  const options: SubscribeOptions = {
    topic: TOPIC,
    name: 'bills',
    group: 'billing',
    target: 'function',
    targetTimeout: 3_000,
    startingPosition: 'earliest',
    ...settings,
  };
  const subscribe = async (changed?: Partial<SubscribeOptions>) => {
    await done(log.subscriptions.put({ ...options, ...changed }));
  };
  await subscribe();

  const town: Town = {
    clock,
    log,
    seen,
    letters,
    subscribe,
    sweep: () => done(delivery.sweep()),
    async append(records) {
      const appended = await done(log.append(TOPIC, records));
      const { id } = await done(log.topics.describe(TOPIC));
      await done(delivery.wake(appended.map(({ partition }) => ({ topicId: id, partition }))));
    },
    pass: (ms) => done(new Promise((resolve) => clock.schedule(ms, resolve))),
    async settle() {
      await clock.run(clock.monotonic() + 86_400_000, () => underway === 0);
    },
    async committed(partition = 0) {
      const all = await done(log.groups.offsets('billing').catch(() => []));
      return all.find((one) => one.partition === partition)?.offset;
    },
    close: () => done(log.close()),
  };
  return town;
}

export function numbered(count: number, from = 0) {
  return Array.from({ length: count }, (_, i) => ({ value: `${from + i}`, partition: 0 }));
}
