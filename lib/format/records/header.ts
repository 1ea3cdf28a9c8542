import { VarveError } from '../../errors.ts';
import { COMPRESSIONS, type Compression } from './compression.ts';
import { crc32c } from './crc32c.ts';

/**
 * The first 61 bytes of a record batch (https://kafka.apache.org/documentation/#recordbatch), all integers big-endian:
 *
 *     0 baseOffset int64           8 length int32, of what follows it     12 partitionLeaderEpoch int32
 *    16 magic int8                17 crc uint32, of what follows it       21 attributes int16
 *    23 lastOffsetDelta int32     27 baseTimestamp int64                  35 maxTimestamp int64
 *    43 producerId int64          51 producerEpoch int16                  53 baseSequence int32      57 record count int32
 */
const AT = {
  baseOffset: 0,
  length: 8,
  partitionLeaderEpoch: 12,
  magic: 16,
  crc: 17,
  attributes: 21,
  lastOffsetDelta: 23,
  baseTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  baseSequence: 53,
  recordCount: 57,
} as const;

/** Bytes of a batch before its first record. */
export const BATCH_OVERHEAD = 61;
/** What precedes the bytes that the length field counts. */
const LENGTH_PREFIX = 12;
const MAGIC = 2;

const COMPRESSION_BITS = 0x07;
const LOG_APPEND_TIME = 0x08;
const TRANSACTIONAL = 0x10;
const CONTROL = 0x20;
const DELETE_HORIZON = 0x40;
const UNKNOWN_ATTRIBUTES = 0xff80;

export type TimestampType = 'CreateTime' | 'LogAppendTime';

/** A batch without its records. */
export interface BatchHeader {
  baseOffset: number;
  /** Of the whole batch in bytes, from its base offset to its last record. */
  length: number;
  partitionLeaderEpoch: number;
  magic: number;
  crc: number;
  compression: Compression;
  timestampType: TimestampType;
  transactional: boolean;
  control: boolean;
  /** Base timestamp is the time from which tombstones and markers may be dropped. Only compaction sets it. */
  deleteHorizon: boolean;
  lastOffsetDelta: number;
  /** Milliseconds since the epoch, like `maxTimestamp`. */
  baseTimestamp: number;
  maxTimestamp: number;
  /** -1, as are epoch and sequence, for batches of producers that are not idempotent. */
  producerId: number;
  producerEpoch: number;
  baseSequence: number;
  recordCount: number;
}

/**
 * Reads the header of the batch that begins at `at` and lies whole in the bytes.
 * CORRUPT_MESSAGE when it is cut short or cannot be a batch, UNSUPPORTED_FOR_MESSAGE_FORMAT for magic 0 and 1,
 * UNSUPPORTED_COMPRESSION_TYPE for codecs that Kafka does not know, INVALID_TIMESTAMP for times beyond safe integers.
 */
export function readHeader(bytes: Uint8Array, at = 0): BatchHeader {
  const length = batchLength(bytes, at);
  const view = viewOf(bytes, at);
  const attributes = view.getUint16(AT.attributes);
  const compression = COMPRESSIONS[attributes & COMPRESSION_BITS];
  if (compression === undefined) {
    throw new VarveError(
      'UNSUPPORTED_COMPRESSION_TYPE',
      `A batch names codec ${attributes & COMPRESSION_BITS}; Kafka knows 0 to 4.`,
    );
  }
  return {
    baseOffset: safe(readInt64(view, AT.baseOffset), 'CORRUPT_MESSAGE', 'base offset'),
    length,
    partitionLeaderEpoch: view.getInt32(AT.partitionLeaderEpoch),
    magic: MAGIC,
    crc: view.getUint32(AT.crc),
    compression,
    timestampType: attributes & LOG_APPEND_TIME ? 'LogAppendTime' : 'CreateTime',
    transactional: (attributes & TRANSACTIONAL) !== 0,
    control: (attributes & CONTROL) !== 0,
    deleteHorizon: (attributes & DELETE_HORIZON) !== 0,
    lastOffsetDelta: view.getInt32(AT.lastOffsetDelta),
    baseTimestamp: safe(readInt64(view, AT.baseTimestamp), 'INVALID_TIMESTAMP', 'base timestamp'),
    maxTimestamp: safe(readInt64(view, AT.maxTimestamp), 'INVALID_TIMESTAMP', 'max timestamp'),
    producerId: safe(readInt64(view, AT.producerId), 'CORRUPT_MESSAGE', 'producer id'),
    producerEpoch: view.getInt16(AT.producerEpoch),
    baseSequence: view.getInt32(AT.baseSequence),
    recordCount: view.getInt32(AT.recordCount),
  };
}

