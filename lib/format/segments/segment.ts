import { VarveError } from '../../errors.ts';
import { crc32c } from '../records/crc32c.ts';

/*
 * A segment, byte by byte. Integers are big-endian and unsigned up to 4 bytes, two's complement at 8.
 *
 *   batches   RecordBatches back to back, grouped into runs: neighbouring batches of one partition, in the order of append
 *   index     level        1   0: as written, many partitions; 1: compacted
 *             topics       4   how many follow
 *               length     2   then that many bytes of UTF-8: a topic id
 *             runs         4   how many follow; together they are all the batches, from byte 0 to the index
 *               topic      4   which of the topics above
 *               partition  4
 *               length     8   bytes of the run; it starts where the one before ends
 *               records    8   offsets that the run spans
 *               first      8   timestamp of the run's first batch
 *               max        8   highest timestamp of the run
 *               base       8   level 1 only: offset of the run's first record; the run has no gaps
 *   footer    position     8   of the index
 *             length       4   of the index
 *             index CRC    4   CRC-32C of the index
 *             version      4
 *             footer CRC   4   CRC-32C of the 20 bytes before it
 *             magic        4   'VRVE'
 *
 * The footer stays as it is in every version; what a version changes lies before it. The index ends where the footer begins,
 * so a truncated object never passes. Batches carry their own CRC.
 */

const MAGIC = 0x56525645;
const VERSION = 1;
const RUN_LENGTH = { 0: 40, 1: 48 } as const;

/** Bytes at the end of a segment that lead to its index. */
export const FOOTER_LENGTH = 28;

/** A batch to be written. Its bytes are stored as they are. */
export interface SegmentBatch {
  topicId: string;
  partition: number;
  bytes: Uint8Array;
  /** Offsets that the batch spans. */
  count: number;
  /** Milliseconds since the epoch, or -1; so is `maxTimestamp`. */
  firstTimestamp: number;
  maxTimestamp: number;
  /** Level 1 only, and there required. */
  baseOffset?: number;
}

export interface BuiltSegment {
  /** The object: the batches' own bytes (not copied), then index and footer. */
  parts: Uint8Array[];
  /** Bytes of all parts. */
  size: number;
  /** Where each batch lies, by its place in the input. */
  positions: number[];
}

/** Neighbouring batches of one partition. */
export interface SegmentRun {
  topicId: string;
  partition: number;
  /** Bytes in the object. */
  position: number;
  length: number;
  /** Offsets that the run spans. */
  recordCount: number;
  /** Of the first batch. */
  firstTimestamp: number;
  /** Highest of the run. */
  maxTimestamp: number;
  /** Level 1 only: the first record's offset. */
  baseOffset?: number;
}

export interface SegmentIndex {
  level: 0 | 1;
  /** In the order of positions. Level 0 has one run a partition, level 1 one a stretch of offsets without a gap. */
  runs: SegmentRun[];
}

export interface Footer {
  indexPosition: number;
  indexLength: number;
  indexCrc: number;
}

/** Lays batches out as one object, grouped by partition; a partition's batches keep the order they are given in. */
export function buildSegment(batches: readonly SegmentBatch[], options: { level: 0 | 1 }): BuiltSegment {
  const { level } = options;
  const partitions = new Map<string, number[]>();
  for (const [input, { topicId, partition }] of batches.entries()) {
    const key = `${partition}/${topicId}`;
    const members = partitions.get(key);
    if (members === undefined) partitions.set(key, [input]);
    else members.push(input);
  }

  const runs: SegmentRun[] = [];
  const parts: Uint8Array[] = [];
  const positions = new Array<number>(batches.length);
  let position = 0;
  for (const members of partitions.values()) {
    let run: SegmentRun | undefined;
    for (const input of members) {
      const batch = batches[input]!;
      if (level === 1 && batch.baseOffset === undefined) throw new TypeError('a level-1 batch needs its base offset');
      if (run === undefined || (level === 1 && batch.baseOffset !== run.baseOffset! + run.recordCount)) {
        run = startRun(batch, level, position);
        runs.push(run);
      }
      run.length += batch.bytes.length;
      run.recordCount += batch.count;
      run.maxTimestamp = Math.max(run.maxTimestamp, batch.maxTimestamp);
      positions[input] = position;
      position += batch.bytes.length;
      parts.push(batch.bytes);
    }
  }

  const index = encodeIndex({ level, runs });
  const footer = encodeFooter({ indexPosition: position, indexLength: index.length, indexCrc: crc32c(index) });
  parts.push(index, footer);
  return { parts, size: position + index.length + footer.length, positions };
}

