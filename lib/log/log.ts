import pLimit from 'p-limit';
import type { Clock } from '../clock.ts';
import { VarveError } from '../errors.ts';
import type { Random } from '../ids.ts';
import type { Catalog } from '../stores/catalog/catalog.ts';
import type { TopicIdPartition } from '../stores/catalog/partitions.ts';
import type { Topic } from '../stores/catalog/topics.ts';
import type { ObjectStore } from '../stores/objects/objects.ts';
import { createAppender } from './appender.ts';
import { createBatches, DEFAULT_CACHE_BYTES } from './batches.ts';
import type { BrokerConfig } from './broker-config.ts';
import type { StartDelivery } from './delivery/driver.ts';
import { createSubscriptionAdmin } from './delivery/subscriptions.ts';
import type {
  AppendedBatch,
  AppendedRecord,
  AppendOptions,
  AppendRecord,
  EventLog,
  FetchOptions,
  From,
  Wanted,
} from './event-log.ts';
import { fetchAll } from './fetch-all.ts';
import { follow } from './follow.ts';
import { createConsumer } from './groups/consumer.ts';
import { createGroupAdmin } from './groups/group-admin.ts';
import { createConsumerInstances } from './groups/instances.ts';
import { createHeads, NOW } from './heads.ts';
import { type Meter, silentMeter } from './meter.ts';
import { offsetOf } from './offset-of.ts';
import type { Prices } from './placement.ts';
import { createProducer } from './producer.ts';
import { createReader } from './reader.ts';
import { sizeOf } from './size.ts';
import { checkPartition, createTopicCache } from './topic-cache.ts';
import { type TopicSettings, topicSettings } from './topic-config.ts';
import { isUnknownTopic, unknownPartition, unknownTopicId } from './topic-name.ts';
import { createTopicAdmin } from './topics.ts';
import { every } from './upkeep/schedule.ts';
import { createUpkeep, type UpkeepOptions, type UpkeepReport, type UpkeepRules, upkeepRules } from './upkeep/upkeep.ts';
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
  /** Loads for readers in sequence what they will ask for next; for stores whose requests cost nothing but their time. */
  readAhead?: boolean;
  upkeep?: Partial<UpkeepRules>;
  /** Does the upkeep by itself, as often as the broker's configuration says. `clock`: one whose timers let the process end. */
  selfUpkeep?: { clock: Clock; onRun?: (report: UpkeepReport) => void };
  /** Delivers by itself to who subscribes: for the only process that has the log. */
  selfDelivery?: StartDelivery;
}

type PartitionName = Pick<Wanted, 'topic' | 'topicId' | 'partition'>;

const DEFAULT_TIMEOUT_MS = 30_000;
const LOOK_UPS_AT_ONCE = 16;

