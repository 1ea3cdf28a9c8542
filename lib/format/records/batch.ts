import { VarveError } from '../../errors.ts';
import { type Compression, compress, decompress } from './compression.ts';
import {
  BATCH_OVERHEAD,
  type BatchHeader,
  hasUnknownAttributes,
  readHeader,
  type TimestampType,
  verifyCrc,
  writeHeader,
} from './header.ts';
import type { LogRecord, NewRecord } from './record.ts';
import { type Allowance, bodySize, readRecord, writeRecord } from './record-bytes.ts';
import { type Cursor, varintSize } from './varints.ts';

export type { Compression } from './compression.ts';
export {
  BATCH_OVERHEAD,
  type BatchHeader,
  patchBaseOffset,
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
  const records: LogRecord[] = [];
  walkRecords(bytes, header, options, (record) => records.push(record));
  return records;
}

export interface ValidateOptions extends DecodeOptions {
  /** Walk the records as well, decompressing if need be. */
  deep?: boolean;
}

/**
 * Checks one whole batch as it came from a producer and answers its header. Shallow, it never looks past the header but
 * for the CRC, so that compressed batches pass through whatever their codec. What only a topic or a door can judge is left
 * to them: control batches and LogAppendTime from clients, size, age.
 * CORRUPT_MESSAGE for a wrong CRC or length, INVALID_RECORD for contradictions, otherwise as `decodeBatch`.
 */
export function validateBatch(bytes: Uint8Array, options: ValidateOptions = {}): BatchHeader {
  const header = readWhole(bytes);
  if (!verifyCrc(bytes)) throw new VarveError('CORRUPT_MESSAGE', "A batch's CRC-32C does not match; send it again.");
  const { recordCount, lastOffsetDelta, producerId, producerEpoch, baseSequence } = header;
  if (recordCount < 1) throw contradiction(`it holds ${recordCount} records`);
  if (recordCount !== lastOffsetDelta + 1) {
    throw contradiction(`it holds ${recordCount} records and its last offset delta is ${lastOffsetDelta}`);
  }
  if (hasUnknownAttributes(bytes)) throw contradiction('it sets attributes that format 2 does not have');
  if (producerId < -1) throw contradiction(`its producer id is ${producerId}`);
  // Without a producer id, epoch and sequence mean nothing: clients such as kafkajs leave zeros there.
  if (producerId >= 0 && producerEpoch < 0) throw contradiction(`its producer epoch is ${producerEpoch}`);
  if (producerId >= 0 && baseSequence < 0 && !header.control)
    throw contradiction(`its base sequence is ${baseSequence}`);
  if (header.transactional && producerId < 0) throw contradiction('it is transactional and has no producer id');
  if (options.deep) {
    let next = header.baseOffset;
    walkRecords(bytes, header, options, ({ offset, timestamp }) => {
      if (offset !== next++) throw contradiction('its offset deltas do not count from 0');
      if (timestamp > header.maxTimestamp) throw contradiction('a record is newer than its max timestamp');
    });
  }
  return header;
}

function contradiction(what: string): VarveError {
  return new VarveError('INVALID_RECORD', `Malformed batch: ${what}. Encode it again.`);
}

function readWhole(bytes: Uint8Array): BatchHeader {
  const header = readHeader(bytes);
  if (header.length !== bytes.length) {
    throw new VarveError('CORRUPT_MESSAGE', `${bytes.length - header.length} bytes follow a batch.`);
  }
  return header;
}

/** Calls `see` with each record. Offsets rise and stay within the batch; compaction leaves gaps. */
function walkRecords(
  bytes: Uint8Array,
  header: BatchHeader,
  { maxDecompressed = MAX_DECOMPRESSED }: DecodeOptions,
  see: (record: LogRecord) => void,
): void {
  const { baseOffset, recordCount, compression } = header;
  const records = decompress(compression, bytes.subarray(BATCH_OVERHEAD), maxDecompressed);
  if (recordCount < 0) throw contradiction(`it holds ${recordCount} records`);
  const allowance: Allowance = {
    objects: compression === 'none' ? Number.POSITIVE_INFINITY : maxDecompressed / OBJECT_BYTES,
  };
  const cursor: Cursor = { bytes: records, at: 0, end: records.length };
  const base = { offset: baseOffset, timestamp: header.baseTimestamp };
  const last = baseOffset + header.lastOffsetDelta;
  let previous = baseOffset - 1;
  for (let i = 0; i < recordCount; i++) {
    const record = readRecord(cursor, base, allowance);
    if (record.offset <= previous || record.offset > last)
      throw contradiction('its offset deltas do not rise to the last');
    previous = record.offset;
    if (header.timestampType === 'LogAppendTime') record.timestamp = header.maxTimestamp;
    see(record);
  }
  if (cursor.at !== cursor.end) throw contradiction('bytes follow its last record');
}