function startRun(batch: SegmentBatch, level: 0 | 1, position: number): SegmentRun {
  const { topicId, partition, firstTimestamp, maxTimestamp } = batch;
  const run = { topicId, partition, position, length: 0, recordCount: 0, firstTimestamp, maxTimestamp };
  return level === 1 ? { ...run, baseOffset: batch.baseOffset! } : run;
}

/**
 * The last FOOTER_LENGTH bytes of an object of `size` bytes: where the index lies and what its CRC must be.
 *
 * Throws CORRUPT_MESSAGE when this is no segment's end, DATA_FORMAT_TOO_NEW when a newer version wrote it.
 */
export function readFooter(bytes: Uint8Array, size: number): Footer {
  if (bytes.length !== FOOTER_LENGTH) throw corrupt(`the footer has ${bytes.length} bytes, not ${FOOTER_LENGTH}`);
  const view = viewOf(bytes);
  if (view.getUint32(24) !== MAGIC) throw corrupt('it does not end as a segment does');
  if (view.getUint32(20) !== crc32c(bytes.subarray(0, 20))) throw corrupt('the footer fails its CRC');
  const version = view.getUint32(16);
  if (version > VERSION) {
    const problem = `The segment has format version ${version}; this Varve reads up to ${VERSION}.`;
    throw new VarveError('DATA_FORMAT_TOO_NEW', `${problem} Upgrade to the version that wrote it, or a later one.`);
  }
  const indexPosition = readCount(view, 0);
  const indexLength = view.getUint32(8);
  if (version === 0 || indexPosition + indexLength + FOOTER_LENGTH !== size) {
    throw corrupt(`the footer does not fit an object of ${size} bytes`);
  }
  return { indexPosition, indexLength, indexCrc: view.getUint32(12) };
}

/** The index's own bytes, `footer.indexLength` from `footer.indexPosition`. Throws CORRUPT_MESSAGE. */
export function readIndex(bytes: Uint8Array, footer: Footer): SegmentIndex {
  if (bytes.length !== footer.indexLength) {
    throw corrupt(`the index has ${bytes.length} bytes, not ${footer.indexLength}`);
  }
  if (crc32c(bytes) !== footer.indexCrc) throw corrupt('the index fails its CRC');
  try {
    return decodeIndex(viewOf(bytes), footer.indexPosition);
  } catch (cause) {
    // Whatever is too short for what it announces ends in the DataView's RangeError, text that is no UTF-8 in a TypeError.
    if (cause instanceof RangeError || cause instanceof TypeError) throw corrupt('the index is malformed', cause);
    throw cause;
  }
}

