import type { SelfManagedKafkaEvent } from 'aws-lambda';
import { eventOf } from '../../lib/log/delivery/event.ts';
import type { EventLog, ReadRecord } from '../../lib/log/event-log.ts';
import type { Dice } from '../simulation/dice.ts';

export type Handler = (event: SelfManagedKafkaEvent) => Promise<void>;

/**
 * Delivers a topic as delivery may at its worst: each partition's batches cut anew every time, again from any offset before, twice
 * at the same time, and by whichever of the handlers. Only what a handler has returned for counts as delivered, and every record
 * is, in the end. Answers how many invocations failed.
 */
export async function deliverAtItsWorst(
  log: EventLog,
  topic: string,
  handlers: readonly Handler[],
  dice: Dice,
): Promise<number> {
  const { partitions } = await log.topics.describe(topic);
  const failures = await Promise.all(
    Array.from({ length: partitions }, (_, partition) => deliverPartition(log, topic, partition, handlers, dice)),
  );
  return failures.reduce((sum, one) => sum + one, 0);
}

/** Of one partition; a handler that never works is given up. */
const MOST_FAILURES = 100;

async function deliverPartition(
  log: EventLog,
  topic: string,
  partition: number,
  handlers: readonly Handler[],
  dice: Dice,
): Promise<number> {
  const records: ReadRecord[] = [];
  for await (const record of log.read(topic, { partition, follow: false })) records.push(record);
  let failures = 0;
  let delivered = 0;
  const deliver = async (from: number, to: number) => {
    const { event } = eventOf(topic, partition, records.slice(from, to));
    try {
      await dice.pick(handlers)(event as SelfManagedKafkaEvent);
      delivered = Math.max(delivered, to);
    } catch {
      if (++failures > MOST_FAILURES) throw new Error(`${topic}-${partition} is stuck at ${delivered}`);
    }
  };
  while (delivered < records.length) {
    const from = dice.chance(0.5) ? delivered : dice.int(0, delivered);
    const to = Math.min(records.length, from + dice.int(1, 120));
    const again = dice.chance(0.3) ? [deliver(from, dice.int(from + 1, to))] : [];
    await Promise.all([deliver(from, to), ...again]);
  }
  // And once more, long after.
  await deliver(0, records.length);
  return failures;
}
