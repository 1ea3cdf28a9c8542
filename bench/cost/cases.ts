import { setTimeout as delay } from 'node:timers/promises';
import type { EventLog } from '../../lib/log/event-log.ts';
import { type AwsOptions, openAws } from '../../lib/open/aws.ts';
import { openMemory } from '../../lib/stores/objects/memory.ts';
import { seeded } from '../../test/support/random.ts';
import { type Engines, startEngines } from '../aws/engines.ts';
import { type Counts, createMeter, type Meter, together, without } from '../aws/meter.ts';
import { type VirtualClock, virtualClock } from '../aws/virtual-clock.ts';

/** Calls of one size to one partition, evenly over time, by one process that lives on: a warm function. */
export interface Writes {
  records: number;
  /** Of each record's value. */
  bytes: number;
  perSecond: number;
  calls: number;
  /** Further calls, each followed by a read of what it appended. */
  tailCalls: number;
}

export interface Measured {
  writes: Writes;
  /** Of all the calls, after a first one that was not counted. */
  append: Counts;
  /** Another process, warm, that asks for each call's records just after them. */
  tail: Counts;
  /** A new process that reads everything once, 1 MiB at a time. */
  cold: Counts;
  /** What deletes it all when its retention is over, without what every run of the upkeep costs. */
  deletion: Counts;
}

const TOPIC = 'cost';
/** No shorter than the pause between two polls of a waiting read. */
const STEP_MS = 50;
/** Turns of the event loop in which a process that has something to do asks for it. */
const QUIET_TURNS = 8;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const MIB = 1024 * 1024;
/** Calls before those that are counted: up to a new partition's first roll. */
export const WARM_CALLS = 16;
/** A fixed time and fixed randomness: the same figures each time. */
const START = Date.UTC(2026, 10, 1);

export interface Laboratory {
  engines: Engines;
  meter: Meter;
  clock: VirtualClock;
  /** As the functions have it, but for what `options` says. */
  open(options?: Partial<AwsOptions>): Promise<EventLog>;
  /** Whether a request is at the engines. */
  isBusy(): boolean;
}

/** A log of its own for each measurement, so that none pays for what another left. */
export async function inLaboratory<T>(work: (laboratory: Laboratory) => Promise<T>): Promise<T> {
  const meter = createMeter();
  let underWay = 0;
  const engines = await startEngines(openMemory(), {
    async hold() {
      underWay += 1;
    },
    onAnswer(call) {
      underWay -= 1;
      meter.add(call);
    },
  });
  const clock = virtualClock(START);
  const random = seeded(1);
  const { client, bucket, table } = engines;
  const open = (options: Partial<AwsOptions> = {}) =>
    openAws({
      client,
      bucket,
      table,
      clock,
      random: (n) => Uint8Array.from({ length: n }, () => Math.floor(random() * 256)),
      writer: { linger: 0 },
      // Time stands still here.
      upkeep: { wait: 0 },
      ...options,
    });
  try {
    return await work({ engines, meter, clock, open, isBusy: () => underWay > 0 });
  } finally {
    await engines.close();
  }
}

