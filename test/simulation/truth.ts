import { decodeBatch, readHeader, verifyCrc } from '../../lib/format/records/batch.ts';
import { segmentName } from '../../lib/format/segments/names.ts';
import type { AppendOutcome, NewEntry, TopicIdPartition } from '../../lib/stores/catalog/partitions.ts';
import type { Topic } from '../../lib/stores/catalog/topics.ts';
import { isSame, nameOf, type Payload } from './payload.ts';
import type { Check } from './verdict.ts';

const DEFAULT_RETENTION_MS = String(7 * 24 * 3_600_000);

/** One life of a topic's name. Times are the world's. */
export interface Life {
  name: string;
  id: string;
  created: number;
  deleted: number;
  /** Partitions, and since when. */
  counts: { since: number; partitions: number }[];
  /** The least that was ever to be kept of it: milliseconds, and bytes of each partition. */
  leastMs: number;
  leastBytes: number;
}

export interface Placed {
  name: string;
  /** When it was appended. */
  at: number;
  timestamp: number;
}

/** One partition as the stores' own answers made it. */
export interface PartitionTruth {
  topic: string;
  topicId: string;
  partition: number;
  /** By offset. */
  records: Placed[];
  logStarts: { since: number; offset: number }[];
  producers: Map<number, { epoch: number; next: number }>;
  /** Base offsets of idempotent batches. */
  batches: Map<string, number>;
  /** What was appended, batch by batch; `bytes` up to its end. */
  entries: { end: number; bytes: number; maxTimestamp: number }[];
}

/**
 * What the stores did, seen at the moment when they did it: below the network, where nothing is lost. It knows where every
 * record is, whoever was told of it.
 */
export interface Truth {
  submitted(payload: Payload): void;
  payload(name: string): Payload | undefined;
  /** Where the record is: more than one place only in different lives of its topic. */
  places(name: string): readonly { life: Life; partition: PartitionTruth; offset: number }[];
  lives(topic: string): readonly Life[];
  partition(of: TopicIdPartition): PartitionTruth | undefined;
  partitions(): Iterable<PartitionTruth>;
  /** Names of objects that a put may have made and that no delete has named. */
  put(name: string, parts: readonly Uint8Array[]): void;
  deleted(names: readonly string[]): void;
  created(topic: Topic): void;
  updated(topic: Topic): void;
  gone(topic: Topic): void;
  appended(to: TopicIdPartition, entries: readonly NewEntry[], outcomes: readonly AppendOutcome[]): void;
  logStartRaised(of: TopicIdPartition, offset: number): void;
  /** Somebody asks for the deletion of what lies below an offset, or of all that there is until the answer, which is a call of `answered`. */
  mayDelete(topic: string, partition: number, before: number | 'latest'): { answered(): void };
}

export interface TruthDeps {
  now(): number;
  /** The latest that the wall clock of a process shows. */
  wall(): number;
  violate(check: Check, detail: string): void;
  note(line: string): void;
  count(what: string): void;
}

