import type { VarveError } from '../errors.ts';
import type { Compression } from '../format/records/batch.ts';
import type { LogRecord, RecordHeader } from '../format/records/record.ts';
import type { ProducerBatch } from '../stores/catalog/partitions.ts';
import type { Delivery, DeliveryOptions } from './delivery/delivery.ts';
import type { SubscriptionAdmin } from './delivery/subscriptions.ts';
import type { Consumer, ConsumerOptions } from './groups/consumer.ts';
import type { GroupAdmin } from './groups/groups.ts';
import type { ConsumerInstances } from './groups/instances.ts';
import type { Producer } from './producer.ts';
import type { TopicAdmin } from './topics.ts';
import type { UpkeepOptions, UpkeepReport } from './upkeep/upkeep.ts';

/** A string is its UTF-8 bytes. */
export type Bytes = Uint8Array | string;

/** A record to append. */
export interface AppendRecord {
  key?: Bytes | null;
  value?: Bytes | null;
  headers?: readonly { key: string; value: Bytes | null }[];
  /** Milliseconds since the epoch; now when absent. */
  timestamp?: number;
  /** Absent: by the key as Kafka's Java client chooses; without a key, one partition until some 16 KiB went there, then another. */
  partition?: number;
}

export interface AppendedRecord {
  partition: number;
  offset: number;
  /** The timestamp that readers will see. */
  timestamp: number;
}

export interface AppendedBatch extends AppendedRecord {
  /** Whether the timestamp is the log's: `message.timestamp.type` is LogAppendTime. */
  stamped: boolean;
  /** The log start, as it was lately; -1 where that is not known. */
  logStart: number;
}

export interface AppendOptions {
  /** Ends the wait, not the append: what was sent may still be appended. */
  signal?: AbortSignal;
  /** Milliseconds until REQUEST_TIMED_OUT; default 30,000. */
  timeout?: number;
  compression?: Compression;
  /**
   * Makes the call idempotent: the records are one batch of this producer, with consecutive sequences from `sequence`. All
   * records must name the same partition. A repeat answers the first call's offsets.
   */
  producer?: ProducerBatch;
}

/** Where to begin: an offset, the log start, the high watermark, or the first record at or after a time (milliseconds). */
export type From = number | 'earliest' | 'latest' | { timestamp: number };

export interface ReadOptions {
  /** Absent: all partitions, each in its order, interleaved as they arrive; when following, those too that are added. */
  partition?: number;
  /** Default `earliest`. */
  from?: From;
  /** Overrides `from` for the partitions that it names. */
  positions?: Readonly<Record<number, number>>;
  /** False: ends at the high watermark of the moment of the call. Default true: waits for more until the signal aborts, then ends. */
  follow?: boolean;
  /** Bytes of batches that are read ahead of the caller, a partition; at least one whole batch. Default 1 MiB. */
  maxBytes?: number;
  signal?: AbortSignal;
}

export interface ReadRecord extends LogRecord {
  partition: number;
}

export interface FetchOptions {
  /** Bytes of batches; at least one whole batch is answered however large. Default 1 MiB, at most 64 MiB. */
  maxBytes?: number;
  /** Milliseconds to wait for something to read at the high watermark. Default 0. */
  wait?: number;
  signal?: AbortSignal;
}

export interface Fetched {
  /** Whole record batches, in order, CRC verified, base offsets set. The first may begin before the offset that was asked for. */
  batches: Uint8Array[];
  highWatermark: number;
  logStart: number;
}

/** A partition, and where its reader is. */
export interface Wanted {
  topic: string;
  /** The topic's: one of that name with another id is UNKNOWN_TOPIC_ID. */
  topicId?: string;
  partition: number;
  offset: number;
  /** Bytes of batches from this partition; at most 64 MiB. */
  maxBytes: number;
}

export interface FetchAllOptions {
  /** Bytes of batches in all; at least one whole batch is answered however large. At most 64 MiB. */
  maxBytes: number;
  /** Bytes that are worth an answer before `wait` is over. */
  minBytes: number;
  /** Milliseconds to wait for them. */
  wait: number;
  /** Bytes of memory, of which `maxBytes` is the most: taken before something is read, what was not needed is given back before a wait. */
  memory?: { take(wanted: number): number; give(bytes: number): void };
  signal?: AbortSignal;
}

export interface Polled {
  /** From the offset that was asked for on. */
  records: LogRecord[];
  /** Where to go on. */
  next: number;
  highWatermark: number;
  logStart: number;
}

