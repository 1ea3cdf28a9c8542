import { VarveError } from '../../errors.ts';
import type { LogRecord, NewRecord, RecordHeader } from './record.ts';
import {
  type Cursor,
  readShortVarlong,
  readVarint,
  readVarlong,
  varintSize,
  varlongSize,
  writeVarint,
  writeVarlong,
} from './varints.ts';

/**
 * One record inside a batch (https://kafka.apache.org/documentation/#record), every integer but the attributes a varint:
 *
 *     length | attributes int8, unused | timestamp delta, 64 bits | offset delta | key length, -1 for null | key
 *     | value length, -1 for null | value | count of headers | each: key length | key | value length, -1 for null | value
 */

/** Where in a batch a record is: what its deltas are deltas to. */
export interface RecordPlace {
  offset: number;
  /** Milliseconds since the epoch. */
  timestamp: number;
}

const NO_HEADERS: readonly RecordHeader[] = Object.freeze([]);

/** A record has six fields behind its length, of a byte each at least. */
const SMALLEST_BODY = 6;
const WIDEST_VARINT = 5;
const WIDEST_VARLONG = 10;

/** At least the bytes that a record takes in a batch before compression, whichever batch that is. */
export function recordSizeBound(record: NewRecord): number {
  let size = 5 * WIDEST_VARINT + 1 + WIDEST_VARLONG + (record.key?.length ?? 0) + (record.value?.length ?? 0);
  for (const { key, value } of record.headers) {
    size += 2 * WIDEST_VARINT + Buffer.byteLength(key) + (value?.length ?? 0);
  }
  return size;
}

/** The bytes of a record that follow its length field. */
export function bodySize(record: NewRecord, timestampDelta: number | bigint, offsetDelta: number): number {
  const { key, value, headers } = record;
  let size = 1 + varlongSize(timestampDelta) + varintSize(offsetDelta) + bytesSize(key) + bytesSize(value);
  size += varintSize(headers.length);
  for (const header of headers) {
    const keySize = Buffer.byteLength(header.key);
    size += varintSize(keySize) + keySize + bytesSize(header.value);
  }
  return size;
}

function bytesSize(bytes: Uint8Array | null): number {
  return bytes === null ? 1 : varintSize(bytes.length) + bytes.length;
}

/** Writes a record whose `bodySize` is known and returns the position after it. */
export function writeRecord(
  bytes: Buffer,
  at: number,
  record: NewRecord,
  size: number,
  timestampDelta: number | bigint,
  offsetDelta: number,
): number {
  at = writeVarint(bytes, at, size);
  bytes[at++] = 0;
  at = writeVarlong(bytes, at, timestampDelta);
  at = writeVarint(bytes, at, offsetDelta);
  at = writeBytes(bytes, at, record.key);
  at = writeBytes(bytes, at, record.value);
  at = writeVarint(bytes, at, record.headers.length);
  for (const header of record.headers) {
    at = writeVarint(bytes, at, Buffer.byteLength(header.key));
    at += bytes.write(header.key, at);
    at = writeBytes(bytes, at, header.value);
  }
  return at;
}

function writeBytes(target: Buffer, at: number, bytes: Uint8Array | null): number {
  if (bytes === null) return writeVarint(target, at, -1);
  at = writeVarint(target, at, bytes.length);
  target.set(bytes, at);
  return at + bytes.length;
}

/** How many records and headers may still be made of a batch: small ones inflate once more as objects. */
export interface Allowance {
  objects: number;
}

/**
 * Reads the record at the cursor. Key, value and headers' values are views of the cursor's bytes.
 * INVALID_RECORD when it is malformed, INVALID_TIMESTAMP when its time is beyond safe integers, MESSAGE_TOO_LARGE when the allowance is used up.
 */
export function readRecord(cursor: Cursor, base: RecordPlace, allowance: Allowance): LogRecord {
  const batchEnd = cursor.end;
  const size = readVarint(cursor);
  if (size < SMALLEST_BODY || size > batchEnd - cursor.at) throw malformed('a record does not fit into its batch');
  cursor.end = cursor.at + size;
  cursor.at++;
  const timestamp = readTimestamp(cursor, base.timestamp);
  const offset = base.offset + readVarint(cursor);
  const key = readBytes(cursor);
  const value = readBytes(cursor);
  const headers = readHeaders(cursor, allowance);
  if (cursor.at !== cursor.end) throw malformed('a record is longer than its fields');
  cursor.end = batchEnd;
  return { offset, timestamp, key, value, headers };
}

