import { randomBytes } from 'node:crypto';
import type { AppendRecord, EventLog } from '../lib/log/event-log.ts';

export const PARTITIONS = 8;
export const RECORD_BYTES = 1024;
export const TOPIC = 'bench';

/** Calls that wait for their answer at the same time, per partition: enough that puts run side by side while others are committed. */
const CALLS = 8;

/**
 * Appends at least `bytes` of values of 1 KB each, evenly to all partitions; calls are as large as makes one for each partition a
 * flush of `flushBytes`. Answers the bytes.
 */
export async function appendMuch(log: EventLog, bytes: number, flushBytes: number): Promise<number> {
  const perCall = Math.max(1, Math.floor(flushBytes / PARTITIONS / RECORD_BYTES));
  const calls = Math.ceil(bytes / RECORD_BYTES / PARTITIONS / perCall / CALLS);
  const values = Array.from({ length: perCall }, () => randomBytes(RECORD_BYTES));
  const caller = async (partition: number) => {
    const records: AppendRecord[] = values.map((value) => ({ partition, value }));
    for (let call = 0; call < calls; call++) await log.append(TOPIC, records);
  };
  await Promise.all(Array.from({ length: PARTITIONS * CALLS }, (_, i) => caller(i % PARTITIONS)));
  return calls * CALLS * PARTITIONS * perCall * RECORD_BYTES;
}
