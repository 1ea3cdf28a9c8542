import type { Clock } from '../clock.ts';
import { VarveError } from '../errors.ts';
import type { Random } from '../ids.ts';
import type { Catalog } from '../stores/catalog/catalog.ts';
import type { Topic } from '../stores/catalog/topics.ts';
import type { ObjectStore } from '../stores/objects/objects.ts';
import { createAppender } from './appender.ts';
import { createBatches, DEFAULT_CACHE_BYTES } from './batches.ts';
import type { BrokerConfig } from './broker-config.ts';
import type { AppendedRecord, EventLog, FetchOptions, From } from './event-log.ts';
import { follow } from './follow.ts';
import { createConsumer } from './groups/consumer.ts';
import { createGroupAdmin } from './groups/group-admin.ts';
import { createHeads } from './heads.ts';
import { type Meter, silentMeter } from './meter.ts';
import type { Prices } from './placement.ts';
import { createProducer } from './producer.ts';
import { createReader } from './reader.ts';
import { createTopicCache } from './topic-cache.ts';
import { type TopicSettings, topicSettings } from './topic-config.ts';
import { createTopicAdmin } from './topics.ts';
import { createWriter, DEFAULT_WRITER_LIMITS, type WriterLimits } from './writer.ts';

export interface LogDeps {
  catalog: Catalog;
  objects: ObjectStore;
  clock: Clock;
  random: Random;
  brokerConfig: BrokerConfig;
  prices: Prices;
  meter?: Meter;
  writer?: Partial<WriterLimits>;
  /** Bytes of recently read and written batches that are held. */
  cacheBytes?: number;
}

const DEFAULT_TIMEOUT_MS = 30_000;

