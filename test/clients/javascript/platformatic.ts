/** Produces or consumes with @platformatic/kafka. */
import { Consumer, cooperativeStickyAssigner, Producer, roundRobinAssigner } from '@platformatic/kafka';
import type { ConsumeOptions, ProduceOptions } from '../program.ts';
import { bytesOf, inputEnded, main, sayAssigned, sayRecords, sendAll, textOf } from './lines.ts';

const ASSIGNORS = { roundrobin: roundRobinAssigner, 'cooperative-sticky': cooperativeStickyAssigner };

const connection = (bootstrap: string) => ({
  clientId: 'platformatic',
  bootstrapBrokers: [bootstrap],
  retries: 500,
  retryDelay: 200,
});

await main(
  async ({ bootstrap, topic, idempotent }: ProduceOptions) => {
    const producer = new Producer({ ...connection(bootstrap), idempotent });
    await sendAll(async (compression, records) => {
      const messages = records.map(({ partition, timestamp, key, value, headers }) => ({
        topic,
        partition,
        timestamp: BigInt(timestamp),
        ...(key !== null && { key: bytesOf(key)! }),
        ...(value !== null && { value: bytesOf(value)! }),
        headers: new Map(headers.map(([name, one]) => [Buffer.from(name), bytesOf(one)!])),
      }));
      const { offsets = [] } = await producer.send({ messages, compression, acks: -1 });
      return new Map(offsets.map(({ partition, offset }) => [partition, Number(offset)]));
    });
    await producer.close();
  },

  async ({ bootstrap, topic, group, assignor, instance, session }: ConsumeOptions) => {
    const consumer = new Consumer({
      ...connection(bootstrap),
      groupId: group,
      ...(instance !== undefined && { groupInstanceId: instance }),
      sessionTimeout: session,
      rebalanceTimeout: Math.max(session, 10_000),
      heartbeatInterval: session / 20,
      maxWaitTime: 200,
      protocols: [{ name: assignor, version: 1 }],
      partitionAssigner: ASSIGNORS[assignor as keyof typeof ASSIGNORS],
    });
    consumer.on('consumer:group:join', ({ assignments = [] }) =>
      sayAssigned(assignments.flatMap(({ partitions }) => partitions)),
    );
    const stream = await consumer.consume({ topics: [topic], mode: 'committed', fallbackMode: 'earliest' });
    stream.on('data', (message) => {
      sayRecords([
        {
          partition: message.partition,
          offset: Number(message.offset),
          timestamp: Number(message.timestamp),
          key: textOf(message.key),
          value: textOf(message.value),
          headers: message.headerEntries.map(([name, value]) => [String(name), textOf(value)]),
        },
      ]);
      // What is refused comes again.
      Promise.resolve(message.commit()).catch((error: unknown) => console.error(String(error)));
    });
    stream.on('error', (error) => console.error(String(error)));
    await inputEnded();
    await stream.close();
    await consumer.close();
  },
);