/** What a reader must know of a record to judge it. */
export interface RecordFacts extends RecordPlace {
  hasKey: boolean;
}

/**
 * Reads the record at the cursor into `facts`, checks it as `readRecord` does and with the same errors, and makes no objects: it
 * runs for every record that comes in.
 */
export function scanRecord(cursor: Cursor, base: RecordPlace, allowance: Allowance, facts: RecordFacts): void {
  const { bytes, end: batchEnd } = cursor;
  const size = readVarint(cursor);
  if (size < SMALLEST_BODY || size > batchEnd - cursor.at) throw malformed('a record does not fit into its batch');
  const end = cursor.at + size;
  cursor.end = end;
  cursor.at++;
  facts.timestamp = readTimestamp(cursor, base.timestamp);
  facts.offset = base.offset + readVarint(cursor);
  const keyLength = readVarint(cursor);
  facts.hasKey = keyLength !== -1;
  if (keyLength !== -1) skip(cursor, keyLength);
  const valueLength = readVarint(cursor);
  if (valueLength !== -1) skip(cursor, valueLength);
  if (cursor.at === end - 1 && bytes[cursor.at] === 0) {
    // No headers: as most records.
    spend(allowance, 1);
    cursor.at = end;
  } else {
    for (let left = readHeaderCount(cursor, allowance); left > 0; left--) {
      skip(cursor, readVarint(cursor));
      const length = readVarint(cursor);
      if (length !== -1) skip(cursor, length);
    }
    if (cursor.at !== end) throw malformed('a record is longer than its fields');
  }
  cursor.end = batchEnd;
}

function skip(cursor: Cursor, length: number): void {
  if (length < 0 || length > cursor.end - cursor.at) {
    throw malformed('a key, value or header is longer than its record');
  }
  cursor.at += length;
}

function readTimestamp(cursor: Cursor, base: number): number {
  const delta = readShortVarlong(cursor);
  const timestamp = delta === undefined ? Number(BigInt(base) + readVarlong(cursor)) : base + delta;
  if (!Number.isSafeInteger(timestamp)) {
    throw new VarveError('INVALID_TIMESTAMP', "A record's timestamp is not within ±(2^53 - 1).");
  }
  return timestamp;
}

function readBytes(cursor: Cursor): Uint8Array | null {
  const length = readVarint(cursor);
  if (length === -1) return null;
  return take(cursor, length);
}

function readHeaderCount(cursor: Cursor, allowance: Allowance): number {
  const count = readVarint(cursor);
  if (count < 0 || count * 2 > cursor.end - cursor.at) throw malformed('a record has fewer headers than it says');
  spend(allowance, count + 1);
  return count;
}

function spend(allowance: Allowance, objects: number): void {
  allowance.objects -= objects;
  if (allowance.objects < 0) {
    throw new VarveError('MESSAGE_TOO_LARGE', 'A batch decompresses to too many records; send smaller batches.');
  }
}

function readHeaders(cursor: Cursor, allowance: Allowance): readonly RecordHeader[] {
  const count = readHeaderCount(cursor, allowance);
  if (count === 0) return NO_HEADERS;
  const headers: RecordHeader[] = [];
  for (let i = 0; i < count; i++) {
    const key = take(cursor, readVarint(cursor));
    headers.push({ key: utf8(key), value: readBytes(cursor) });
  }
  return headers;
}

function utf8(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString();
}

function take(cursor: Cursor, length: number): Uint8Array {
  const { bytes, at } = cursor;
  skip(cursor, length);
  return new Uint8Array(bytes.buffer, bytes.byteOffset + at, length);
}

/** INVALID_RECORD for a batch that contradicts itself. */
export function malformed(what: string): VarveError {
  return new VarveError('INVALID_RECORD', `Malformed batch: ${what}. Encode it again.`);
}