function encodeIndex(index: SegmentIndex): Uint8Array {
  const topics = new Map<string, number>();
  for (const { topicId } of index.runs) if (!topics.has(topicId)) topics.set(topicId, topics.size);
  const ids = [...topics.keys()].map((id) => Buffer.from(id, 'utf8'));
  const topicsLength = ids.reduce((sum, id) => sum + 2 + id.length, 0);

  const bytes = new Uint8Array(1 + 4 + topicsLength + 4 + index.runs.length * RUN_LENGTH[index.level]);
  const view = viewOf(bytes);
  let at = 0;
  view.setUint8(at, index.level);
  view.setUint32(at + 1, ids.length);
  at += 5;
  for (const id of ids) {
    if (id.length > 0xffff) throw new RangeError('a topic id has at most 65,535 bytes');
    view.setUint16(at, id.length);
    bytes.set(id, at + 2);
    at += 2 + id.length;
  }
  view.setUint32(at, index.runs.length);
  at += 4;
  for (const run of index.runs) {
    view.setUint32(at, topics.get(run.topicId)!);
    view.setUint32(at + 4, run.partition);
    writeSafe(view, at + 8, run.length);
    writeSafe(view, at + 16, run.recordCount);
    writeSafe(view, at + 24, run.firstTimestamp);
    writeSafe(view, at + 32, run.maxTimestamp);
    if (index.level === 1) writeSafe(view, at + 40, run.baseOffset!);
    at += RUN_LENGTH[index.level];
  }
  return bytes;
}

/** `end`: where the runs must end. Nothing is allocated for a count before the bytes behind it are seen. */
function decodeIndex(view: DataView, end: number): SegmentIndex {
  const level = view.getUint8(0);
  if (level !== 0 && level !== 1) throw corrupt(`there is no level ${level}`);

  const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const topics: string[] = [];
  const topicCount = view.getUint32(1);
  let at = 5;
  while (topics.length < topicCount) {
    const length = view.getUint16(at);
    topics.push(text.decode(new Uint8Array(view.buffer, view.byteOffset + at + 2, length)));
    at += 2 + length;
  }

  const runCount = view.getUint32(at);
  at += 4;
  if (at + runCount * RUN_LENGTH[level] !== view.byteLength)
    throw corrupt('the index has another length than its runs');
  const runs: SegmentRun[] = [];
  let position = 0;
  for (; at < view.byteLength; at += RUN_LENGTH[level]) {
    const topicId = topics[view.getUint32(at)];
    if (topicId === undefined) throw corrupt('a run names no topic');
    const run: SegmentRun = {
      topicId,
      partition: view.getUint32(at + 4),
      position,
      length: readCount(view, at + 8),
      recordCount: readCount(view, at + 16),
      firstTimestamp: readSafe(view, at + 24),
      maxTimestamp: readSafe(view, at + 32),
    };
    if (level === 1) run.baseOffset = readCount(view, at + 40);
    runs.push(run);
    position += run.length;
  }
  if (position !== end) throw corrupt(`the runs end at byte ${position}, not where the index begins`);
  return { level, runs };
}

function encodeFooter(footer: Footer): Uint8Array {
  const bytes = new Uint8Array(FOOTER_LENGTH);
  const view = viewOf(bytes);
  writeSafe(view, 0, footer.indexPosition);
  view.setUint32(8, footer.indexLength);
  view.setUint32(12, footer.indexCrc);
  view.setUint32(16, VERSION);
  view.setUint32(20, crc32c(bytes.subarray(0, 20)));
  view.setUint32(24, MAGIC);
  return bytes;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Eight bytes, two's complement, that hold a number exactly: what is written can be read. */
function writeSafe(view: DataView, at: number, value: number): void {
  if (!Number.isSafeInteger(value)) throw new RangeError(`a segment cannot hold the number ${value}`);
  view.setBigInt64(at, BigInt(value));
}

function readSafe(view: DataView, at: number): number {
  const value = Number(view.getBigInt64(at));
  if (!Number.isSafeInteger(value)) throw corrupt(`a number at byte ${at} is beyond 2^53`);
  return value;
}

function readCount(view: DataView, at: number): number {
  const value = readSafe(view, at);
  if (value < 0) throw corrupt(`a number at byte ${at} is negative`);
  return value;
}

function corrupt(problem: string, cause?: unknown): VarveError {
  const message = `The segment is corrupt: ${problem}. Restore the object from a copy, or delete the records that it holds.`;
  return new VarveError('CORRUPT_MESSAGE', message, cause === undefined ? undefined : { cause });
}
