import { LRUCache } from 'lru-cache';
import type { Clock } from '../clock.ts';
import { VarveError } from '../errors.ts';
import { decodeBatch, readHeader } from '../format/records/batch.ts';
import type { LogRecord } from '../format/records/record.ts';
import {
  type Head,
  type Partitions,
  partitionKey,
  type Run,
  type TopicIdPartition,
} from '../stores/catalog/partitions.ts';
import type { Batches, Located } from './batches.ts';
import type { Fetched, FetchOptions, Polled } from './event-log.ts';
import { AWAITED_MS, type Heads, NOW } from './heads.ts';
import type { Meter } from './meter.ts';

export interface Reader {
  /**
   * The head, with `offset` in its range: UNKNOWN_TOPIC_OR_PARTITION or OFFSET_OUT_OF_RANGE is said only of the head as it is now.
   * `waits`: at its end the caller is going to wait, so that it may be a little older.
   */
  head(of: TopicIdPartition, offset: number, waits?: boolean): Promise<Head>;
  fetch(of: TopicIdPartition, offset: number, options?: FetchOptions & StrictLimit): Promise<Fetched>;
  poll(of: TopicIdPartition, offset: number, options?: FetchOptions & { maxRecords?: number }): Promise<Polled>;
  offsetAt(of: TopicIdPartition, timestamp: number): Promise<{ offset: number; timestamp: number } | undefined>;
  offsetOfMaxTimestamp(of: TopicIdPartition): Promise<{ offset: number; timestamp: number } | undefined>;
  /** The max timestamp of the batch that begins at `base`; undefined when it is gone, or not to be seen yet. */
  timestampAt(of: TopicIdPartition, base: number): Promise<number | undefined>;
}

export interface StrictLimit {
  /** A first batch that is larger than `maxBytes` is left out too. */
  strict?: boolean;
}

export interface ReaderDeps {
  partitions: Partitions;
  heads: Heads;
  batches: Batches;
  clock: Clock;
  meter: Meter;
  /**
   * Bytes of batches that are loaded for readers in sequence before they ask for them, about; a part of what `batches` holds. 0: none
   * are, as is right where requests cost money.
   */
  aheadBytes: number;
}

export const DEFAULT_MAX_BYTES = 1024 * 1024;
export const MAX_FETCH_BYTES = 64 * 1024 * 1024;
export const MAX_FETCH_RECORDS = 100_000;
export const MAX_WAIT_MS = 60_000;
const DEFAULT_MAX_RECORDS = 10_000;
/** Entries a fetch answers at most, so that tiny batches do not make it endless. */
const MAX_FETCH_ENTRIES = 10_000;
/** Recently decoded batches: who polls a large batch in small steps need not decode it each time. */
const DECODED_BYTES = 16 * 1024 * 1024;
const KNOWN_RUNS = 1_000;
/** Of one partition: some for a reader in sequence and what is loaded ahead of it, some for another. */
const RUNS_EACH = 4;
/** What is loaded ahead of one reader, bytes. */
const MAX_AHEAD = 4 * 1024 * 1024;

