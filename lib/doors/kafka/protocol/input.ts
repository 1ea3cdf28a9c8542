import { VarveError } from '../../../errors.ts';

/** A received frame, and how far it has been read. What readers answer for bytes are slices of it. */
export interface Input {
  readonly bytes: Buffer;
  at: number;
  /** Where the frame ends, or the tagged field that is being read. */
  end: number;
  /** Array elements that may still be read: a byte of a frame can become an object. */
  elements: number;
}

/** Of a request's arrays, all together. */
export const MAX_ELEMENTS = 50_000;

export function inputOf(bytes: Buffer): Input {
  return { bytes, at: 0, end: bytes.length, elements: MAX_ELEMENTS };
}

export function malformed(what: string): VarveError {
  return new VarveError('INVALID_REQUEST', `Malformed Kafka request: ${what}.`);
}

/** Moves past `n` bytes and answers where they begin. */
function take(input: Input, n: number): number {
  const at = input.at;
  if (n > input.end - at) throw malformed('it is cut short');
  input.at = at + n;
  return at;
}

export function readBool(input: Input): boolean {
  return readInt8(input) !== 0;
}

export function readInt8(input: Input): number {
  const at = take(input, 1);
  return input.bytes.readInt8(at);
}

export function readInt16(input: Input): number {
  const at = take(input, 2);
  return input.bytes.readInt16BE(at);
}

export function readUint16(input: Input): number {
  const at = take(input, 2);
  return input.bytes.readUInt16BE(at);
}

export function readInt32(input: Input): number {
  const at = take(input, 4);
  return input.bytes.readInt32BE(at);
}

/** Exact when it is a safe integer, and never a safe integer when it is not exact. */
export function readInt64(input: Input): number {
  const at = take(input, 8);
  return input.bytes.readInt32BE(at) * 2 ** 32 + input.bytes.readUInt32BE(at + 4);
}

export function readFloat64(input: Input): number {
  const at = take(input, 8);
  return input.bytes.readDoubleBE(at);
}

export function readUnsignedVarint(input: Input): number {
  let value = 0;
  for (let shift = 0; shift <= 28; shift += 7) {
    const byte = input.bytes[take(input, 1)]!;
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) {
      if (value > 0xffffffff) break;
      return value;
    }
  }
  throw malformed('an integer has more than 32 bits');
}

/** A UUID with dashes. */
export function readUuid(input: Input): string {
  const at = take(input, 16);
  const hex = input.bytes.toString('hex', at, at + 16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** A length below 0 means null. */
export function readCompactLength(input: Input): number {
  return readUnsignedVarint(input) - 1;
}

export function readString(input: Input, length: number): string {
  const at = take(input, length);
  return input.bytes.toString('utf8', at, at + length);
}

export function readBytes(input: Input, length: number): Buffer {
  const at = take(input, length);
  return input.bytes.subarray(at, at + length);
}

/** Calls `read` for each of `count` elements. */
export function readElements<T>(input: Input, count: number, read: (input: Input) => T): T[] {
  // No element takes less than a byte.
  if (count > input.end - input.at) throw malformed('an array is cut short');
  input.elements -= count;
  if (input.elements < 0) throw malformed(`its arrays have more than ${MAX_ELEMENTS} elements`);
  const values: T[] = [];
  for (let i = 0; i < count; i++) values.push(read(input));
  return values;
}

/** Reads a tagged field's `size` bytes, all of them. */
export function readWithin<T>(input: Input, size: number, read: (input: Input) => T): T {
  const { end } = input;
  const until = input.at + size;
  if (until > end) throw malformed('a tagged field is cut short');
  input.end = until;
  const value = read(input);
  if (input.at !== until) throw malformed('a tagged field has bytes left over');
  input.end = end;
  return value;
}

export function skip(input: Input, size: number): void {
  take(input, size);
}
