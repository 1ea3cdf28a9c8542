import { randomUUID } from 'node:crypto';
import kafkajs from 'kafkajs';
import { poll } from '../support/poll.ts';

/** A record as it stands in a topic. */
export interface Written {
  partition: number;
  offset: number;
  timestamp: number;
  key: string | null;
  value: string | null;
}

/** What a test does with the topics of a broker, by kafkajs, whichever broker that is. */
export interface Topics {
  create(partitions: Readonly<Record<string, number>>): Promise<void>;
  /** In this order; partitions are chosen by key as Kafka's own clients choose them. */
  write(records: readonly { topic: string; key: string; value: string | null; timestamp: number }[]): Promise<void>;
  /** Every record that a topic has now, by partition and offset. */
  read(...topics: string[]): Promise<Map<string, Written[]>>;
  names(): Promise<string[]>;
  /** The number of offsets that each partition has given. */
  ends(topic: string): Promise<number[]>;
  starts(topic: string): Promise<number[]>;
  /** A group's committed offset of each partition; 0 where it has committed none. */
  committed(group: string, topic: string): Promise<number[]>;
  close(): Promise<void>;
}

export async function topicsOf(broker: string): Promise<Topics> {
  const { Kafka, Partitioners, logLevel } = kafkajs;
  const kafka = new Kafka({ brokers: [broker], logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  const producer = kafka.producer({
    createPartitioner: Partitioners.DefaultPartitioner,
    allowAutoTopicCreation: false,
  });
  await Promise.all([admin.connect(), producer.connect()]);
  const offsets = async (topic: string) =>
    (await admin.fetchTopicOffsets(topic)).sort((a, b) => a.partition - b.partition);
  const ends = async (topic: string) => (await offsets(topic)).map(({ high }) => Number(high));

  return {
    async create(partitions) {
      const topics = Object.entries(partitions).map(([topic, numPartitions]) => ({ topic, numPartitions }));
      await admin.createTopics({ topics });
      // Apache Kafka answers before the partitions have leaders, and kafkajs drops unsaid what is for a partition without one.
      for (const topic of Object.keys(partitions)) {
        await poll(`${topic} is there`, 60_000, () => ends(topic).catch(() => undefined));
      }
    },
    async write(records) {
      const topicMessages = Map.groupBy(records, ({ topic }) => topic)
        .entries()
        .map(([topic, of]) => ({ topic, messages: of.map((one) => ({ ...one, timestamp: String(one.timestamp) })) }));
      await producer.sendBatch({ topicMessages: [...topicMessages] });
    },
    async read(...topics) {
      const found = new Map<string, Written[]>(topics.map((topic) => [topic, []]));
      const counts = await Promise.all(topics.map(async (topic) => (await ends(topic)).reduce((sum, n) => sum + n, 0)));
      let awaited = counts.reduce((sum, n) => sum + n, 0);
      if (awaited === 0) return found;
      const consumer = kafka.consumer({ groupId: `reader-${randomUUID()}` });
      await consumer.connect();
      await consumer.subscribe({ topics, fromBeginning: true });
      const all = Promise.withResolvers<void>();
      await consumer.run({
        eachMessage: async ({ topic, partition, message: { offset, timestamp, key, value } }) => {
          const text = (bytes: Buffer | null) => bytes?.toString() ?? null;
          const record = { partition, offset: Number(offset), timestamp: Number(timestamp) };
          found.get(topic)?.push({ ...record, key: text(key), value: text(value) });
          awaited -= 1;
          if (awaited === 0) all.resolve();
        },
      });
      await all.promise;
      await consumer.disconnect();
      for (const records of found.values()) records.sort((a, b) => a.partition - b.partition || a.offset - b.offset);
      return found;
    },
    names: () => admin.listTopics(),
    ends,
    starts: async (topic) => (await offsets(topic)).map(({ low }) => Number(low)),
    async committed(groupId, topic) {
      const [answer] = await admin.fetchOffsets({ groupId, topics: [topic] });
      const rows = answer?.partitions.sort((a, b) => a.partition - b.partition) ?? [];
      return rows.map(({ offset }) => Math.max(0, Number(offset)));
    },
    async close() {
      await Promise.all([admin.disconnect(), producer.disconnect()]);
    },
  };
}