/** An EventLog over two ports. It owns them: closing it closes them. */
export function createLog(deps: LogDeps): EventLog {
  const { catalog, objects, clock, random, brokerConfig, meter = silentMeter } = deps;
  const closing = new AbortController();
  const stopping = new AbortController();
  const cache = createTopicCache(catalog, clock);
  const heads = createHeads(catalog, clock);
  const { cacheBytes = DEFAULT_CACHE_BYTES, readAhead = false } = deps;
  const batches = createBatches(catalog.partitions, objects, cacheBytes);
  const aheadBytes = readAhead ? Math.floor(cacheBytes / 4) : 0;
  const reader = createReader({ partitions: catalog.partitions, heads, batches, clock, meter, aheadBytes });
  const writer = createWriter({
    partitions: catalog.partitions,
    objects,
    clock,
    random,
    meter,
    prices: deps.prices,
    limits: { ...DEFAULT_WRITER_LIMITS, ...deps.writer },
    onHead(at, head, asked) {
      if (head) heads.learn(at, head, asked);
      else heads.forget(at);
      driver?.changed(at);
    },
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
    timestampAt: reader.timestampAt,
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
  const upkeep = createUpkeep({
    catalog,
    objects,
    clock,
    random,
    brokerConfig,
    rules: upkeepRules(brokerConfig, deps.upkeep),
    onRaised: relearn,
  });
  const upkeepRuns = new Set<Promise<UpkeepReport>>();
  const schedule = deps.selfUpkeep && startUpkeep(deps.selfUpkeep);
  const deliveryDeps = { catalog, reader, heads, clock, random };
  const driver = deps.selfDelivery?.(deliveryDeps, (...args) => log.append(...args));
  let closed: Promise<void> | undefined;

  function startUpkeep({ clock: timer, onRun }: NonNullable<LogDeps['selfUpkeep']>) {
    return every(timer, brokerConfig.retentionCheckInterval, async () => onRun?.(await runUpkeep()));
  }

  async function runUpkeep({ signal, ...options }: UpkeepOptions = {}): Promise<UpkeepReport> {
    const ending = signal ? AbortSignal.any([signal, stopping.signal]) : stopping.signal;
    const run = upkeep.run({ ...options, signal: ending });
    upkeepRuns.add(run);
    return run.finally(() => upkeepRuns.delete(run));
  }

  /** The log start rose: a head that an append brings later may be older than that, so this one is asked for after it. */
  async function relearn(of: TopicIdPartition): Promise<void> {
    heads.forget(of);
    await heads.refresh(of);
  }

  function open(): void {
    if (closed) throw new VarveError('LOG_CLOSED', 'the log is closed; open it again');
  }

  /** A topic may have been deleted and made anew, or have grown, since it was seen: what it refuses is asked of the one of now. */
  async function actOn<T>(seen: Topic, act: (topic: Topic) => Promise<T>): Promise<T> {
    try {
      return await act(seen);
    } catch (error) {
      const now = isUnknownTopic(error) ? await cache.changed(seen) : undefined;
      if (!now) throw error;
      return act(now);
    }
  }

  /** Acts on the topic that has the name, and the id where one is given, and the partition. */
  async function actOnPartition<T>(
    { topic: name, partition, topicId }: PartitionName,
    act: (topic: Topic) => Promise<T>,
  ): Promise<T> {
    const seen = await cache.get(name, partition).catch((error) => {
      throw topicId !== undefined && isUnknownTopic(error) ? unknownTopicId(name) : error;
    });
    return actOn(seen, async (topic) => {
      if (topicId !== undefined && topic.id !== topicId) throw unknownTopicId(name);
      checkPartition(topic, partition);
      return act(topic);
    });
  }

  async function on<T>(name: string, partition: number, act: (of: TopicIdPartition) => Promise<T>): Promise<T> {
    open();
    return actOnPartition({ topic: name, partition }, ({ id: topicId }) => act({ topicId, partition }));
  }

  async function look(wanted: Wanted, offset: number, waits: boolean) {
    open();
    return actOnPartition(wanted, async ({ id: topicId }) => {
      const of = { topicId, partition: wanted.partition };
      return { of, head: await reader.head(of, offset, waits) };
    });
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

  // Between the look at the topic and the Writer both ways of appending wait for nothing, so that calls stay in order.
  async function appendSettled(name: string, records: readonly AppendRecord[], options: AppendOptions) {
    const topic = await cache.get(name, highestPartition(records));
    const answers = await actOn(topic, (to) => appender.append(to, records, options));
    const gone = [...answers.keys()].filter((i) => isUnknownTopic(answers[i]));
    if (gone.length === 0) return answers;
    try {
      const now = await cache.changed(topic);
      if (!now) return answers;
      const left = gone.map((i) => records[i]!);
      for (const [k, answer] of (await appender.append(now, left, options)).entries()) answers[gone[k]!] = answer;
    } catch (error) {
      if (!(error instanceof VarveError) || gone.length === answers.length) throw error;
      for (const i of gone) answers[i] = error;
    }
    return answers;
  }

  async function appendBatch(to: PartitionName, batch: Uint8Array): Promise<AppendedBatch> {
    return actOnPartition(to, async (topic) => {
      const { partition } = to;
      const appended = await appender.appendBatch(topic, partition, batch);
      // The append told the head, however long it took: nothing is read, save after a repeat, and what was appended stays so.
      const head = await heads.get({ topicId: topic.id, partition }, Number.POSITIVE_INFINITY).catch(() => undefined);
      return { ...appended, logStart: head?.logStart ?? -1 };
    });
  }

  async function resolve(topic: Topic, partition: number, from: From) {
    const of = { topicId: topic.id, partition };
    const head = await heads.get(of, NOW);
    if (!head) throw unknownPartition(topic.name, partition);
    return { offset: await offsetOf(reader, of, head, from), latest: head.highWatermark };
  }

  async function partitionsOf(seen: Topic): Promise<number> {
    const now = await cache.get(seen.name);
    return now.id === seen.id ? now.partitions : seen.partitions;
  }

  const subscriptions = createSubscriptionAdmin({ catalog, clock, random, resolve });
  const log: EventLog = {
    clusterId: catalog.clusterId,
    topics,
    groups: createGroupAdmin({ catalog, clock, random }),
    instances: createConsumerInstances({ catalog, reader, heads, clock, random }),
    subscriptions: driver?.over(subscriptions) ?? subscriptions,

    async append(topic, records, options) {
      const answers = await log.appendSettled(topic, records, options);
      for (const answer of answers) if (answer instanceof VarveError) throw answer;
      return answers as AppendedRecord[];
    },

    async appendSettled(name, records, options = {}) {
      open();
      return within(appendSettled(name, records, options), options);
    },

    async appendBatch(name, partition, batch, options = {}) {
      open();
      const { topicId } = options;
      return within(appendBatch({ topic: name, partition, ...(topicId !== undefined && { topicId }) }, batch), options);
    },

    async *read(name, options = {}) {
      open();
      const partition = options.partition ?? 0;
      const seen = await cache.get(name, partition);
      // It stays with the topic that it begins with.
      const topic = (catalog.shared && (await cache.changed(seen))) || seen;
      checkPartition(topic, partition);
      yield* follow({ reader, heads, clock, partitionsOf, resolve, closing: closing.signal }, topic, options);
    },

    async fetch(topic, partition, offset, options?: FetchOptions) {
      return on(topic, partition, (of) => reader.fetch(of, offset, options));
    },

    async fetchAll(wanted, options) {
      open();
      return fetchAll({ reader, heads, clock, look }, wanted, options);
    },

    async poll(topic, partition, offset, options) {
      return on(topic, partition, (of) => reader.poll(of, offset, options));
    },

    async offsets(topic, partition) {
      return on(topic, partition, async (of) => {
        const head = await heads.get(of, NOW);
        if (!head) throw unknownPartition(topic, partition);
        return { earliest: head.logStart, latest: head.highWatermark };
      });
    },

    async size(topic, partition) {
      return on(topic, partition, async (of) => {
        const head = await heads.get(of);
        if (!head) throw unknownPartition(topic, partition);
        return sizeOf(catalog.partitions, of, head);
      });
    },

    async offsetAt(topic, partition, timestamp) {
      return on(topic, partition, (of) => reader.offsetAt(of, timestamp));
    },

    async offsetOfMaxTimestamp(topic, partition) {
      return on(topic, partition, (of) => reader.offsetOfMaxTimestamp(of));
    },

    async activeProducers(topic, partition) {
      return on(topic, partition, async (of) => {
        const active = await catalog.partitions.producers(of);
        if (!active) throw unknownPartition(topic, partition);
        return pLimit(LOOK_UPS_AT_ONCE).map(active, async ({ id, epoch, lastSequence, base }) => {
          return { id, epoch, lastSequence, lastTimestamp: (await reader.timestampAt(of, base)) ?? -1 };
        });
      });
    },

    async deleteRecords(topic, partition, before) {
      return on(topic, partition, async (of) => {
        const upTo = before === 'latest' ? (await log.offsets(topic, partition)).latest : before;
        const logStart = upTo < 0 ? 'out of range' : await catalog.partitions.raiseLogStart(of, upTo);
        if (typeof logStart === 'number') {
          await relearn(of);
          return logStart;
        }
        heads.forget(of);
        if (logStart === 'unknown partition') throw unknownPartition(topic, partition);
        throw new VarveError('OFFSET_OUT_OF_RANGE', `offset ${upTo} is above the high watermark, or below 0`);
      });
    },

    async producer() {
      const partitions = async (topic: string) => (await cache.get(topic)).partitions;
      return createProducer({ log, clock, partitions, ...(await log.allocateProducer()) });
    },

    async allocateProducer() {
      open();
      return { id: await catalog.producers.allocate(), epoch: 0 };
    },

    async upkeep(options) {
      open();
      return runUpkeep(options);
    },

    consumer(options) {
      open();
      return createConsumer({ catalog, reader, heads, clock, random, closing: closing.signal }, options);
    },

    async delivery(options) {
      open();
      // Few deliver: a function that serves HTTP should not load it when it starts.
      const { createDelivery } = await import('./delivery/delivery.ts');
      return createDelivery(deliveryDeps, options);
    },

    close() {
      closed ??= (async () => {
        schedule?.stop();
        stopping.abort();
        await driver?.close();
        await Promise.all([writer.close(), ...upkeepRuns]);
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

/** Of those that are named. */
function highestPartition(records: readonly AppendRecord[]): number {
  return records.reduce((highest, { partition = 0 }) => Math.max(highest, partition), 0);
}
