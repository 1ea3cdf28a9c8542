/** Produces or consumes with kafkajs. */
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import kafkajs from 'kafkajs';
import type { ConsumeOptions, ProduceOptions } from '../program.ts';
import { bytesOf, inputEnded, main, sayAssigned, sayRecords, sendAll, textOf } from './lines.ts';

const { CompressionCodecs, CompressionTypes, Kafka, logLevel } = kafkajs;

// The codecs that it leaves to others; Node has this one.
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: async ({ buffer }: { buffer: Buffer }) => zstdCompressSync(buffer),
  decompress: async (buffer: Buffer) => zstdDecompressSync(buffer),
});
const CODECS = { none: CompressionTypes.None, gzip: CompressionTypes.GZIP, zstd: CompressionTypes.ZSTD };

const connect = (bootstrap: string) =>
  new Kafka({
    clientId: 'kafkajs',
    brokers: [bootstrap],
    logLevel: logLevel.ERROR,
    retry: { retries: 100, maxRetryTime: 500 },
  });

await main(
  async ({ bootstrap, topic, idempotent }: ProduceOptions) => {
    const producer = connect(bootstrap).producer({ idempotent });
    await producer.connect();
    await sendAll(async (codec, records) => {
      const messages = records.map(({ partition, timestamp, key, value, headers }) => {
        const named = Map.groupBy(headers, ([name]) => name);
        return {
          partition,
          timestamp: String(timestamp),
          key: bytesOf(key),
          value: bytesOf(value),
          headers: Object.fromEntries([...named].map(([name, all]) => [name, all.map(([, one]) => bytesOf(one)!)])),
        };
      });
      const compression = CODECS[codec as keyof typeof CODECS];
      const answers = await producer.send({ topic, messages, compression, acks: -1 });
      return new Map(answers.map(({ partition, baseOffset }) => [partition, Number(baseOffset)]));
    });
    await producer.disconnect();
  },

  async ({ bootstrap, topic, group, session }: ConsumeOptions) => {
    const consumer = connect(bootstrap).consumer({
      groupId: group,
      sessionTimeout: session,
      heartbeatInterval: session / 20,
      maxWaitTimeInMs: 200,
    });
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => sayAssigned(payload.memberAssignment[topic] ?? []));
    await consumer.connect();
    await consumer.subscribe({ topic, fromBeginning: true });
    await consumer.run({
      autoCommit: false,
      async eachBatch({ batch: { partition, messages } }) {
        sayRecords(
          messages.map(({ offset, timestamp, key, value, headers = {} }) => ({
            partition,
            offset: Number(offset),
            timestamp: Number(timestamp),
            key: textOf(key),
            value: textOf(value),
            headers: Object.entries(headers).flatMap(([name, all]) =>
              [all].flat().map((one): [string, string | null] => [name, textOf(one as Buffer)]),
            ),
          })),
        );
        const next = String(Number(messages.at(-1)!.offset) + 1);
        await consumer.commitOffsets([{ topic, partition, offset: next }]);
      },
    });
    await inputEnded();
    await consumer.disconnect();
  },
);
