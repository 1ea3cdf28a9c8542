import { snappyUncompressor } from 'hysnappy';
import { checkSize } from './size-limit.ts';

/**
 * Snappy as Kafka's clients write it: raw (librdkafka), or in the framing of snappy-java: a magic of 8 bytes, two versions int32, then
 * chunks, each its length int32 BE and raw snappy.
 */
const FRAMING_MAGIC = Buffer.from('\x82SNAPPY\0', 'latin1');
const FRAMING_HEADER = 16;
/** A tag of three bytes becomes 64 at most, so whoever says more lies. */
const MAX_RATIO = 22;

interface Chunk {
  bytes: Uint8Array;
  /** Bytes that it says it becomes. */
  size: number;
}

let uncompress: ReturnType<typeof snappyUncompressor> | undefined;

/** `checkSize`'s error when it would become more than `limit` bytes, before anything is allocated; any other when it is not snappy. */
export function unsnappy(bytes: Uint8Array, limit: number): Uint8Array {
  const from = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  let total = 0;
  for (const { size } of chunksOf(from)) {
    total += size;
    checkSize(total, limit);
  }
  // It keeps the memory that its largest chunk took, which `limit` bounds.
  uncompress ??= snappyUncompressor();
  const whole = new Uint8Array(total);
  let at = 0;
  for (const { bytes: chunk, size } of chunksOf(from)) {
    whole.set(uncompress(chunk, size), at);
    at += size;
  }
  return whole;
}

function* chunksOf(bytes: Buffer): Generator<Chunk> {
  if (!isFramed(bytes, 0)) {
    yield chunkOf(bytes);
    return;
  }
  for (let at = 0; at < bytes.length; ) {
    // Streams may be written one behind the other.
    if (isFramed(bytes, at)) {
      at += FRAMING_HEADER;
      if (at > bytes.length) throw new Error('a header is cut short');
      continue;
    }
    const start = at + 4;
    at = start + bytes.readInt32BE(at);
    if (at < start || at > bytes.length) throw new Error('a chunk is cut short');
    yield chunkOf(bytes.subarray(start, at));
  }
}

function isFramed(bytes: Buffer, at: number): boolean {
  return bytes.subarray(at, at + FRAMING_MAGIC.length).equals(FRAMING_MAGIC);
}

/** A chunk begins with the length of what it becomes, an unsigned varint of 32 bits. */
function chunkOf(bytes: Uint8Array): Chunk {
  let size = 0;
  let scale = 1;
  for (const byte of bytes.subarray(0, 5)) {
    size += (byte & 0x7f) * scale;
    if (byte < 0x80) {
      if (size > bytes.length * MAX_RATIO) throw new Error('fewer bytes than it takes to become what it says');
      return { bytes, size };
    }
    scale *= 128;
  }
  throw new Error('no length');
}