export function createReader(deps: ReaderDeps): Reader {
  const { partitions, heads, batches, clock, meter, aheadBytes } = deps;
  /** Where fetches ended, with the bytes that they got: who asks for what follows reads in sequence. */
  const ends = aheadBytes > 0 ? new LRUCache<string, true>({ maxSize: aheadBytes }) : undefined;
  /** By partition, the newest first. */
  const runs = new LRUCache<string, Run[]>({ maxSize: KNOWN_RUNS, sizeCalculation: ({ length }) => length });
  const decoded = new LRUCache<Uint8Array, LogRecord[]>({
    maxSize: DECODED_BYTES,
    sizeCalculation: (records, bytes) => bytes.length + records.length * 128,
  });

  async function headFor(of: TopicIdPartition, offset: number, waits = false): Promise<Head> {
    for (const age of [waits ? AWAITED_MS : undefined, NOW]) {
      const head = await heads.get(of, age);
      if (head && offset >= head.logStart && offset <= head.highWatermark) return head;
      if (age !== NOW) continue;
      if (!head) throw unknownPartition();
      throw new VarveError(
        'OFFSET_OUT_OF_RANGE',
        `offset ${offset} is not between ${head.logStart}, the log start, and ${head.highWatermark}, the high watermark`,
      );
    }
    throw unknownPartition();
  }

  async function runAt(of: TopicIdPartition, offset: number, head: Head): Promise<Run | undefined> {
    if (offset >= head.tail.base) return head.tail;
    const key = partitionKey(of);
    const isAt = (run: Run) => offset >= run.base && offset < endOf(run) && counts(run, head);
    const known = runs.get(key)?.find(isAt);
    if (known) return known;
    const found = await partitions.find(of, offset, head);
    if (found) runs.set(key, [found, ...(runs.get(key) ?? [])].slice(0, RUNS_EACH));
    return found;
  }

  /** Entries from the one that holds `offset` on: at least one, unless it is `strict`, then as many as fit. */
  async function locate(
    of: TopicIdPartition,
    offset: number,
    head: Head,
    maxBytes: number,
    strict = false,
  ): Promise<Located[]> {
    const located: Located[] = [];
    let bytes = 0;
    for (let at = offset; at < head.highWatermark; ) {
      const run = await runAt(of, at, head);
      if (!run || at >= endOf(run)) return located;
      let base = run.base;
      for (const entry of run.entries) {
        if (base + entry.count > at) {
          const full = bytes + entry.length > maxBytes || located.length >= MAX_FETCH_ENTRIES;
          if (full && (strict || located.length > 0)) return located;
          located.push({ of, base, entry, run });
          bytes += entry.length;
          at = base + entry.count;
        }
        base += entry.count;
      }
    }
    return located;
  }

  async function load(
    of: TopicIdPartition,
    offset: number,
    head: Head,
    maxBytes: number,
    strict: boolean,
  ): Promise<Uint8Array[]> {
    const located = await locate(of, offset, head, maxBytes, strict);
    if (located.length === 0 && offset < head.highWatermark && !strict) {
      throw new VarveError('KAFKA_STORAGE_ERROR', `offset ${offset} could not be found; read again`);
    }
    return batches.load(located);
  }

  async function fetch(
    of: TopicIdPartition,
    offset: number,
    options: FetchOptions & StrictLimit = {},
  ): Promise<Fetched> {
    const { maxBytes = DEFAULT_MAX_BYTES, wait = 0, strict = false, signal } = options;
    const until = clock.monotonic() + Math.min(wait, MAX_WAIT_MS);
    let head = await headFor(of, offset);
    for (let left = wait; offset === head.highWatermark && left > 0; left = until - clock.monotonic()) {
      if (signal?.aborted) break;
      await heads.wait([{ of, offset }], left, signal);
      const before = head;
      head = await headFor(of, offset);
      if (head === before) break;
    }
    const most = Math.min(maxBytes, MAX_FETCH_BYTES);
    const loaded = await again(of, async (isRepeat) => {
      if (isRepeat) head = await headFor(of, offset);
      return load(of, offset, head, most, strict);
    });
    if (loaded.length > 0) {
      const size = loaded.reduce((sum, { length }) => sum + length, 0);
      meter.fetched(size);
      readAhead(of, offset, head, { next: nextOffset(loaded.at(-1)!), size, most });
    }
    return { batches: loaded, highWatermark: head.highWatermark, logStart: head.logStart };
  }

  /**
   * Loads what the reader asks for next, while it is busy with what it got at `offset`. Only for one that came from where a fetch
   * ended; when there are so many that such places are forgotten, nothing is loaded that would be forgotten too.
   */
  function readAhead(
    of: TopicIdPartition,
    offset: number,
    head: Head,
    { next, size, most }: { next: number; size: number; most: number },
  ): void {
    const isInSequence = ends?.delete(`${partitionKey(of)}@${offset}`);
    if (next >= head.highWatermark) return;
    ends?.set(`${partitionKey(of)}@${next}`, true, { size });
    // Whoever asks for it meets the failure.
    if (isInSequence) load(of, next, head, Math.min(most, MAX_AHEAD), true).catch(() => {});
  }

  function decode(batch: Uint8Array): LogRecord[] {
    const known = decoded.get(batch);
    if (known) return known;
    const header = readHeader(batch);
    // Control records are the log's own: they take offsets and carry nothing for a reader.
    const records = header.control ? [] : decodeBatch(batch);
    decoded.set(batch, records);
    return records;
  }

  async function poll(
    of: TopicIdPartition,
    offset: number,
    options: FetchOptions & { maxRecords?: number } = {},
  ): Promise<Polled> {
    const maxRecords = Math.min(options.maxRecords ?? DEFAULT_MAX_RECORDS, MAX_FETCH_RECORDS);
    const { batches: fetched, highWatermark, logStart } = await fetch(of, offset, options);
    const records: LogRecord[] = [];
    let next = offset;
    for (const batch of fetched) {
      for (const record of decode(batch)) {
        if (record.offset < offset) continue;
        if (records.length === maxRecords) return { records, next, highWatermark, logStart };
        records.push(record);
        next = record.offset + 1;
      }
      next = Math.max(next, nextOffset(batch));
    }
    return { records, next, highWatermark, logStart };
  }

  /** Once more where the bytes are gone: the log start may have passed them, or compaction replaced them, since a head showed them. */
  async function again<T>(of: TopicIdPartition, read: (isRepeat: boolean) => Promise<T>): Promise<T> {
    try {
      return await read(false);
    } catch (error) {
      if (!(error instanceof VarveError && error.code === 'KAFKA_STORAGE_ERROR')) throw error;
      heads.forget(of);
      runs.delete(partitionKey(of));
      return read(true);
    }
  }

  async function offsetAt(of: TopicIdPartition, timestamp: number) {
    return again(of, () => searchOffset(of, timestamp));
  }

  async function searchOffset(of: TopicIdPartition, timestamp: number) {
    const run = await partitions.findTimestamp(of, timestamp);
    let head = await heads.get(of, NOW);
    if (!head) throw unknownPartition();
    if (!run) return undefined;
    // The entry holds such a record, unless that lies below the log start: then the next one is somewhere after.
    for (let offset = Math.max(run.base, head.logStart); offset < head.highWatermark; ) {
      const located = await locate(of, offset, head, DEFAULT_MAX_BYTES);
      if (located.length === 0) {
        head = await heads.get(of, NOW);
        if (!head) throw unknownPartition();
        if (offset >= head.logStart) throw notFound(offset);
        offset = head.logStart;
      }
      for (const at of located) {
        offset = at.base + at.entry.count;
        if (at.entry.maxTimestamp < timestamp) continue;
        const [batch] = await batches.load([at]);
        const { logStart } = head;
        const found = decode(batch!).find((record) => record.timestamp >= timestamp && record.offset >= logStart);
        if (found) return { offset: found.offset, timestamp: found.timestamp };
      }
    }
    return undefined;
  }

  /** The tail's highest, unless an older entry is higher: each look-up finds one that is higher still, as a rule none. */
  async function offsetOfMaxTimestamp(of: TopicIdPartition) {
    const head = await heads.get(of, NOW);
    if (!head) throw unknownPartition();
    let highest = -1;
    for (const entry of head.tail.entries) highest = Math.max(highest, entry.maxTimestamp);
    for (let run = await partitions.findTimestamp(of, highest + 1); run; ) {
      highest = run.entries[0]!.maxTimestamp;
      run = await partitions.findTimestamp(of, highest + 1);
    }
    return highest < 0 ? undefined : offsetAt(of, highest);
  }

  async function timestampAt(of: TopicIdPartition, base: number): Promise<number | undefined> {
    const head = await heads.get(of);
    if (!head || base < head.logStart || base >= head.highWatermark) return undefined;
    const [found] = await locate(of, base, head, 0);
    return found?.base === base ? found.entry.maxTimestamp : undefined;
  }

  return { head: headFor, fetch, poll, offsetAt, offsetOfMaxTimestamp, timestampAt };
}

/** Whether a run that was found before is still what its offsets are looked up in. */
function counts(run: Run, head: Head): boolean {
  return run.level === 1 ? run.generation === head.generation : run.base >= head.frontier;
}

/** The offset after a batch. */
export function nextOffset(batch: Uint8Array): number {
  const { baseOffset, lastOffsetDelta } = readHeader(batch);
  return baseOffset + lastOffsetDelta + 1;
}

function endOf(run: Run): number {
  return run.entries.reduce((end, entry) => end + entry.count, run.base);
}

function notFound(offset: number): VarveError {
  return new VarveError('KAFKA_STORAGE_ERROR', `offset ${offset} could not be found; read again`);
}

function unknownPartition(): VarveError {
  return new VarveError('UNKNOWN_TOPIC_OR_PARTITION', 'there is no such topic or partition; create it first');
}
