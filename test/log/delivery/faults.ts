// Loaded before virtual time begins: the log loads it when it is first needed, which takes real time, and a seed would not repeat.
import '../../../lib/log/delivery/delivery.ts';
import { parseBrokerConfig } from '../../../lib/log/broker-config.ts';
import type { Delivery, DeliveryOptions } from '../../../lib/log/delivery/delivery.ts';
import type { KafkaEvent } from '../../../lib/log/delivery/event.ts';
import type { DeliveryMessage } from '../../../lib/log/delivery/ports.ts';
import { createLog } from '../../../lib/log/log.ts';
import { embeddedPrices } from '../../../lib/log/placement.ts';
import { openSqlite } from '../../../lib/stores/catalog/sqlite/sqlite.ts';
import { openMemory } from '../../../lib/stores/objects/memory.ts';
import { createClock } from '../../simulation/clock.ts';
import { createDice } from '../../simulation/dice.ts';
import { CALM, createNetwork } from '../../simulation/network.ts';
import { createProcess, Lost, type Process } from '../../simulation/process.ts';

export interface Outcome {
  /** What must not be. */
  wrong: string[];
  happened: Record<string, number>;
}

const PARTITIONS = 3;
const RECORDS = 100;
const MINUTE = 60_000;
/** Faults come for so long; what is left must be delivered soon after. */
const STORM_MS = 20 * MINUTE;
const CALM_MS = 40 * MINUTE;
const TARGET_TIMEOUT_MS = 20_000;
const VISIBILITY_MS = 15 * MINUTE;
const SWEEP_MS = 5 * MINUTE;
const KEYS = 8;
/** A deliverer may be frozen for so long between its last look at the clock and the invocation. */
const FREEZE_MS = 7_000;

/** One invocation of the function: from when to when it ran, with which records. */
interface Ran {
  partition: number;
  records: { offset: number; key: string }[];
  began: number;
  ended: number;
  failed: boolean;
}

/**
 * Records are appended to a topic with a subscription, while every way in which AWS may fail it happens: deliverers and notifiers are
 * killed in the middle of anything (the function that one of them invoked runs on), messages and notifications are lost, doubled and
 * late, requests to the stores fail before or after they take place, functions fail. Judged is what the function saw: of each partition,
 * or, where several batches of one are delivered at a time, of each of its keys.
 */
