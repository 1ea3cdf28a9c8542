import { setTimeout as delay } from 'node:timers/promises';
import { progressOf, type Run, type Trials } from './trials.ts';

export interface Load {
  records: number;
  /** Of the API, side by side. */
  callers: number;
  /** Records of a call. */
  batch: number;
  /** Milliseconds from a call's answer to the next call. */
  pause: number;
}

export interface Triggered {
  /** What must not be. */
  wrong: string[];
  invocations: number;
  /** Records that the function was given again. */
  again: number;
  /** Milliseconds from the first call until all were acknowledged, and until all were committed. */
  appended: number;
  delivered: number;
  /** Milliseconds from acknowledged to invoked, of each record; below 0 where the function was faster than the answer. */
  latencies: number[];
}

const KEYS = 997;
/** What is left when all is acknowledged. */
const CAUGHT_UP_MS = 90_000;
const MORE_MS_A_RECORD = 6;

/** Records of many keys, through the API to all partitions of a topic that had none: what a function gets of them, and when. */
export async function trigger(trials: Trials, topic: string, load: Load): Promise<Triggered> {
  const acknowledged = new Map<string, { value: number; at: number }>();
  const begun = Date.now();
  let sent = 0;
  const caller = async () => {
    while (sent < load.records) {
      const values = Array.from({ length: Math.min(load.batch, load.records - sent) }, (_, i) => sent + i);
      sent += values.length;
      const records = values.map((value) => ({ key: `${value % KEYS}`, value }));
      const answers = await trials.client.append(topic, records);
      const at = Date.now();
      for (const [i, { partition, offset }] of answers.entries())
        acknowledged.set(`${partition}/${offset}`, { value: values[i]!, at });
      await delay(load.pause);
    }
  };
  await Promise.all(Array.from({ length: load.callers }, caller));
  const appended = Date.now() - begun;
  await trials.caughtUp(topic, CAUGHT_UP_MS + load.records * MORE_MS_A_RECORD);
  const delivered = Date.now() - begun;

  const invocations = await trials.seen(topic);
  const runs = await trials.runs();
  const wrong: string[] = [];
  const latencies: number[] = [];
  let again = 0;
  for (const [partition, mine] of Map.groupBy(invocations, (one) => one.partition)) {
    const { latest } = await trials.log.offsets(topic, partition);
    const progress = progressOf(mine);
    wrong.push(...progress.wrong.map((what) => `partition ${partition} ${what}`));
    if (progress.next !== latest) wrong.push(`partition ${partition} was delivered to ${progress.next} of ${latest}`);
    if (progress.again > 0 && !runs.some((run) => isRetry(run, topic, partition)))
      wrong.push(`partition ${partition} has records again, and no run of deliver says why`);
    again += progress.again;
    for (const { offset, value, at } of progress.fresh) {
      const told = acknowledged.get(`${partition}/${offset}`);
      if (told?.value === value) latencies.push(at - told!.at);
      else wrong.push(`partition ${partition} has ${value} at ${offset}: acknowledged was ${told?.value}`);
    }
  }
  if (latencies.length !== load.records) wrong.push(`${latencies.length} of ${load.records} records were delivered`);
  return { wrong, invocations: invocations.length, again, appended, delivered, latencies };
}

function isRetry({ of, status, why, failure }: Run, topic: string, partition: number): boolean {
  if (of.topic !== topic || of.partition !== partition) return false;
  return why !== undefined || failure !== undefined || status === 'lost';
}