export function createTruth({ now, wall, violate, note, count }: TruthDeps): Truth {
  const payloads = new Map<string, Payload>();
  const places = new Map<string, { life: Life; partition: PartitionTruth; offset: number }[]>();
  const livesById = new Map<string, Life>();
  const livesByName = new Map<string, Life[]>();
  const partitions = new Map<string, PartitionTruth>();
  const objects = new Map<string, Uint8Array>();
  const names = new Set<string>();
  /** Below it somebody asked for deletion. */
  const asked = new Map<string, { offset: number; open: number }>();

  function bytesOf(entry: NewEntry): Uint8Array | undefined {
    if (entry.bytes) return entry.bytes;
    return objects.get(segmentName(entry.id))?.subarray(entry.position, entry.position + entry.length);
  }

  function partitionOf(of: TopicIdPartition): PartitionTruth {
    const key = `${of.topicId}#${of.partition}`;
    let partition = partitions.get(key);
    if (!partition) {
      partition = {
        ...of,
        topic: livesById.get(of.topicId)?.name ?? 'unknown',
        records: [],
        logStarts: [{ since: 0, offset: 0 }],
        producers: new Map(),
        batches: new Map(),
        entries: [],
      };
      partitions.set(key, partition);
    }
    return partition;
  }

  function judgeProducer(partition: PartitionTruth, { producer, count: n }: NewEntry, base: number): void {
    if (!producer) return;
    const { id, epoch, sequence } = producer;
    const key = `${id}/${epoch}/${sequence}`;
    const where = `producer ${key} in ${describe(partition)} at ${base}`;
    if (partition.batches.has(key)) violate('at most once', `${where}, and at ${partition.batches.get(key)} before`);
    partition.batches.set(key, base);
    const last = partition.producers.get(id);
    const expected = last?.epoch === epoch ? last.next : 0;
    if (last && epoch < last.epoch) violate('producer order', `${where} after epoch ${last.epoch}`);
    else if (sequence !== expected) violate('producer order', `${where} where sequence ${expected} was next`);
    partition.producers.set(id, { epoch, next: sequence + n });
  }

  function place(partition: PartitionTruth, entry: NewEntry, base: number): void {
    const where = `${describe(partition)} at ${base}`;
    if (base !== partition.records.length) {
      violate('dense offsets', `a batch was appended to ${where}, the next offset is ${partition.records.length}`);
    }
    const bytes = bytesOf(entry);
    if (!bytes) {
      violate('bytes exist', `an entry of ${where} names segment ${entry.id}, which was never put`);
      return;
    }
    const header = readHeader(bytes);
    if (!verifyCrc(bytes) || header.crc !== entry.crc || header.lastOffsetDelta + 1 !== entry.count) {
      violate('nothing invented', `the entry of ${where} does not fit its batch`);
    }
    const { entries } = partition;
    const length = (entries.at(-1)?.bytes ?? 0) + entry.length;
    entries.push({ end: base + entry.count, bytes: length, maxTimestamp: entry.maxTimestamp });
    judgeProducer(partition, entry, base);
    const life = livesById.get(partition.topicId)!;
    for (const [i, record] of decodeBatch(bytes).entries()) {
      const name = nameOf(record);
      const payload = name === undefined ? undefined : payloads.get(name);
      if (!payload || !isSame(record, payload)) {
        violate('nothing invented', `record ${base + i} of ${describe(partition)} was not appended by anyone`);
      } else if (payload.topic !== partition.topic || payload.partition !== partition.partition) {
        violate('nothing invented', `${payload.name} is in ${describe(partition)}, it was not sent there`);
      }
      const known = places.get(name ?? '') ?? [];
      const twin = known.find((one) => one.partition === partition);
      if (twin) violate('at most once', `${name} is in ${describe(partition)} at ${twin.offset} and ${base + i}`);
      places.set(name ?? '', [...known, { life, partition, offset: base + i }]);
      partition.records[base + i] = { name: name ?? '?', at: now(), timestamp: record.timestamp };
    }
  }

  function configured(life: Life, config: Topic['config']): void {
    const limit = (value: string) => (Number(value) < 0 ? Number.POSITIVE_INFINITY : Number(value));
    life.leastMs = Math.min(life.leastMs, limit(config['retention.ms'] ?? DEFAULT_RETENTION_MS));
    life.leastBytes = Math.min(life.leastBytes, limit(config['retention.bytes'] ?? '-1'));
  }

  function judgeDeletion(partition: PartitionTruth, from: number, to: number): void {
    const life = livesById.get(partition.topicId)!;
    const all = partition.entries.at(-1)?.bytes ?? 0;
    const { offset: wanted = 0, open = 0 } = asked.get(`${partition.topic}#${partition.partition}`) ?? {};
    let base = 0;
    for (const { end, bytes, maxTimestamp } of partition.entries) {
      const begin = base;
      base = end;
      if (end <= from || begin >= to) continue;
      const isAsked = open > 0 || Math.min(end, to) <= wanted;
      if (isAsked || wall() - maxTimestamp > life.leastMs || all - bytes >= life.leastBytes) continue;
      violate('retention is kept', `${describe(partition)} now begins at ${to}, the batch at ${begin} is young`);
    }
  }

  return {
    submitted: (payload) => void payloads.set(payload.name, payload),
    payload: (name) => payloads.get(name),
    places: (name) => places.get(name) ?? [],
    lives: (topic) => livesByName.get(topic) ?? [],
    partition: (of) => (livesById.has(of.topicId) ? partitionOf(of) : undefined),
    partitions: () => partitions.values(),

    put(name, parts) {
      if (names.has(name)) violate('names are used once', `${name} was put again`);
      names.add(name);
      objects.set(name, Buffer.concat(parts));
    },
    deleted(deleted) {
      for (const name of deleted) {
        count(`deleted objects, ${name.split('/')[0]}`);
        objects.delete(name);
      }
    },

    created({ name, id, partitions: count, config }) {
      const life: Life = {
        name,
        id,
        created: now(),
        deleted: Number.POSITIVE_INFINITY,
        counts: [{ since: now(), partitions: count }],
        leastMs: Number.POSITIVE_INFINITY,
        leastBytes: Number.POSITIVE_INFINITY,
      };
      configured(life, config);
      livesById.set(id, life);
      livesByName.set(name, [...(livesByName.get(name) ?? []), life]);
      for (let partition = 0; partition < count; partition++) partitionOf({ topicId: id, partition });
      note(`created ${name} ${id}`);
    },
    updated({ id, partitions: count, config }) {
      const life = livesById.get(id)!;
      configured(life, config);
      life.counts.push({ since: now(), partitions: count });
      for (let partition = 0; partition < count; partition++) partitionOf({ topicId: id, partition });
    },
    gone({ id, name }) {
      livesById.get(id)!.deleted = now();
      note(`deleted ${name} ${id}`);
    },

    appended(to, entries, outcomes) {
      const partition = partitionOf(to);
      for (const [i, outcome] of outcomes.entries()) {
        const entry = entries[i]!;
        count(`append: ${outcome.status === 'refused' ? outcome.code : outcome.status}`);
        const { id, producer, count: n } = entry;
        const who = producer ? ` by ${producer.id}/${producer.epoch}/${producer.sequence}` : '';
        const base = 'base' in outcome ? ` at ${outcome.base}` : '';
        note(`${describe(partition)} ${id} x${n}${who}: ${outcome.status}${base}`);
        if (outcome.status === 'appended') place(partition, entry, outcome.base);
        if (outcome.status === 'duplicate' && producer) {
          const known = partition.batches.get(`${producer.id}/${producer.epoch}/${producer.sequence}`);
          if (known !== outcome.base) {
            violate('acknowledged is there', `a duplicate was told offset ${outcome.base}, the batch is at ${known}`);
          }
        }
      }
    },

    logStartRaised(of, offset) {
      const { logStarts } = partitionOf(of);
      const last = logStarts.at(-1)!.offset;
      if (offset < last) violate('watermarks rise', `the log start of ${of.partition} fell from ${last} to ${offset}`);
      if (offset <= last) return;
      judgeDeletion(partitionOf(of), last, offset);
      logStarts.push({ since: now(), offset });
    },

    mayDelete(topic, partition, before) {
      const key = `${topic}#${partition}`;
      const { offset = 0, open = 0 } = asked.get(key) ?? {};
      const isOpen = before === 'latest';
      asked.set(key, { offset: isOpen ? offset : Math.max(offset, before), open: open + (isOpen ? 1 : 0) });
      return {
        answered() {
          const one = asked.get(key)!;
          const lives = livesByName.get(topic) ?? [];
          const ends = lives.map(({ id }) => partitionOf({ topicId: id, partition }).records.length);
          if (isOpen) asked.set(key, { offset: Math.max(one.offset, ...ends), open: one.open - 1 });
        },
      };
    },
  };
}

export function describe({ topic, topicId, partition }: PartitionTruth): string {
  return `${topic}[${partition}] (${topicId.slice(0, 4)})`;
}

/** The log start at a time. */
export function logStartAt({ logStarts }: PartitionTruth, time: number): number {
  return logStarts.findLast(({ since }) => since <= time)?.offset ?? 0;
}

/** The high watermark at a time, what was appended at that very moment included. */
export function highWatermarkAt({ records }: PartitionTruth, time: number): number {
  let low = 0;
  let high = records.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((records[middle]?.at ?? 0) <= time) low = middle + 1;
    else high = middle;
  }
  return low;
}
