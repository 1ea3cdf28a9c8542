import { VarveError } from '../../../errors.ts';

/**
 * A message that is being written: what is small goes into a buffer that grows, records become parts of their own, so that
 * they are never copied.
 */
export interface Output {
  readonly parts: Uint8Array[];
  bytes: Buffer;
  /** Of what is in `bytes` and in no part yet. */
  start: number;
  at: number;
}

const MAX_INT16 = 2 ** 15 - 1;
const FIRST_SIZE = 512;
/** Records below this are cheaper copied than sent as a part, bytes. */
const COPIED = 1024;

export function output(): Output {
  return { parts: [], bytes: Buffer.allocUnsafe(FIRST_SIZE), start: 0, at: 0 };
}

/** What was written, in order. */
export function partsOf(out: Output): Uint8Array[] {
  flush(out);
  return out.parts;
}

function flush(out: Output): void {
  if (out.at > out.start) out.parts.push(out.bytes.subarray(out.start, out.at));
  out.start = out.at;
}

/** Makes room for `n` bytes and answers where they go. */
function reserve(out: Output, n: number): number {
  if (out.bytes.length - out.at < n) {
    const held = out.at - out.start;
    const grown = Buffer.allocUnsafe(Math.max((held + n) * 2, FIRST_SIZE));
    out.bytes.copy(grown, 0, out.start, out.at);
    out.bytes = grown;
    out.start = 0;
    out.at = held;
  }
  const at = out.at;
  out.at += n;
  return at;
}

export function writeBool(out: Output, value: boolean): void {
  writeInt8(out, value ? 1 : 0);
}

export function writeInt8(out: Output, value: number): void {
  const at = reserve(out, 1);
  out.bytes.writeInt8(value, at);
}

export function writeInt16(out: Output, value: number): void {
  const at = reserve(out, 2);
  out.bytes.writeInt16BE(value, at);
}

export function writeUint16(out: Output, value: number): void {
  const at = reserve(out, 2);
  out.bytes.writeUInt16BE(value, at);
}

export function writeInt32(out: Output, value: number): void {
  const at = reserve(out, 4);
  out.bytes.writeInt32BE(value, at);
}

export function writeFloat64(out: Output, value: number): void {
  const at = reserve(out, 8);
  out.bytes.writeDoubleBE(value, at);
}

/** `value` is a safe integer. */
export function writeInt64(out: Output, value: number): void {
  const at = reserve(out, 8);
  out.bytes.writeInt32BE(Math.floor(value / 2 ** 32), at);
  out.bytes.writeUInt32BE(value >>> 0, at + 4);
}

export function writeUnsignedVarint(out: Output, value: number): void {
  let at = reserve(out, 5);
  let rest = value;
  while (rest > 0x7f) {
    out.bytes[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  out.bytes[at++] = rest;
  out.at = at;
}

export function writeUuid(out: Output, value: string): void {
  const at = reserve(out, 16);
  out.bytes.write(value.replaceAll('-', ''), at, 16, 'hex');
}

/**
 * Of a string, in versions that say it in 16 bits; -1 means null. INVALID_REQUEST beyond them: what a client sent and was no UTF-8
 * takes up to three times as many bytes when it is told again, which Kafka cannot answer either.
 */
export function writeNarrowLength(out: Output, length: number): void {
  if (length > MAX_INT16)
    throw new VarveError('INVALID_REQUEST', `A string is too long to be answered: ${length} bytes.`);
  writeInt16(out, length);
}

/** A length below 0 means null. */
export function writeCompactLength(out: Output, length: number): void {
  writeUnsignedVarint(out, length + 1);
}

export function writeString(out: Output, value: string, length: number): void {
  const at = reserve(out, length);
  out.bytes.write(value, at, length, 'utf8');
}

export function writeBytes(out: Output, value: Uint8Array): void {
  const at = reserve(out, value.length);
  out.bytes.set(value, at);
}

/**
 * Large ones stay where they are: they must not change until the message is sent. Those that lie back to back, as what was read
 * together does, are one part.
 */
export function writeRecords(out: Output, batches: readonly Uint8Array[]): void {
  for (let i = 0; i < batches.length; ) {
    const first = batches[i++]!;
    let end = first.byteOffset + first.length;
    for (let next = batches[i]; next?.buffer === first.buffer && next.byteOffset === end; next = batches[++i]) {
      end += next.length;
    }
    const length = end - first.byteOffset;
    const bytes = length === first.length ? first : new Uint8Array(first.buffer, first.byteOffset, length);
    if (length < COPIED) {
      writeBytes(out, bytes);
    } else {
      flush(out);
      out.parts.push(bytes);
    }
  }
}

/** Writes what `write` writes with its size before it. */
export function writeSized(out: Output, write: (out: Output) => void): void {
  const inner = output();
  write(inner);
  const parts = partsOf(inner);
  writeUnsignedVarint(
    out,
    parts.reduce((sum, part) => sum + part.length, 0),
  );
  for (const part of parts) writeBytes(out, part);
}
