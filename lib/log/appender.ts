import type { Clock } from '../clock.ts';
import { VarveError } from '../errors.ts';
import {
  BATCH_OVERHEAD,
  encodeBatch,
  patchMaxTimestamp,
  recordSizeBound,
  stampLogAppendTime,
} from '../format/records/batch.ts';
import type { NewRecord } from '../format/records/record.ts';
import { NO_TIMESTAMP, validateBatch } from '../format/records/validate.ts';
import type { ProducerBatch, TopicIdPartition } from '../stores/catalog/partitions.ts';
import type { Topic } from '../stores/catalog/topics.ts';
import type { AppendedBatch, AppendedRecord, AppendOptions, AppendRecord, Bytes } from './event-log.ts';
import type { Meter } from './meter.ts';
import { partitionForKey } from './partitioner.ts';
import { type Sealing, seal } from './sealed.ts';
import { checkPartition } from './topic-cache.ts';
import type { TopicSettings } from './topic-config.ts';
import type { Writer } from './writer.ts';

/** Turns what a caller appends into what the Writer takes: partitions chosen, limits and timestamps checked. */
export interface Appender {
  /** An answer or an error for each record. Throws only when the call itself is wrong. */
  append(
    topic: Topic,
    records: readonly AppendRecord[],
    options: AppendOptions,
  ): Promise<(AppendedRecord | VarveError)[]>;
  /** One batch as it is. The partition must exist. */
  appendBatch(topic: Topic, partition: number, batch: Uint8Array): Promise<Omit<AppendedBatch, 'logStart'>>;
}

export interface AppenderDeps {
  writer: Writer;
  clock: Clock;
  meter: Meter;
  settings(topic: Topic): TopicSettings;
  /** The max timestamp of the batch that begins at an offset, when it is still there. */
  timestampAt(of: TopicIdPartition, offset: number): Promise<number | undefined>;
}

/** As Kafka's `batch.size`: records without a key stay with one partition until this much went there. */
const STICKY_BYTES = 16 * 1024;
const STICKY_TOPICS = 10_000;
const MAX_RECORDS_PER_APPEND = 100_000;

interface Prepared {
  index: number;
  partition: number;
  record: NewRecord;
  size: number;
}

export function createAppender({ writer, clock, meter, settings, timestampAt }: AppenderDeps): Appender {
  const sticky = new Map<string, { partition: number; bytes: number }>();

  function stickyPartition(topic: Topic, size: number): number {
    const at = sticky.get(topic.id) ?? { partition: 0, bytes: 0 };
    if (at.bytes >= STICKY_BYTES) {
      at.partition++;
      at.bytes = 0;
    }
    at.bytes += size;
    if (sticky.size >= STICKY_TOPICS) sticky.clear();
    sticky.set(topic.id, at);
    return at.partition % topic.partitions;
  }

  function prepare(topic: Topic, record: AppendRecord, index: number, rules: TopicSettings, now: number): Prepared {
    const prepared: NewRecord = {
      key: toBytes(record.key),
      value: toBytes(record.value),
      headers: record.headers?.map(({ key, value }) => ({ key, value: toBytes(value) })) ?? [],
      timestamp: rules.timestampType === 'LogAppendTime' ? now : (record.timestamp ?? now),
    };
    const size = recordSizeBound(prepared);
    if (size + BATCH_OVERHEAD > rules.maxMessageBytes) throw tooLarge(size + BATCH_OVERHEAD, rules.maxMessageBytes);
    if (rules.keyed && prepared.key === null) {
      throw new VarveError('INVALID_RECORD', `topic "${topic.name}" is compacted: every record needs a key`);
    }
    checkTimestamp(prepared.timestamp, rules, now);
    const partition =
      record.partition ??
      (prepared.key ? partitionForKey(prepared.key, topic.partitions) : stickyPartition(topic, size));
    checkPartition(topic, partition);
    return { index, partition, record: prepared, size };
  }

  async function append(topic: Topic, records: readonly AppendRecord[], options: AppendOptions) {
    if (records.length > MAX_RECORDS_PER_APPEND) {
      throw new VarveError('INVALID_REQUEST', `at most ${MAX_RECORDS_PER_APPEND} records can be appended in one call`);
    }
    const rules = settings(topic);
    const now = clock.now();
    const compression = rules.compression === 'producer' ? (options.compression ?? 'none') : rules.compression;
    const sealing: Sealing = { compression, timestampType: rules.timestampType, maxBytes: rules.maxMessageBytes };
    const answers = new Array<AppendedRecord | VarveError>(records.length);
    const prepared: Prepared[] = [];
    records.forEach((record, index) => {
      try {
        prepared.push(prepare(topic, record, index, rules, now));
      } catch (error) {
        if (!(error instanceof VarveError)) throw error;
        answers[index] = error;
      }
    });
    const groups = options.producer
      ? [idempotent(topic, prepared, answers, sealing, options.producer)]
      : [...Map.groupBy(prepared, ({ partition }) => partition).values()].flatMap((group) =>
          split(group, sealing.maxBytes),
        );
    await Promise.all(
      groups.map(async (group) => {
        if (group.length === 0) return;
        const at = { topicId: topic.id, partition: group[0]!.partition };
        const size = group.reduce((sum, one) => sum + one.size, BATCH_OVERHEAD);
        const list = group.map(({ record }) => record);
        const content = options.producer
          ? { batch: seal(encodeBatch(list, { ...sealing, producer: options.producer })) }
          : { records: list, sealing };
        try {
          const begun = clock.monotonic();
          const base = await writer.append({ at, size, content });
          meter.appended(group.length, size, (clock.monotonic() - begun) / 1000);
          group.forEach(({ index, record, partition }, i) => {
            answers[index] = { partition, offset: base + i, timestamp: record.timestamp };
          });
        } catch (error) {
          for (const { index } of group) answers[index] = asVarveError(error);
        }
      }),
    );
    return answers;
  }

  async function appendBatch(topic: Topic, partition: number, batch: Uint8Array) {
    const rules = settings(topic);
    if (batch.length > rules.maxMessageBytes) throw tooLarge(batch.length, rules.maxMessageBytes);
    const now = clock.now();
    const { header, maxTimestamp } = validateBatch(batch, { keyed: rules.keyed, ...timeBounds(rules, now) });
    if (header.control || header.transactional) {
      throw new VarveError('INVALID_RECORD', 'control and transactional batches cannot be appended directly');
    }
    if (header.timestampType === 'LogAppendTime') {
      throw new VarveError('INVALID_TIMESTAMP', 'only the log stamps the time of the append; send CreateTime');
    }
    const stamped = rules.timestampType === 'LogAppendTime';
    // A copy, which a Buffer's own slice is not: the base offset is set where the bytes lie, the caller's buffer is the caller's, and
    // a batch that is kept must not keep all that came with it.
    const bytes = stamped ? stampLogAppendTime(batch, now) : Uint8Array.prototype.slice.call(batch);
    if (!stamped && header.maxTimestamp !== maxTimestamp) patchMaxTimestamp(bytes, maxTimestamp);
    const at = { topicId: topic.id, partition };
    const begun = clock.monotonic();
    const offset = await writer.append({ at, size: bytes.length, content: { batch: seal(bytes) } });
    meter.appended(header.lastOffsetDelta + 1, bytes.length, (clock.monotonic() - begun) / 1000);
    if (!stamped) return { partition, offset, timestamp: maxTimestamp, stamped };
    // It may be a repeat, which was stamped the first time. The head is known unless it is one.
    const first = header.producerId >= 0 ? await timestampAt(at, offset).catch(() => now) : now;
    return { partition, offset, timestamp: first ?? now, stamped };
  }

  return { append, appendBatch };
}