export async function deliverThroughFaults(seed: number, parallelizationFactor = 1): Promise<Outcome> {
  const dice = createDice(seed);
  const clock = createClock();
  const happened: Record<string, number> = {};
  const wrong: string[] = [];
  const count = (what: string) => {
    happened[what] = (happened[what] ?? 0) + 1;
  };
  const network = createNetwork({ clock, dice: dice.fork(), trace: { note() {} } as never, count });
  const catalog = await openSqlite({ path: ':memory:', clock, random: dice.bytes });
  const objects = openMemory();
  const rules = { clock, random: dice.bytes, brokerConfig: parseBrokerConfig([]), prices: embeddedPrices };
  const writer = createLog({ catalog, objects, ...rules });
  let stormy = true;
  let over = false;
  let born = 0;

  const history: Ran[] = [];

  /** The function itself lives on whoever invoked it. */
  async function invoke(event: KafkaEvent): Promise<boolean> {
    const [[name, records]] = Object.entries(event.records) as [[string, KafkaEvent['records'][string]]];
    const partition = Number(name.split('-').at(-1));
    const pass = (ms: number) => new Promise<void>((resolve) => clock.schedule(ms, resolve));
    if (stormy && dice.chance(0.05)) {
      count('frozen before the invocation');
      await pass(dice.number() * FREEZE_MS);
    }
    const failed = stormy && dice.chance(0.1);
    const lasts = dice.chance(0.2) ? dice.number() * TARGET_TIMEOUT_MS : dice.around(300);
    const seen = records.map(({ offset, key }) => ({ offset, key: key! }));
    const ran: Ran = { partition, records: seen, began: clock.monotonic(), ended: Number.POSITIVE_INFINITY, failed };
    history.push(ran);
    await pass(Math.min(lasts, TARGET_TIMEOUT_MS));
    ran.ended = clock.monotonic();
    count(failed ? 'function failed' : 'function succeeded');
    return !failed;
  }

  /** Of what must be seen in order: all that was seen of it, in the order in which that began. */
  function judge(lane: string, offsets: readonly number[], all: readonly Ran[]): void {
    let done = 0;
    let ended = 0;
    for (const { records, began, failed, ...ran } of all) {
      const at = `${Math.round(began)}: ${lane}`;
      const from = offsets.indexOf(records[0]!.offset);
      if (began < ended) wrong.push(`${at} is delivered twice at a time`);
      if (from > done) wrong.push(`${at} skips ${offsets[done]} to ${offsets[from]}`);
      if (records.some(({ offset }, i) => offset !== offsets[from + i])) wrong.push(`${at} has gaps`);
      if (from < done) count('delivered again');
      ended = Math.max(ended, ran.ended);
      if (!failed) done = Math.max(done, from + records.length);
    }
    if (done !== offsets.length) wrong.push(`${lane} was delivered to ${done} of ${offsets.length}`);
  }

  /** The most invocations that ran at a time. */
  function most(all: readonly Ran[]): number {
    return Math.max(...all.map(({ began }) => all.filter((one) => one.began <= began && began < one.ended).length));
  }

  /** A process with a log over the network, which dies now and then in the middle of what it does. */
  async function inProcess(
    what: string,
    work: (process: Process, delivery: Delivery) => Promise<unknown>,
    deadline: number,
  ): Promise<'ended' | 'failed' | 'killed'> {
    born += 1;
    const skew = Math.round((dice.number() - 0.5) * 1_000);
    const process = createProcess(`${what} ${born}`, clock, { wall: skew, monotonic: born * 1_000 });
    const stores = { catalog: network.catalog(process, catalog), objects: network.objects(process, objects) };
    const log = createLog({ ...stores, ...rules, clock: process.clock });
    let invoking = 0;
    const options: DeliveryOptions = {
      queue: (message, delay) =>
        new Promise((resolve, reject) => {
          const refused = stormy && dice.chance(0.03);
          if (!refused) send(message, delay);
          clock.schedule(dice.around(10), () =>
            process.deliver(() => (refused ? reject(new Error('SQS refuses')) : resolve())),
          );
        }),
      onFailure: async () => {},
      target: (_, event) =>
        new Promise((resolve) => {
          invoking += 1;
          void invoke(event).then((succeeded) => {
            invoking -= 1;
            const unanswered = stormy && dice.chance(0.02);
            const answer = succeeded
              ? ({ status: 'returned', answer: null } as const)
              : ({ status: 'failed' } as const);
            process.deliver(() => resolve(unanswered ? { status: 'unknown' } : answer));
          });
        }),
    };
    const kill = (why: string) => {
      if (!process.alive) return;
      count(why);
      if (invoking > 0) count('killed while the function ran');
      process.kill();
    };
    if (stormy && dice.chance(0.25)) clock.schedule(dice.around(3_000), () => kill('killed'));
    clock.schedule(deadline, () => kill('ran out of time'));
    try {
      await process.call(async () => work(process, await log.delivery(options)));
      return 'ended';
    } catch (error) {
      return error instanceof Lost ? 'killed' : 'failed';
    } finally {
      process.kill();
    }
  }

  /** SQS: a message comes until it was dealt with. */
  function send(message: DeliveryMessage, delay: number): void {
    if (stormy && dice.chance(0.05)) {
      count('message lost');
      return;
    }
    const copies = stormy && dice.chance(0.1) ? 2 : 1;
    if (copies > 1) count('message doubled');
    for (let copy = 0; copy < copies; copy++) {
      const late = dice.around(stormy && dice.chance(0.1) ? 30_000 : 20);
      clock.schedule(delay + copy * late + late, () => void receive(message));
    }
  }

  async function receive(message: DeliveryMessage): Promise<void> {
    if (over) return;
    const ends = clock.monotonic() + VISIBILITY_MS;
    const outcome = await inProcess(
      'deliver',
      (_, delivery) => delivery.run(message, () => ends - clock.monotonic()),
      VISIBILITY_MS,
    );
    if (outcome === 'ended') return;
    clock.schedule(Math.max(0, ends - clock.monotonic()), () => void receive(message));
  }

  /** The stream: a notification is tried again when it fails. */
  async function notify(partition: number): Promise<void> {
    if (over) return;
    if (stormy && dice.chance(0.05)) return count('notification lost');
    if (stormy && dice.chance(0.05)) clock.schedule(dice.around(5_000), () => void notify(partition));
    const outcome = await inProcess('notify', (_, delivery) => delivery.wake([{ topicId, partition }]), MINUTE);
    if (outcome === 'failed') clock.schedule(1_000, () => void notify(partition));
  }

  async function sweep(): Promise<void> {
    if (over) return;
    clock.schedule(SWEEP_MS, () => void sweep());
    await inProcess('sweep', (_, delivery) => delivery.sweep(), MINUTE);
  }

  const settle = clock.outcome;
  const { id: topicId } = await settle(writer.topics.create('orders', { partitions: PARTITIONS }));
  await settle(
    writer.subscriptions.put({
      topic: 'orders',
      name: 'bills',
      group: 'billing',
      target: 'function',
      targetTimeout: TARGET_TIMEOUT_MS,
      startingPosition: 'earliest',
      batchSize: 7,
      retryAttempts: -1,
      parallelizationFactor,
    }),
  );
  for (let i = 0; i < RECORDS; i++) {
    const partition = dice.int(0, PARTITIONS - 1);
    clock.schedule(dice.number() * STORM_MS, () => {
      void writer
        .append('orders', [{ key: `customer-${i % KEYS}`, value: `${i}`, partition }])
        .then(() => notify(partition));
    });
  }
  network.weather = {
    ...CALM,
    refused: 0.02,
    answerLost: 0.02,
    late: 0.02,
    lateBy: 2_000,
    slow: 0.02,
    slowBy: 10_000,
    stalePeek: 0.1,
  };
  clock.schedule(STORM_MS, () => {
    stormy = false;
    network.weather = CALM;
  });
  void sweep();
  await clock.run(clock.monotonic() + STORM_MS + CALM_MS, () => false);

  for (let partition = 0; partition < PARTITIONS; partition++) {
    const { records } = await settle(writer.poll('orders', partition, 0));
    const ran = history.filter((one) => one.partition === partition);
    happened['at a time'] = Math.max(happened['at a time'] ?? 0, most(ran));
    const lanes = parallelizationFactor === 1 ? [undefined] : Array.from({ length: KEYS }, (_, i) => `customer-${i}`);
    for (const key of lanes) {
      const of = (one: string | undefined) => key === undefined || one === key;
      const offsets = records.filter((record) => of(Buffer.from(record.key!).toString())).map(({ offset }) => offset);
      const seen = ran.map((one) => ({
        ...one,
        records: one.records.filter((record) => of(Buffer.from(record.key, 'base64').toString())),
      }));
      const lane = key === undefined ? `partition ${partition}` : `partition ${partition}, key ${key}`;
      judge(
        lane,
        offsets,
        seen.filter((one) => one.records.length > 0),
      );
    }
  }
  for (const { partition, lag } of await settle(writer.groups.lag('billing'))) {
    if (lag > 0) wrong.push(`partition ${partition} has a lag of ${lag}`);
  }
  over = true;
  await settle(writer.close());
  return { wrong, happened };
}