/** An idempotent producer, by its last batch in a partition. */
export interface ProducerActivity {
  id: number;
  epoch: number;
  /** Of the last record. */
  lastSequence: number;
  /** The batch's highest, milliseconds since the epoch; -1 when it is deleted. */
  lastTimestamp: number;
}

export interface OffsetRange {
  /** The log start offset. */
  earliest: number;
  /** The high watermark: the next offset to be assigned. */
  latest: number;
}

/**
 * The log. Unknown topics and partitions are UNKNOWN_TOPIC_OR_PARTITION, offsets outside [log start, high watermark]
 * OFFSET_OUT_OF_RANGE; after `close` everything is LOG_CLOSED.
 */
export interface EventLog {
  readonly clusterId: string;
  readonly topics: TopicAdmin;
  readonly groups: GroupAdmin;
  readonly instances: ConsumerInstances;
  readonly subscriptions: SubscriptionAdmin;

  /** Resolves when all records are durable, with one answer a record, in order. Rejects with the first record's error: others may be appended. */
  append(topic: string, records: readonly AppendRecord[], options?: AppendOptions): Promise<AppendedRecord[]>;

  /** The same with an answer or an error for each record. Rejects only when the topic is unknown or the call itself is wrong. */
  appendSettled(
    topic: string,
    records: readonly AppendRecord[],
    options?: AppendOptions,
  ): Promise<(AppendedRecord | VarveError)[]>;

  /**
   * Appends one record batch (magic 2) as it is, still compressed. The batch is verified, not decoded. `topicId`: a topic of that
   * name with another id is UNKNOWN_TOPIC_ID.
   */
  appendBatch(
    topic: string,
    partition: number,
    batch: Uint8Array,
    options?: Pick<AppendOptions, 'signal' | 'timeout'> & { topicId?: string },
  ): Promise<AppendedBatch>;

  /** Records one by one. Control records are passed over. */
  read(topic: string, options?: ReadOptions): AsyncIterable<ReadRecord>;

  /** Raw batches from `offset` on. */
  fetch(topic: string, partition: number, offset: number, options?: FetchOptions): Promise<Fetched>;

  /**
   * Raw batches of many partitions, in the order of the list as far as `maxBytes` goes. Answers at once when a partition fails.
   */
  fetchAll(wanted: readonly Wanted[], options: FetchAllOptions): Promise<(Fetched | VarveError)[]>;

  /** Decoded records from `offset` on; `maxRecords` default 10,000. */
  poll(
    topic: string,
    partition: number,
    offset: number,
    options?: FetchOptions & { maxRecords?: number },
  ): Promise<Polled>;

  offsets(topic: string, partition: number): Promise<OffsetRange>;

  /** Bytes of the batches that can be read, as they are stored; the one that holds the log start counts whole. A moment old. */
  size(topic: string, partition: number): Promise<number>;

  /** The first record at or after `timestamp`; undefined when there is none. */
  offsetAt(
    topic: string,
    partition: number,
    timestamp: number,
  ): Promise<{ offset: number; timestamp: number } | undefined>;

  /** The first record with the highest timestamp of the partition; undefined when there is no record. */
  offsetOfMaxTimestamp(topic: string, partition: number): Promise<{ offset: number; timestamp: number } | undefined>;

  /** Idempotent producers that appended to the partition lately, by id. */
  activeProducers(topic: string, partition: number): Promise<ProducerActivity[]>;

  /** Records below `before` are no longer readable ('latest': all that there are). Answers the log start. */
  deleteRecords(topic: string, partition: number, before: number | 'latest'): Promise<number>;

  /** An idempotent producer with an id of its own. */
  producer(): Promise<Producer>;

  /** A producer id and epoch for callers that keep their own sequences. */
  allocateProducer(): Promise<{ id: number; epoch: number }>;

  /**
   * Deletes what nothing needs any more: what retention gives up, what deleted topics left, orphans. A log in a process of its own
   * does it by itself; in AWS a function does. Never rejects for what the stores do: the report says it.
   */
  upkeep(options?: UpkeepOptions): Promise<UpkeepReport>;

  consumer(options: ConsumerOptions): Consumer;

  /** Delivers records to the functions that subscribe to them, by what the caller gives it to invoke and to wake itself. */
  delivery(options: DeliveryOptions): Promise<Delivery>;

  /** Refuses new work, lets what was accepted become durable, then frees everything. Repeats have no effect. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export type { RecordHeader };