export async function measure(laboratory: Laboratory, writes: Writes): Promise<Measured> {
  const { meter, clock, open } = laboratory;
  const [writer, reader] = [await open(), await open()];
  await writer.topics.create(TOPIC, { partitions: 1 });
  const value = new Uint8Array(writes.bytes).fill(120);
  const records = Array.from({ length: writes.records }, () => ({ partition: 0, value }));
  const append: Counts[] = [];
  const tail: Counts[] = [];
  const appendOne = async () => {
    clock.advance(1000 / writes.perSecond);
    await writer.append(TOPIC, records);
    return meter.take();
  };
  // The first call learns what all later ones know, and a new partition's first roll is none like those that follow.
  for (let call = 0; call < WARM_CALLS; call++) await appendOne();
  for (let call = 0; call < writes.calls; call++) append.push(await appendOne());
  let { latest: next } = await reader.offsets(TOPIC, 0);
  meter.take();
  for (let call = 0; call < writes.tailCalls; call++) {
    await appendOne();
    for (const end = next + writes.records; next < end; ) {
      const poll = reader.poll(TOPIC, 0, next, { maxBytes: 4 * MIB, wait: 20_000 });
      ({ next } = await passing(laboratory, poll));
    }
    tail.push(meter.take());
  }
  await writer.close();
  await reader.close();
  const cold = await open();
  for (let offset = 0; offset < next; ) ({ next: offset } = await cold.poll(TOPIC, 0, offset, { maxBytes: MIB }));
  const read = meter.take();
  clock.advance(8 * DAY_MS);
  // What the first gives up the second deletes; the next two find nothing.
  const used = [await upkeep(laboratory, cold), await upkeep(laboratory, cold)];
  const idle = [await upkeep(laboratory, cold), await upkeep(laboratory, cold)];
  await cold.close();
  return {
    writes,
    append: together(append),
    tail: together(tail),
    cold: read,
    deletion: without(together(used), together(idle)),
  };
}

/** One run with its sweep, which is due again after 6 hours. */
async function upkeep(laboratory: Laboratory, log: EventLog): Promise<Counts> {
  const report = await log.upkeep();
  if (report.failed > 0) throw report.failure;
  laboratory.clock.advance(7 * HOUR_MS);
  return laboratory.meter.take();
}

/** A process that follows a partition for `seconds` in which nothing is appended. */
export async function measureFollowing(laboratory: Laboratory, seconds: number): Promise<Counts> {
  const { meter, clock, open } = laboratory;
  const log = await open();
  await log.topics.create('idle', { partitions: 1 });
  const stop = new AbortController();
  const following = (async () => {
    for await (const _ of log.read('idle', { partition: 0, from: 'latest', signal: stop.signal }));
  })().catch((error: unknown) => {
    if (!stop.signal.aborted) throw error;
  });
  await quiet(laboratory);
  meter.take();
  for (let ms = 0; ms < seconds * 1000; ms += 250) {
    clock.advance(250);
    await quiet(laboratory);
  }
  const counts = meter.take();
  stop.abort();
  clock.advance(1000);
  await following;
  await log.close();
  meter.take();
  return counts;
}

/** One run of the upkeep, with its sweep, over a log of a few partitions that has nothing to delete. */
export async function upkeepAlone(laboratory: Laboratory): Promise<Counts> {
  const log = await laboratory.open();
  laboratory.meter.take();
  const counts = await upkeep(laboratory, log);
  await log.close();
  return counts;
}

/** What a process asks that only opens the log, appends one record and ends: a function's first call. */
export async function measureCold({ meter, open }: Laboratory): Promise<Counts> {
  const first = await open();
  await first.topics.create('cold', { partitions: 1 });
  await first.append('cold', [{ value: 'x' }]);
  await first.close();
  meter.take();
  const log = await open();
  await log.append('cold', [{ value: 'x' }]);
  await log.close();
  return meter.take();
}

/** Lets time pass until it is settled. */
async function passing<T>(laboratory: Laboratory, work: Promise<T>): Promise<T> {
  let settled = false;
  const done = () => {
    settled = true;
  };
  work.then(done, done);
  for (;;) {
    await quiet(laboratory);
    if (settled) return work;
    laboratory.clock.advance(STEP_MS);
  }
}

/** Until nothing is asked any more: only the clock moves it on. What is neither at the engines nor in this process's turn waits for it. */
export async function quiet({ meter, isBusy }: Laboratory): Promise<void> {
  for (let turns = 0, seen = meter.total(); turns < QUIET_TURNS; turns++, await delay(1)) {
    if (meter.total() === seen && !isBusy()) continue;
    seen = meter.total();
    turns = 0;
  }
}
