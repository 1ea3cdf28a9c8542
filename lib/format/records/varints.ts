import { VarveError } from '../../errors.ts';

/**
 * Variable-length integers as Kafka's records use them: zigzag, then 7 bits a byte from the lowest, the high bit meaning
 * "more follows" (Protocol Buffers' sint32 and sint64). Three widths: 32 bits, safe integers, and whole 64 bits as bigint.
 */

/** A place in bytes that readers move forward. Nothing at `end` or beyond is read. */
export interface Cursor {
  readonly bytes: Uint8Array;
  at: number;
  end: number;
}

/** Beyond this a zigzagged value is no safe integer any more. */
const SMALL = 2 ** 52;
/** Seven bytes hold 49 bits, which numbers compute exactly. */
const SMALL_BYTES = 7;

function zigzag32(value: number): number {
  return ((value << 1) ^ (value >> 31)) >>> 0;
}

/** Bytes that `writeVarint` takes for a signed 32-bit integer: 1 to 5. */
export function varintSize(value: number): number {
  const bits = 32 - Math.clz32(zigzag32(value) | 1);
  return Math.ceil(bits / 7);
}

/** Writes a signed 32-bit integer and returns the position after it. */
export function writeVarint(bytes: Uint8Array, at: number, value: number): number {
  let rest = zigzag32(value);
  while (rest > 0x7f) {
    bytes[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  bytes[at++] = rest;
  return at;
}

/** Reads a signed 32-bit integer. INVALID_RECORD when it is cut short or wider. */
export function readVarint(cursor: Cursor): number {
  const { bytes, at, end } = cursor;
  // Nearly all are of one byte or two, and there are many in every record.
  if (at + 1 < end) {
    const first = bytes[at]!;
    if (first < 0x80) {
      cursor.at = at + 1;
      return (first >>> 1) ^ -(first & 1);
    }
    const second = bytes[at + 1]!;
    if (second < 0x80) {
      const value = (first & 0x7f) | (second << 7);
      cursor.at = at + 2;
      return (value >>> 1) ^ -(value & 1);
    }
  }
  return readLongVarint(cursor);
}

function readLongVarint(cursor: Cursor): number {
  const { bytes, end } = cursor;
  let at = cursor.at;
  let value = 0;
  for (let shift = 0; shift <= 28; shift += 7) {
    if (at >= end) throw cutShort();
    const byte = bytes[at++]!;
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) {
      if (shift === 28 && byte > 0x0f) break;
      cursor.at = at;
      return (value >>> 1) ^ -(value & 1);
    }
  }
  throw tooWide(32);
}

/** Bytes that `writeVarlong` takes for a 64-bit integer given as an exact number or a bigint: 1 to 10. */
export function varlongSize(value: number | bigint): number {
  if (value === (Number(value) | 0)) return varintSize(value);
  let size = 1;
  for (let rest = zigzag64(BigInt(value)); rest > 0x7fn; rest >>= 7n) size++;
  return size;
}

/** Writes a 64-bit integer given as an exact number or a bigint and returns the position after it. */
export function writeVarlong(bytes: Uint8Array, at: number, value: number | bigint): number {
  if (value === (Number(value) | 0)) return writeVarint(bytes, at, value);
  if (typeof value === 'bigint' || Math.abs(value) >= SMALL) return writeBigVarlong(bytes, at, BigInt(value));
  let rest = value >= 0 ? value * 2 : -value * 2 - 1;
  while (rest > 0x7f) {
    bytes[at++] = (rest % 128) | 0x80;
    rest = Math.floor(rest / 128);
  }
  bytes[at++] = rest;
  return at;
}

function writeBigVarlong(bytes: Uint8Array, at: number, value: bigint): number {
  let rest = zigzag64(value);
  while (rest > 0x7fn) {
    bytes[at++] = Number(rest & 0x7fn) | 0x80;
    rest >>= 7n;
  }
  bytes[at++] = Number(rest);
  return at;
}

function zigzag64(value: bigint): bigint {
  return BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
}

/**
 * Reads a 64-bit integer of at most seven bytes as a number; undefined, with the cursor where it was, when it is longer
 * and `readVarlong` has to read it. INVALID_RECORD when it is cut short.
 */
export function readShortVarlong(cursor: Cursor): number | undefined {
  const { bytes, at, end } = cursor;
  if (at < end && bytes[at]! < 0x80) {
    cursor.at = at + 1;
    return (bytes[at]! >>> 1) ^ -(bytes[at]! & 1);
  }
  let value = 0;
  let scale = 1;
  for (let i = 0; i < SMALL_BYTES; i++) {
    if (at + i >= end) throw cutShort();
    const byte = bytes[at + i]!;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) {
      cursor.at = at + i + 1;
      return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
    }
    scale *= 128;
  }
  return undefined;
}

/** Reads any 64-bit integer. INVALID_RECORD when it is cut short or wider. */
export function readVarlong(cursor: Cursor): bigint {
  const { bytes, end } = cursor;
  let at = cursor.at;
  let value = 0n;
  for (let shift = 0n; shift <= 63n; shift += 7n) {
    if (at >= end) throw cutShort();
    const byte = bytes[at++]!;
    value |= BigInt(byte & 0x7f) << shift;
    if (byte < 0x80) {
      if (shift === 63n && byte > 1) break;
      cursor.at = at;
      return (value >> 1n) ^ -(value & 1n);
    }
  }
  throw tooWide(64);
}

function cutShort(): VarveError {
  return new VarveError('INVALID_RECORD', 'A record ends inside a variable-length integer; encode the batch again.');
}

function tooWide(bits: number): VarveError {
  return new VarveError(
    'INVALID_RECORD',
    `A record holds an integer of more than ${bits} bits; encode the batch again.`,
  );
}
