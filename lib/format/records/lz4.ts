import { checkSize } from './size-limit.ts';

/**
 * LZ4 frames (https://github.com/lz4/lz4/blob/dev/doc/lz4_Frame_format.md) as Kafka has them: one frame of independent blocks, no
 * dictionary. Own code, because no library bounds what a frame may become before it allocates, everywhere that Varve runs.
 *
 *     magic uint32 LE | flags | block size | [content size, 8 bytes] | header checksum
 *     | blocks: size uint32 LE, the high bit meaning "stored as it is" | bytes | [checksum, 4 bytes] | 0 uint32 | [content checksum, 4 bytes]
 *
 * The checksums are not looked at: the batch's own covers every byte.
 */
const MAGIC = 0x184d2204;
const VERSION = 0x40;
const INDEPENDENT_BLOCKS = 0x20;
const BLOCK_CHECKSUM = 0x10;
const CONTENT_SIZE = 0x08;
const CONTENT_CHECKSUM = 0x04;
/** Version, independence, a reserved bit and that of a dictionary. */
const KIND_BITS = 0xe3;
const STORED = 0x8000_0000;
const CHECKSUM_BYTES = 4;
const CONTENT_SIZE_BYTES = 8;
const MIN_MATCH = 4;
/** The field's own value, which says that more of the length follows. */
const LONG = 15;
/** From here on a native copy is faster than a loop. */
const NATIVE_COPY = 48;

interface Block {
  at: number;
  end: number;
  /** Not compressed. */
  stored: boolean;
  /** Bytes that it becomes at most. */
  maxSize: number;
}

/** What the frame holds, measured before anything is allocated: `checkSize`'s error beyond `limit` bytes, any other when it is no such frame. */
export function unLz4(bytes: Uint8Array, limit: number): Uint8Array {
  let total = 0;
  for (const block of blocksOf(bytes)) {
    const size = block.stored ? block.end - block.at : sizeOfBlock(bytes, block);
    if (size > block.maxSize) throw new Error('a block is larger than the frame says');
    total += size;
    checkSize(total, limit);
  }
  const from = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const to = Buffer.allocUnsafeSlow(total);
  let at = 0;
  for (const block of blocksOf(bytes)) {
    at = block.stored ? at + from.copy(to, at, block.at, block.end) : writeBlock(from, block, to, at);
  }
  return to;
}

function* blocksOf(bytes: Uint8Array): Generator<Block> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.getUint32(0, true) !== MAGIC) throw new Error('no LZ4 frame');
  const flags = view.getUint8(4);
  if ((flags & KIND_BITS) !== (VERSION | INDEPENDENT_BLOCKS)) {
    throw new Error('a frame of another version, with a dictionary, or of blocks that depend on each other');
  }
  const sizeCode = (view.getUint8(5) >> 4) & 7;
  if (sizeCode < 4) throw new Error('an unknown block size');
  const maxSize = 1 << (8 + 2 * sizeCode);
  let at = 7 + (flags & CONTENT_SIZE ? CONTENT_SIZE_BYTES : 0);
  for (let word = view.getUint32(at, true); word !== 0; word = view.getUint32(at, true)) {
    const stored = word >= STORED;
    const start = at + 4;
    const end = start + (stored ? word - STORED : word);
    if (end > bytes.length) throw new Error('a block is cut short');
    yield { at: start, end, stored, maxSize };
    at = end + (flags & BLOCK_CHECKSUM ? CHECKSUM_BYTES : 0);
  }
  at += 4 + (flags & CONTENT_CHECKSUM ? CHECKSUM_BYTES : 0);
  if (at !== bytes.length) throw new Error('the frame ends elsewhere than its bytes');
}

/** Walks the tokens without writing; what it lets pass, `writeBlock` need not check for length again. */
function sizeOfBlock(bytes: Uint8Array, { at, end }: Block): number {
  let size = 0;
  for (;;) {
    if (at >= end) throw new Error('a block ends before its last literals');
    const token = bytes[at++]!;
    let literals = token >> 4;
    if (literals === LONG) {
      let more = 255;
      while (more === 255) {
        if (at >= end) throw new Error('a length is cut short');
        more = bytes[at++]!;
        literals += more;
      }
    }
    at += literals;
    size += literals;
    if (at === end) return size;
    if (at + 2 > end) throw new Error('a sequence is cut short');
    at += 2;
    let match = token & LONG;
    if (match === LONG) {
      let more = 255;
      while (more === 255) {
        if (at >= end) throw new Error('a length is cut short');
        more = bytes[at++]!;
        match += more;
      }
    }
    size += match + MIN_MATCH;
  }
}

function writeBlock(from: Buffer, { at, end }: Block, to: Buffer, start: number): number {
  let out = start;
  for (;;) {
    const token = from[at++]!;
    let literals = token >> 4;
    if (literals === LONG) {
      let more = 255;
      while (more === 255) {
        more = from[at++]!;
        literals += more;
      }
    }
    if (literals >= NATIVE_COPY) from.copy(to, out, at, at + literals);
    else for (let i = 0; i < literals; i++) to[out + i] = from[at + i]!;
    out += literals;
    at += literals;
    if (at === end) return out;
    const offset = from[at]! | (from[at + 1]! << 8);
    at += 2;
    if (offset === 0 || offset > out - start) throw new Error('a match lies before its block');
    let match = token & LONG;
    if (match === LONG) {
      let more = 255;
      while (more === 255) {
        more = from[at++]!;
        match += more;
      }
    }
    out = repeat(to, out, offset, match + MIN_MATCH);
  }
}

/** Writes again, at `out`, the `length` bytes from `offset` before it on, which may be bytes that it writes itself. */
function repeat(to: Buffer, out: number, offset: number, length: number): number {
  const end = out + length;
  if (length < NATIVE_COPY) {
    for (; out < end; out++) to[out] = to[out - offset]!;
    return end;
  }
  // What is repeated doubles with each step.
  const first = out - offset;
  while (out < end) {
    const step = Math.min(out - first, end - out);
    to.copyWithin(out, first, first + step);
    out += step;
  }
  return end;
}
