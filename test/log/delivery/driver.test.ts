import { describe, expect, it } from 'vitest';
import { parseBrokerConfig } from '../../../lib/log/broker-config.ts';
import { type SelfDelivery, selfDelivery } from '../../../lib/log/delivery/driver.ts';
import type { KafkaEvent } from '../../../lib/log/delivery/event.ts';
import type { DeadLetter, Invocation } from '../../../lib/log/delivery/ports.ts';
import type { SubscribeOptions } from '../../../lib/log/delivery/subscriptions.ts';
import type { AppendRecord, EventLog } from '../../../lib/log/event-log.ts';
import { createLog } from '../../../lib/log/log.ts';
import { embeddedPrices } from '../../../lib/log/placement.ts';
import { openSqlite } from '../../../lib/stores/catalog/sqlite/sqlite.ts';
import { openMemory } from '../../../lib/stores/objects/memory.ts';
import { createClock } from '../../simulation/clock.ts';
import { createDice } from '../../simulation/dice.ts';

const SECOND = 1_000;
const SUBSCRIPTION: SubscribeOptions = {
  topic: 'orders',
  name: 'bills',
  group: 'billing',
  target: 'http://one/',
  targetTimeout: 20 * SECOND,
  startingPosition: 'earliest',
};
const DONE: Invocation = { status: 'returned', answer: undefined };

interface Seen {
  /** Milliseconds since the machine was there. */
  at: number;
  target: string;
  partition: number;
  offsets: number[];
}

/** Stores that outlive the processes over them, in a time of their own. */
async function openMachine() {
  const clock = createClock();
  const random = createDice(3).bytes;
  const catalog = await openSqlite({ path: ':memory:', clock, random });
  const objects = openMemory();
  const seen: Seen[] = [];
  const givenUp: DeadLetter[] = [];
  const dead: AbortController[] = [];
  const done = clock.outcome;

  /** What the function comes to; undefined: it does not end. */
  type Invoke = (seen: Seen) => Invocation | Promise<Invocation> | undefined;

  /** A process that holds the log, and delivers by itself. */
  function boot(invoke: Invoke, given: Partial<SelfDelivery> = {}): EventLog {
    const power = new AbortController();
    dead.push(power);
    const close = async () => {};
    return createLog({
      // The stores stay when the process ends; what a dead one asks is never done.
      catalog: { ...catalog, close },
      objects: { ...objects, close },
      clock,
      random,
      brokerConfig: parseBrokerConfig([]),
      prices: embeddedPrices,
      selfDelivery: selfDelivery({
        clock: { ...clock, schedule: (ms, run) => clock.schedule(ms, () => power.signal.aborted || run()) },
        target: (cut) => async (subscription, event: KafkaEvent) => {
          if (power.signal.aborted) return new Promise(() => {});
          const records = Object.values(event.records).flat();
          const { partition } = records[0]!;
          const one = { at: clock.monotonic(), target: subscription.target, partition, offsets: offsetsOf(records) };
          seen.push(one);
          const outcome = invoke(one);
          if (outcome) return outcome;
          return new Promise((resolve) => cut.addEventListener('abort', () => resolve({ status: 'unknown' })));
        },
        onGivenUp: (_, letter) => void givenUp.push(letter),
        ...given,
      }),
    });
  }

  return {
    seen,
    givenUp,
    boot,
    done,
    /** The function takes so long. */
    after: (ms: number) => new Promise<Invocation>((resolve) => clock.schedule(ms, () => resolve(DONE))),
    /** The last process that was booted is gone, in the middle of whatever it did. */
    kill: () => dead.at(-1)?.abort(),
    run: (ms: number) => clock.run(clock.monotonic() + ms, () => false),
    async until(what: () => boolean) {
      await clock.run(clock.monotonic() + 3_600 * SECOND, what);
      expect(what()).toBe(true);
    },
    async begin(
      log: EventLog,
      { partitions = 1, ...options }: Partial<SubscribeOptions> & { partitions?: number } = {},
    ) {
      await done(log.topics.create('orders', { partitions }));
      await done(log.subscriptions.put({ ...SUBSCRIPTION, ...options }));
    },
    append: (log: EventLog, records: AppendRecord[]) => done(log.append('orders', records)),
    async committed(log: EventLog, partition = 0) {
      return (await done(log.groups.offsets('billing'))).find((one) => one.partition === partition)?.offset;
    },
    async end() {
      await done(catalog.close());
    },
  };
}