/** An EventLog over two ports. It owns them: closing it closes them. */
export function createLog(deps: LogDeps): EventLog {
  const { catalog, objects, clock, random, brokerConfig, meter = silentMeter } = deps;
  const closing = new AbortController();
  const cache = createTopicCache(catalog, clock);
  const heads = createHeads(catalog, clock);
  const batches = createBatches(catalog.partitions, objects, deps.cacheBytes ?? DEFAULT_CACHE_BYTES);
  const reader = createReader({ partitions: catalog.partitions, heads, batches, clock, meter });
  const writer = createWriter({
    partitions: catalog.partitions,
    objects,
    clock,
    random,
    meter,
    prices: deps.prices,
    limits: { ...DEFAULT_WRITER_LIMITS, ...deps.writer },
    onHead: (at, head) => (head ? heads.learn(at, head) : heads.forget(at)),
    onAppended: (entry, batch, base) => batches.offer(entry, base, batch.bytes),
  });
  const settingsOf = new WeakMap<Topic, TopicSettings>();
  const appender = createAppender({
    writer,
    clock,
    meter,
    settings(topic) {
      const known = settingsOf.get(topic) ?? topicSettings(topic.config, brokerConfig);
      settingsOf.set(topic, known);
      return known;
    },
  });
  const topics = createTopicAdmin({
    catalog,
    clock,
    random,
    brokerConfig,
    onChange(name) {
      const before = cache.forget(name);
      for (let partition = 0; partition < (before?.partitions ?? 0); partition++) {
        heads.forget({ topicId: before!.id, partition });
      }
    },
  });
  let closed: Promise<void> | undefined;

  function open(): void {
    if (closed) throw new VarveError('LOG_CLOSED', 'the log is closed; open it again');
  }

  async function at(topic: string, partition: number) {
    open();
    const { id } = await cache.partition(topic, partition);
    return { topicId: id, partition };
  }

  /** The promise's outcome, unless time is up or the caller gives up first. What was begun goes on. */
  function within<T>(promise: Promise<T>, options: { timeout?: number; signal?: AbortSignal }): Promise<T> {
    const { timeout = DEFAULT_TIMEOUT_MS, signal } = options;
    return new Promise((resolve, reject) => {
      const giveUp = () => reject(signal?.reason);
      const cancel = clock.schedule(timeout, () =>
        reject(new VarveError('REQUEST_TIMED_OUT', `not answered within ${timeout} ms; it may have been appended`)),
      );
      if (signal?.aborted) giveUp();
      signal?.addEventListener('abort', giveUp, { once: true });
      promise.then(resolve, reject).finally(() => {
        cancel();
        signal?.removeEventListener('abort', giveUp);
      });
    });
  }

  /** A topic that was deleted and created again elsewhere has another id: the second try finds it. */
  async function appendTo<T>(
    name: string,
    append: (topic: Topic) => Promise<T>,
    gone: (answer: T) => boolean,
  ): Promise<T> {
    open();
    const topic = await cache.get(name);
    const answer = await append(topic);
    if (!gone(answer)) return answer;
    cache.forget(name);
    const now = await cache.get(name);
    return now.id === topic.id ? answer : append(now);
  }

  const isGone = (answer: unknown) => answer instanceof VarveError && answer.code === 'UNKNOWN_TOPIC_OR_PARTITION';

  async function resolve(topic: Topic, partition: number, from: From) {
    const head = await heads.get({ topicId: topic.id, partition }, true);
    if (!head)
      throw new VarveError('UNKNOWN_TOPIC_OR_PARTITION', `topic "${topic.name}" has no partition ${partition}`);
    const latest = head.highWatermark;
    if (from === 'earliest') return { offset: head.logStart, latest };
    if (from === 'latest') return { offset: latest, latest };
    if (typeof from === 'number') return { offset: from, latest };
    const found = await reader.offsetAt({ topicId: topic.id, partition }, from.timestamp);
    return { offset: found?.offset ?? latest, latest };
  }

  const log: EventLog = {
    clusterId: catalog.clusterId,
    topics,
    groups: createGroupAdmin({ catalog, clock, random }),

    async append(topic, records, options) {
      const answers = await log.appendSettled(topic, records, options);
      for (const answer of answers) if (answer instanceof VarveError) throw answer;
      return answers as AppendedRecord[];
    },

    async appendSettled(name, records, options = {}) {
      return within(
        appendTo(
          name,
          (topic) => appender.append(topic, records, options),
          (answers) => answers.length > 0 && answers.every(isGone),
        ),
        options,
      );
    },

    async appendBatch(name, partition, batch, options = {}) {
      await at(name, partition);
      const appended = appendTo(
        name,
        (topic) =>
          appender.appendBatch(topic, partition, batch).catch((error: unknown) => {
            if (isGone(error)) return error as VarveError;
            throw error;
          }),
        isGone,
      );
      const answer = await within(appended, options);
      if (answer instanceof VarveError) throw answer;
      return answer;
    },

    async *read(name, options = {}) {
      open();
      const topic = await cache.partition(name, options.partition ?? 0);
      yield* follow({ reader, heads, resolve, closing: closing.signal }, topic, options);
    },

    async fetch(topic, partition, offset, options?: FetchOptions) {
      return reader.fetch(await at(topic, partition), offset, options);
    },

    async poll(topic, partition, offset, options) {
      return reader.poll(await at(topic, partition), offset, options);
    },

    async offsets(topic, partition) {
      const of = await at(topic, partition);
      const head = await heads.get(of, true);
      if (!head) throw new VarveError('UNKNOWN_TOPIC_OR_PARTITION', `topic "${topic}" has no partition ${partition}`);
      return { earliest: head.logStart, latest: head.highWatermark };
    },

    async offsetAt(topic, partition, timestamp) {
      return reader.offsetAt(await at(topic, partition), timestamp);
    },

    async deleteRecords(topic, partition, before) {
      const of = await at(topic, partition);
      const upTo = before === 'latest' ? (await log.offsets(topic, partition)).latest : before;
      const logStart = await catalog.partitions.raiseLogStart(of, upTo);
      heads.forget(of);
      if (typeof logStart === 'number') return logStart;
      if (logStart === 'out of range') {
        throw new VarveError('OFFSET_OUT_OF_RANGE', `offset ${upTo} is above the high watermark, or below 0`);
      }
      throw new VarveError('UNKNOWN_TOPIC_OR_PARTITION', `topic "${topic}" has no partition ${partition}`);
    },

    async producer() {
      const partitions = async (topic: string) => (await cache.get(topic)).partitions;
      return createProducer({ log, clock, partitions, ...(await log.allocateProducer()) });
    },

    async allocateProducer() {
      open();
      return { id: await catalog.producers.allocate(), epoch: 0 };
    },

    consumer(options) {
      open();
      return createConsumer({ catalog, reader, heads, clock, random, closing: closing.signal }, options);
    },

    close() {
      closed ??= (async () => {
        await writer.close();
        closing.abort();
        heads.close();
        await catalog.close();
        await objects.close();
      })();
      return closed;
    },

    [Symbol.asyncDispose]() {
      return log.close();
    },
  };
  return log;
}
