import type { SelfManagedKafkaEvent } from 'aws-lambda';
import type { Client, ReadRecord } from 'varve/client';

type Handler = (event: SelfManagedKafkaEvent) => Promise<void>;

const BATCH = 100;
const WAIT = 20_000;
const PAUSE = 1_000;

/**
 * Invokes a handler in this process as `EventLogSource` has Lambda do it: a batch of a partition at a time, in order, again when it
 * throws, and the group's offset after it. Ends when the signal aborts.
 */
export async function deliver(
  log: Client,
  topic: string,
  group: string,
  handler: Handler,
  signal: AbortSignal,
): Promise<void> {
  const { partitions } = await log.topics.describe(topic);
  const committed = await log.groups.offsets(group).catch(() => []);
  await Promise.all(Array.from({ length: partitions }, (_, partition) => deliverPartition(partition)));

  async function deliverPartition(partition: number): Promise<void> {
    const known = committed.find((one) => one.topic === topic && one.partition === partition);
    let offset = known?.offset ?? (await log.offsets(topic, partition)).earliest;
    while (!signal.aborted) {
      try {
        await log.groups.commit(group, [{ topic, partition, offset }]);
        const { records, next } = await log.poll(topic, partition, offset, { limit: BATCH, wait: WAIT, signal });
        if (records.length > 0) await handler(eventOf(topic, records));
        offset = next;
      } catch (error) {
        if (signal.aborted) return;
        console.error(`${group}: ${error instanceof Error ? error.message : error}`);
        await new Promise((resolve) => setTimeout(resolve, PAUSE));
      }
    }
  }
}

function eventOf(topic: string, records: readonly ReadRecord[]): SelfManagedKafkaEvent {
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  const batch = records.map(({ partition, offset, timestamp, key, value }) => ({
    topic,
    partition,
    offset,
    timestamp,
    timestampType: 'CREATE_TIME' as const,
    key: base64(key ?? ''),
    value: base64(JSON.stringify(value)),
    headers: [],
  }));
  return {
    eventSource: 'SelfManagedKafka',
    bootstrapServers: '',
    records: { [`${topic}-${records[0]?.partition}`]: batch },
  };
}
