import type { EventLog } from '../../lib/log/event-log.ts';
import { type Counts, together } from '../aws/meter.ts';
import { type Laboratory, quiet } from './cases.ts';

/**
 * What a gateway asks of the stores: its log as `npm run gateway` opens it, its groups, and its clients' requests to the log, as the
 * Kafka door makes them: a consumer's fetch waits for half a second, and then there is the next.
 */

/** Of each idle topic, which has a consumer and a group of its own. */
const PARTITIONS = 100;
/** Batches a second to each busy partition, and records of a batch. */
export const BATCHES = 2;
export const RECORDS = 10;
const RECORD = 1024;
const STEP_MS = 50;
/** A fetch's wait. */
const IDLE_STEP_MS = 500;
const FETCH = { maxBytes: 1024 * 1024, minBytes: 1, wait: 500 };

/** Who appends to the busy partitions: nobody, when there are none. */
export type Appends = 'none' | 'gateway' | 'functions';

export interface Gateway {
  /** Partitions that nothing comes to, in hundreds. */
  idle: number;
  /** Partitions of another topic. */
  busy: number;
  appends: Appends;
  seconds: number;
}

/** The requests of that time. Those of functions are not counted. */
export async function measureGateway(
  laboratory: Laboratory,
  { idle, busy, appends, seconds }: Gateway,
): Promise<Counts> {
  const { meter, clock, open } = laboratory;
  const gateway = await open({ mark: 'self', writer: { linger: 25 } });
  const stop = new AbortController();
  const coordinator = gateway.groups.coordinateAs(0);
  const consumers: Promise<void>[] = [];
  const names = Array.from({ length: idle / PARTITIONS }, (_, i) => `idle-${i}`);
  await Promise.all(names.map((name) => gateway.topics.create(name, { partitions: PARTITIONS })));
  for (const name of names) {
    await coordinator.hold(name);
    consumers.push(consume(gateway, name, PARTITIONS, stop.signal));
  }
  if (appends !== 'none') {
    await gateway.topics.create('busy', { partitions: busy });
    await coordinator.hold('busy');
    consumers.push(consume(gateway, 'busy', busy, stop.signal));
  }
  const functions = appends === 'functions' ? await open() : undefined;
  const value = new Uint8Array(RECORD).fill(120);
  const records = Array.from({ length: busy * RECORDS }, (_, i) => ({ partition: i % busy, value }));
  const counted: Counts[] = [];
  const appended: Promise<unknown>[] = [];
  const step = appends === 'none' ? IDLE_STEP_MS : STEP_MS;
  const run = async (ms: number) => {
    for (let at = 0; at < ms; at += step) {
      if (appends !== 'none' && at % (1000 / BATCHES) === 0) {
        if (!functions) appended.push(gateway.append('busy', records));
        else {
          // Without time passing the gateway asks for nothing.
          counted.push(meter.take());
          await functions.append('busy', records);
          meter.take();
        }
      }
      clock.advance(step);
      await quiet(laboratory);
    }
  };
  // Until each head is looked at as seldom as it will be.
  await run(4_000);
  counted.length = 0;
  meter.take();
  await run(seconds * 1000);
  counted.push(meter.take());
  stop.abort();
  await quiet(laboratory);
  clock.advance(1_000);
  await Promise.all([...consumers, ...appended]);
  await Promise.all([gateway.close(), functions?.close()]);
  meter.take();
  return together(counted);
}

/** As a consumer whose fetches the door answers: each begins where the one before it ended. */
async function consume(log: EventLog, topic: string, partitions: number, signal: AbortSignal): Promise<void> {
  const offsets = new Array<number>(partitions).fill(0);
  while (!signal.aborted) {
    const wanted = offsets.map((offset, partition) => ({ topic, partition, offset, maxBytes: FETCH.maxBytes }));
    const answers = await log.fetchAll(wanted, { ...FETCH, signal });
    for (const [partition, answer] of answers.entries()) {
      if (answer instanceof Error) throw answer;
      if (answer.batches.length > 0) offsets[partition] = answer.highWatermark;
    }
  }
}