const offsetsOf = (records: readonly { offset: number }[]) => records.map(({ offset }) => offset);
const records = (count: number, partition = 0) =>
  Array.from({ length: count }, (_, i) => ({ value: `${i}`, partition }));

describe('a process that delivers by itself', () => {
  it('delivers what is appended at once, and nothing of topics without a subscription', async () => {
    const machine = await openMachine();
    const log = machine.boot(() => DONE);
    await machine.begin(log);
    await machine.done(log.topics.create('others', { partitions: 1 }));

    await machine.append(log, records(2));
    await machine.done(log.append('others', records(1)));
    await machine.run(SECOND);

    expect(machine.seen).toMatchObject([{ offsets: [0, 1] }]);
    expect(await machine.committed(log)).toBe(2);
    await machine.done(log.close());
    await machine.end();
  });

  it('waits for others as long as the window, though more come meanwhile', async () => {
    const machine = await openMachine();
    const log = machine.boot(() => DONE);
    await machine.begin(log, { maxBatchingWindow: 5 * SECOND });

    await machine.append(log, records(1));
    await machine.run(2 * SECOND);
    await machine.append(log, records(1));
    await machine.run(10 * SECOND);

    expect(machine.seen).toMatchObject([{ offsets: [0, 1] }]);
    await machine.done(log.close());
    await machine.end();
  });

  it('that was killed while the function ran: the next one waits until that must be over, then delivers the same', async () => {
    // Given a function that runs, and a process that ends
    const machine = await openMachine();
    const log = machine.boot(() => undefined);
    await machine.begin(log);
    await machine.append(log, records(3));
    await machine.until(() => machine.seen.length === 1);
    machine.kill();

    // When the next one starts
    const next = machine.boot(() => DONE);
    await machine.until(() => machine.seen.length === 2);

    // Then no two invocations ran at a time, and the wait was no longer than it had to be
    const [first, second] = machine.seen;
    expect(second).toMatchObject({ offsets: [0, 1, 2] });
    expect(second!.at - first!.at).toBeGreaterThanOrEqual(SUBSCRIPTION.targetTimeout);
    expect(second!.at - first!.at).toBeLessThan(2 * SUBSCRIPTION.targetTimeout);
    await machine.run(SECOND);
    expect(await machine.committed(next)).toBe(3);
    await machine.done(next.close());
    await machine.end();
  });

  it('that was killed before a retry: the next one tries when it is due, and remembers the attempts', async () => {
    const machine = await openMachine();
    const log = machine.boot(() => ({ status: 'failed' }));
    await machine.begin(log, { retryAttempts: 4 });
    await machine.append(log, records(1));
    // After 0, 1, 3 and 7 seconds; the next one would be after 15.
    await machine.until(() => machine.seen.length === 4);
    await machine.run(SECOND);
    machine.kill();

    const next = machine.boot(() => ({ status: 'failed' }));
    await machine.until(() => machine.givenUp.length === 1);

    expect(machine.seen.map(({ at }) => Math.round((at - machine.seen[0]!.at) / SECOND))).toEqual([0, 1, 3, 7, 15]);
    expect(machine.givenUp).toMatchObject([{ firstOffset: 0, invocations: 5 }]);
    await machine.done(next.close());
    await machine.end();
  });

  it('that is closed waits for the function a moment, commits what it did, and begins nothing more', async () => {
    const machine = await openMachine();
    let end: () => void = () => {};
    const log = machine.boot(() => undefined, {
      target: () => () =>
        new Promise((resolve) => {
          end = () => resolve(DONE);
        }),
    });
    await machine.begin(log, { batchSize: 1 });
    await machine.append(log, records(2));
    await machine.run(SECOND);

    const closed = log.close();
    end();
    await machine.done(closed);

    const next = machine.boot(() => DONE);
    expect(await machine.committed(next)).toBe(1);
    await machine.until(() => machine.seen.length === 1);
    expect(machine.seen).toMatchObject([{ offsets: [1] }]);
    await machine.done(next.close());
    await machine.end();
  });

  it('that is closed while the function does not end leaves it, and the next one comes back later', async () => {
    const machine = await openMachine();
    const log = machine.boot(() => undefined);
    await machine.begin(log);
    await machine.append(log, records(1));
    await machine.until(() => machine.seen.length === 1);

    await machine.done(log.close());
    const next = machine.boot(() => DONE);
    await machine.until(() => machine.seen.length === 2);

    const [first, second] = machine.seen;
    expect(second).toMatchObject({ offsets: [0] });
    expect(second!.at - first!.at).toBeGreaterThanOrEqual(SUBSCRIPTION.targetTimeout);
    await machine.done(next.close());
    await machine.end();
  });

  it('asks another function at once, though the one before was not there', async () => {
    const machine = await openMachine();
    const log = machine.boot(({ target }) => (target === SUBSCRIPTION.target ? { status: 'unavailable' } : DONE));
    await machine.begin(log);
    await machine.append(log, records(1));
    await machine.until(() => machine.seen.length === 3);
    const before = machine.seen.at(-1)!.at;

    await machine.done(log.subscriptions.put({ ...SUBSCRIPTION, target: 'http://other/' }));
    await machine.until(() => machine.seen.length === 4);

    expect(machine.seen.at(-1)).toMatchObject({ target: 'http://other/', offsets: [0] });
    expect(machine.seen.at(-1)!.at - before).toBeLessThan(SECOND);
    await machine.done(log.close());
    await machine.end();
  });

  it('goes on where it was switched on again', async () => {
    const machine = await openMachine();
    const log = machine.boot(() => DONE);
    await machine.begin(log, { enabled: false });
    await machine.append(log, records(2));
    await machine.run(60 * SECOND);
    expect(machine.seen).toEqual([]);

    await machine.done(log.subscriptions.put(SUBSCRIPTION));
    await machine.run(SECOND);

    expect(machine.seen).toMatchObject([{ offsets: [0, 1] }]);
    await machine.done(log.close());
    await machine.end();
  });

  it('gives every partition its turn, however many have much to deliver', async () => {
    // Given more partitions than are served at a time, and a function that takes a while
    const partitions = 40;
    const machine = await openMachine();
    const log = machine.boot(() => machine.after(100));
    await machine.begin(log, { partitions, batchSize: 1, enabled: false });
    for (let partition = 0; partition < partitions; partition++) await machine.append(log, records(5, partition));

    // When all of it is delivered
    await machine.done(log.subscriptions.put({ ...SUBSCRIPTION, batchSize: 1 }));
    await machine.until(() => machine.seen.length === partitions * 5);

    // Then none came last with its first
    const firsts = new Set(machine.seen.slice(0, partitions * 2).map(({ partition }) => partition));
    expect(firsts.size).toBe(partitions);
    for (let partition = 0; partition < partitions; partition++) {
      const of = machine.seen.filter((one) => one.partition === partition).flatMap(({ offsets }) => offsets);
      expect(of).toEqual([0, 1, 2, 3, 4]);
    }
    await machine.done(log.close());
    await machine.end();
  });

  it('tells a topic what is given up before it is passed over', async () => {
    const machine = await openMachine();
    const log = machine.boot(() => ({ status: 'failed' }));
    await machine.begin(log, { retryAttempts: 0, onFailure: 'kafka://dead' });
    await machine.append(log, records(1));
    await machine.run(60 * SECOND);
    // There is no such topic yet: nothing is passed over.
    expect(await machine.committed(log)).toBe(0);

    await machine.done(log.topics.create('dead', { partitions: 1 }));
    await machine.until(() => machine.givenUp.length === 1);
    await machine.run(SECOND);

    const { records: told } = await machine.done(log.poll('dead', 0, 0));
    expect(told.map(({ key }) => Buffer.from(key!).toString())).toEqual(['orders-0']);
    expect(await machine.committed(log)).toBe(1);
    await machine.done(log.close());
    await machine.end();
  });
});