/** One batch or nothing: sequences are consecutive, so a record that is refused takes the whole call with it. */
function idempotent(
  topic: Topic,
  prepared: Prepared[],
  answers: (AppendedRecord | VarveError)[],
  sealing: Sealing,
  producer: ProducerBatch,
): Prepared[] {
  const { id, epoch, sequence } = producer;
  const inRange = (n: number, max: number) => Number.isSafeInteger(n) && n >= 0 && n <= max;
  if (!inRange(id, Number.MAX_SAFE_INTEGER) || !inRange(epoch, 32_767) || !inRange(sequence, 2 ** 31 - 1)) {
    throw new VarveError('INVALID_REQUEST', 'producer id, epoch and sequence must be whole numbers from 0 on');
  }
  const refused = answers.find((answer) => answer instanceof VarveError);
  if (refused instanceof VarveError) throw refused;
  if (prepared.some(({ partition }) => partition !== prepared[0]!.partition)) {
    throw new VarveError(
      'INVALID_REQUEST',
      `all records of an idempotent append must go to one partition of "${topic.name}"`,
    );
  }
  const size = prepared.reduce((sum, one) => sum + one.size, BATCH_OVERHEAD);
  if (size > sealing.maxBytes) throw tooLarge(size, sealing.maxBytes);
  return prepared;
}

/** Batches of at most `maxBytes`. */
function split(group: readonly Prepared[], maxBytes: number): Prepared[][] {
  const batches: Prepared[][] = [];
  let size = Number.POSITIVE_INFINITY;
  for (const one of group) {
    if (size + one.size > maxBytes) {
      batches.push([]);
      size = BATCH_OVERHEAD;
    }
    batches.at(-1)!.push(one);
    size += one.size;
  }
  return batches;
}

function checkTimestamp(timestamp: number, rules: TopicSettings, now: number): void {
  const { oldest, newest } = timeBounds(rules, now);
  if (Number.isSafeInteger(timestamp) && timestamp >= oldest && timestamp <= newest) return;
  if (timestamp === NO_TIMESTAMP) return;
  throw new VarveError(
    'INVALID_TIMESTAMP',
    'a timestamp must be whole milliseconds since the epoch, no further from now than message.timestamp.before.max.ms and message.timestamp.after.max.ms allow',
  );
}

/** Between which the time of a record that bears one must lie, milliseconds since the epoch. */
function timeBounds(rules: TopicSettings, now: number): { oldest: number; newest: number } {
  if (rules.timestampType === 'LogAppendTime') return { oldest: 0, newest: Number.MAX_SAFE_INTEGER };
  return { oldest: Math.max(0, now - rules.timestampBeforeMaxMs), newest: now + rules.timestampAfterMaxMs };
}

function tooLarge(size: number, limit: number): VarveError {
  return new VarveError('MESSAGE_TOO_LARGE', `${size} bytes is more than the topic's max.message.bytes, ${limit}`);
}

function asVarveError(error: unknown): VarveError {
  if (error instanceof VarveError) return error;
  return new VarveError('KAFKA_STORAGE_ERROR', 'the records could not be appended; send them again', { cause: error });
}

function toBytes(value: Bytes | null | undefined): Uint8Array | null {
  if (value === null || value === undefined) return null;
  return typeof value === 'string' ? Buffer.from(value) : value;
}