/** The header of bytes that are one batch and nothing else. As `readHeader`, and CORRUPT_MESSAGE for bytes that follow it. */
export function readWhole(bytes: Uint8Array): BatchHeader {
  const header = readHeader(bytes);
  if (header.length !== bytes.length) throw corrupt(`${bytes.length - header.length} bytes follow a batch.`);
  return header;
}

/** Whether the bytes are one batch and nothing else, with the CRC-32C `crc`, which is that of the bytes. */
export function isBatch(bytes: Uint8Array, crc: number): boolean {
  if (bytes.length < BATCH_OVERHEAD || bytes[AT.magic] !== MAGIC) return false;
  const view = viewOf(bytes, 0);
  const length = LENGTH_PREFIX + view.getInt32(AT.length);
  return length === bytes.length && view.getUint32(AT.crc) === crc && computeCrc(bytes) === crc;
}

/** Whether attribute bits are set that mean nothing in magic 2. */
export function hasUnknownAttributes(bytes: Uint8Array): boolean {
  return (viewOf(bytes, 0).getUint16(AT.attributes) & UNKNOWN_ATTRIBUTES) !== 0;
}

/** Writes a header over the first 61 bytes of a batch whose records are in place already, and its CRC: `length` and `crc` are computed. */
export function writeHeader(bytes: Uint8Array, header: Omit<BatchHeader, 'length' | 'crc' | 'magic'>): void {
  const view = viewOf(bytes, 0);
  writeInt64(view, AT.baseOffset, header.baseOffset);
  view.setInt32(AT.length, bytes.length - LENGTH_PREFIX);
  view.setInt32(AT.partitionLeaderEpoch, header.partitionLeaderEpoch);
  view.setInt8(AT.magic, MAGIC);
  view.setUint16(AT.attributes, attributesOf(header));
  view.setInt32(AT.lastOffsetDelta, header.lastOffsetDelta);
  writeInt64(view, AT.baseTimestamp, header.baseTimestamp);
  writeInt64(view, AT.maxTimestamp, header.maxTimestamp);
  writeInt64(view, AT.producerId, header.producerId);
  view.setInt16(AT.producerEpoch, header.producerEpoch);
  view.setInt32(AT.baseSequence, header.baseSequence);
  view.setInt32(AT.recordCount, header.recordCount);
  view.setUint32(AT.crc, computeCrc(bytes));
}

function attributesOf(header: Omit<BatchHeader, 'length' | 'crc' | 'magic'>): number {
  return (
    COMPRESSIONS.indexOf(header.compression) |
    (header.timestampType === 'LogAppendTime' ? LOG_APPEND_TIME : 0) |
    (header.transactional ? TRANSACTIONAL : 0) |
    (header.control ? CONTROL : 0) |
    (header.deleteHorizon ? DELETE_HORIZON : 0)
  );
}

/** The batches of a record set, which lie back to back, as slices of it. CORRUPT_MESSAGE when anything else is in it. */
export function* splitBatches(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; ) {
    const length = batchLength(bytes, at);
    yield bytes.subarray(at, at + length);
    at += length;
  }
}

/**
 * Gives a batch its place in the partition, in the bytes themselves. The CRC does not cover these fields. The leader
 * epoch is 0 unless told: Varve's partitions have no leaders to tell apart.
 */
