import { VarveError } from '../../errors.ts';
import { type Compression, compress, decompress } from './compression.ts';
import { BATCH_OVERHEAD, type BatchHeader, readWhole, type TimestampType, writeHeader } from './header.ts';
import type { LogRecord, NewRecord } from './record.ts';
import { type Allowance, bodySize, malformed, readRecord, writeRecord } from './record-bytes.ts';
import { type Cursor, varintSize } from './varints.ts';

export type { Compression } from './compression.ts';
export {
  BATCH_OVERHEAD,
  type BatchHeader,
  isBatch,
  patchBaseOffset,
  patchMaxTimestamp,
  readHeader,
  splitBatches,
  stampLogAppendTime,
  type TimestampType,
  verifyCrc,
} from './header.ts';
export { recordSizeBound } from './record-bytes.ts';

/** Bytes that a batch may decompress to unless told otherwise. */
const MAX_DECOMPRESSED = 64 * 1024 * 1024;
/** A record or header as an object takes about this many bytes beside its contents. */
const OBJECT_BYTES = 64;
const MAX_BATCH = 2 ** 31 - 1;
/** A producer's batch belongs to no leader yet. */
const NO_LEADER_EPOCH = -1;
const NO_PRODUCER = { id: -1, epoch: -1, sequence: -1 };

export interface EncodeOptions {
  /** Default `none`. UNSUPPORTED_COMPRESSION_TYPE for snappy and lz4, which are only read. */
  compression?: Compression;
  /** The codec's own scale and default. */
  compressionLevel?: number;
  /** Of an idempotent producer. */
  producer?: { id: number; epoch: number; sequence: number };
  transactional?: boolean;
  /** For batches of `control.ts`. */
  control?: boolean;
  /** Under LogAppendTime readers see the highest of the records' timestamps on all of them. Default CreateTime. */
  timestampType?: TimestampType;
  /** Default 0: it is patched when the batch gets its place. */
  baseOffset?: number;
}

/**
 * Encodes records as one batch, as Kafka's producer would. INVALID_RECORD without records, INVALID_TIMESTAMP for a
 * timestamp that is no safe integer, MESSAGE_TOO_LARGE beyond 2 GiB.
 */
export function encodeBatch(records: readonly NewRecord[], options: EncodeOptions = {}): Uint8Array {
  const first = records[0];
  if (first === undefined) throw new VarveError('INVALID_RECORD', 'A batch needs at least one record.');
  const { compression = 'none', producer = NO_PRODUCER } = options;
  const bytes = compressed(encodeRecords(records, first.timestamp), compression, options.compressionLevel);
  writeHeader(bytes, {
    baseOffset: options.baseOffset ?? 0,
    partitionLeaderEpoch: NO_LEADER_EPOCH,
    compression,
    timestampType: options.timestampType ?? 'CreateTime',
    transactional: options.transactional ?? false,
    control: options.control ?? false,
    deleteHorizon: false,
    lastOffsetDelta: records.length - 1,
    baseTimestamp: first.timestamp,
    maxTimestamp: records.reduce((max, { timestamp }) => Math.max(max, timestamp), first.timestamp),
    producerId: producer.id,
    producerEpoch: producer.epoch,
    baseSequence: producer.sequence,
    recordCount: records.length,
  });
  return bytes;
}

/** The records, uncompressed, behind room for the header. */
function encodeRecords(records: readonly NewRecord[], baseTimestamp: number): Uint8Array {
  const sizes = new Array<number>(records.length);
  let total = BATCH_OVERHEAD;
  for (let i = 0; i < records.length; i++) {
    const record = records[i]!;
    const size = bodySize(record, timestampDelta(record.timestamp, baseTimestamp), i);
    sizes[i] = size;
    total += varintSize(size) + size;
  }
  if (total > MAX_BATCH)
    throw new VarveError('MESSAGE_TOO_LARGE', 'A batch ends at 2 GiB; append fewer records at once.');
  // Without a pool, so that a batch that is kept does not keep others' bytes.
  const bytes = Buffer.allocUnsafeSlow(total);
  let at = BATCH_OVERHEAD;
  for (let i = 0; i < records.length; i++) {
    const record = records[i]!;
    at = writeRecord(bytes, at, record, sizes[i]!, timestampDelta(record.timestamp, baseTimestamp), i);
  }
  return plain(bytes);
}

function timestampDelta(timestamp: number, base: number): number | bigint {
  if (!Number.isSafeInteger(timestamp)) {
    throw new VarveError('INVALID_TIMESTAMP', 'A timestamp is an integer of milliseconds within ±(2^53 - 1).');
  }
  const delta = timestamp - base;
  return Number.isSafeInteger(delta) ? delta : BigInt(timestamp) - BigInt(base);
}

function compressed(bytes: Uint8Array, compression: Compression, level: number | undefined): Uint8Array {
  if (compression === 'none') return bytes;
  const records = compress(compression, bytes.subarray(BATCH_OVERHEAD), level);
  const batch = Buffer.allocUnsafeSlow(BATCH_OVERHEAD + records.length);
  batch.set(records, BATCH_OVERHEAD);
  return plain(batch);
}

/** Callers see a Uint8Array, whose `slice` copies; a Buffer's does not. */
function plain(bytes: Buffer): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}

export interface DecodeOptions {
  /** Bytes that a compressed batch may decompress to, and 64 times the records and headers that it may hold. Default 64 MiB. */
  maxDecompressed?: number;
}

/**
 * Decodes one whole batch; control batches too. Keys and values are views of the bytes, or of their decompressed copy:
 * whoever keeps one keeps all of it. The CRC is not checked: that was done when the batch came in.
 * Errors are those of `readHeader`, and CORRUPT_MESSAGE, INVALID_RECORD, INVALID_TIMESTAMP or MESSAGE_TOO_LARGE
 * for what is inside.
 */
export function decodeBatch(bytes: Uint8Array, options: DecodeOptions = {}): LogRecord[] {
  const header = readWhole(bytes);
  const { baseOffset, recordCount, timestampType } = header;
  const { cursor, allowance } = recordsOf(bytes, header, options.maxDecompressed);
  const base = { offset: baseOffset, timestamp: header.baseTimestamp };
  const last = baseOffset + header.lastOffsetDelta;
  const records: LogRecord[] = [];
  // Offsets rise and stay within the batch; compaction leaves gaps.
  let previous = baseOffset - 1;
  for (let i = 0; i < recordCount; i++) {
    const record = readRecord(cursor, base, allowance);
    if (record.offset <= previous || record.offset > last) throw malformed('its offset deltas do not rise to the last');
    previous = record.offset;
    if (timestampType === 'LogAppendTime') record.timestamp = header.maxTimestamp;
    records.push(record);
  }
  if (cursor.at !== cursor.end) throw malformed('bytes follow its last record');
  return records;
}

/** The records of a whole batch, decompressed, and how many objects may be made of them. */
export interface RecordSection {
  cursor: Cursor;
  allowance: Allowance;
}

/** Errors as `decompress`, and INVALID_RECORD. */
export function recordsOf(
  bytes: Uint8Array,
  { compression, recordCount }: BatchHeader,
  maxDecompressed = MAX_DECOMPRESSED,
): RecordSection {
  if (recordCount < 0) throw malformed(`it holds ${recordCount} records`);
  const records = decompress(compression, bytes.subarray(BATCH_OVERHEAD), maxDecompressed);
  const objects = compression === 'none' ? Number.POSITIVE_INFINITY : maxDecompressed / OBJECT_BYTES;
  return { cursor: { bytes: records, at: 0, end: records.length }, allowance: { objects } };
}