export function patchBaseOffset(bytes: Uint8Array, baseOffset: number, partitionLeaderEpoch = 0): void {
  const view = viewOf(bytes, 0);
  writeInt64(view, AT.baseOffset, baseOffset);
  view.setInt32(AT.partitionLeaderEpoch, partitionLeaderEpoch);
}

/** Whether a batch's CRC-32C is that of its bytes. The batch has been through `readHeader`. */
export function verifyCrc(bytes: Uint8Array): boolean {
  return viewOf(bytes, 0).getUint32(AT.crc) === computeCrc(bytes);
}

/**
 * A copy of the batch in which every record's time is `time` (milliseconds since the epoch), as Kafka's brokers do it for
 * topics with `message.timestamp.type=LogAppendTime`: a flag and the max timestamp, the records untouched.
 */
export function stampLogAppendTime(bytes: Uint8Array, time: number): Uint8Array {
  safe(time, 'INVALID_TIMESTAMP', 'time of append');
  const copy = Uint8Array.prototype.slice.call(bytes);
  const view = viewOf(copy, 0);
  view.setUint16(AT.attributes, view.getUint16(AT.attributes) | LOG_APPEND_TIME);
  writeInt64(view, AT.maxTimestamp, time);
  view.setUint32(AT.crc, computeCrc(copy));
  return copy;
}

/** Sets the max timestamp (milliseconds since the epoch), in the bytes themselves, and the CRC with it. */
export function patchMaxTimestamp(bytes: Uint8Array, maxTimestamp: number): void {
  const view = viewOf(bytes, 0);
  writeInt64(view, AT.maxTimestamp, maxTimestamp);
  view.setUint32(AT.crc, computeCrc(bytes));
}

function computeCrc(bytes: Uint8Array): number {
  return crc32c(bytes.subarray(AT.attributes));
}

/** The whole length of the batch at `at`, once it is certain that it is one of magic 2 and lies whole in the bytes. */
function batchLength(bytes: Uint8Array, at: number): number {
  const available = bytes.length - at;
  // Magic lies at the same place in every version, and older messages are shorter than a header of this one.
  const magic = bytes[at + AT.magic];
  if (magic === 0 || magic === 1) {
    throw new VarveError(
      'UNSUPPORTED_FOR_MESSAGE_FORMAT',
      `A message of format ${magic} came in; Varve takes record batches of format 2 (Kafka 0.11 and later).`,
    );
  }
  if (available < BATCH_OVERHEAD)
    throw corrupt(`A batch needs ${BATCH_OVERHEAD} bytes at least, ${available} are left.`);
  if (magic !== MAGIC) throw corrupt(`A batch is of format ${magic}; Varve takes format 2.`);
  const length = LENGTH_PREFIX + viewOf(bytes, at).getInt32(AT.length);
  if (length < BATCH_OVERHEAD) throw corrupt(`A batch says that it is ${length} bytes long, less than its header.`);
  if (length > available) throw corrupt(`A batch says that it is ${length} bytes long, ${available} are left.`);
  return length;
}

function corrupt(message: string): VarveError {
  return new VarveError('CORRUPT_MESSAGE', message);
}

function viewOf(bytes: Uint8Array, at: number): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset + at, bytes.length - at);
}

/** An int64 as a number: exact when the number is a safe integer, and never a safe integer when it is not exact. */
function readInt64(view: DataView, at: number): number {
  return view.getInt32(at) * 2 ** 32 + view.getUint32(at + 4);
}

function writeInt64(view: DataView, at: number, value: number): void {
  view.setInt32(at, Math.floor(value / 2 ** 32));
  view.setUint32(at + 4, value >>> 0);
}

function safe(value: number, code: 'CORRUPT_MESSAGE' | 'INVALID_TIMESTAMP', what: string): number {
  if (!Number.isSafeInteger(value)) throw new VarveError(code, `A batch's ${what} is not within ±(2^53 - 1).`);
  return value;
}
