/**
 * What gzip and zstd frames become, read from the frames themselves before anything is allocated. What throws here is no frame of
 * its codec; what a frame says may still be a lie, which decompressing it shows.
 */

/** Bytes. */
export interface FrameSize {
  /** What the frame says; of zstd, streaming producers leave it out. */
  declared?: number;
  /** It cannot become more. */
  most: number;
}

/** Header of 10 bytes, a block, CRC-32 and size (RFC 1952). */
const LEAST_GZIP = 20;
/** A byte of deflate becomes no more, so whoever says more lies. */
const MAX_GZIP_RATIO = 1032;

/** Of one member, as every producer writes it: its last field says how large it is, modulo 2^32. */
export function sizeOfGzip(bytes: Uint8Array): FrameSize {
  if (bytes.length < LEAST_GZIP) throw new Error('a gzip frame is cut short');
  const declared = viewOf(bytes).getUint32(bytes.length - 4, true);
  if (declared > bytes.length * MAX_GZIP_RATIO) throw new Error('fewer bytes than it takes to become what it says');
  return { declared, most: declared };
}

/** RFC 8878. */
const ZSTD_MAGIC = 0xfd2fb528;
const DICTIONARY_ID_BYTES = [0, 1, 2, 4] as const;
const CONTENT_SIZE_BYTES = [0, 2, 4, 8] as const;
const CHECKSUM_BYTES = 4;
const BLOCK_HEADER = 3;
/** Bytes that any block becomes. */
const MAX_BLOCK = 128 * 1024;
/** Kinds of blocks; 0 is stored as it is. */
const REPEATED = 1;
const COMPRESSED = 2;

/** Of one whole frame and nothing behind it, by its header and those of its blocks. */
export function sizeOfZstd(bytes: Uint8Array): FrameSize {
  const view = viewOf(bytes);
  if (view.getUint32(0, true) !== ZSTD_MAGIC) throw new Error('no zstd frame');
  const descriptor = view.getUint8(4);
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const sizeAt = 5 + (isSingleSegment ? 0 : 1) + DICTIONARY_ID_BYTES[(descriptor & 3) as 0 | 1 | 2 | 3];
  const sizeBytes = CONTENT_SIZE_BYTES[(descriptor >> 6) as 0 | 1 | 2 | 3] || (isSingleSegment ? 1 : 0);
  const declared = sizeBytes > 0 ? contentSize(view, sizeAt, sizeBytes) : undefined;

  let most = 0;
  let at = sizeAt + sizeBytes;
  for (let last = false; !last; ) {
    const header = view.getUint16(at, true) | (view.getUint8(at + 2) << 16);
    const kind = (header >> 1) & 3;
    const size = header >> 3;
    last = (header & 1) !== 0;
    if (kind > COMPRESSED || size > MAX_BLOCK) throw new Error('no block of zstd');
    most += kind === COMPRESSED ? MAX_BLOCK : size;
    at += BLOCK_HEADER + (kind === REPEATED ? 1 : size);
  }
  if (descriptor & 4) at += CHECKSUM_BYTES;
  if (at !== bytes.length) throw new Error('the frame ends elsewhere than its bytes');
  return declared === undefined ? { most } : { declared, most };
}

function contentSize(view: DataView, at: number, bytes: number): number {
  switch (bytes) {
    case 1:
      return view.getUint8(at);
    case 2:
      // One byte says up to 255.
      return view.getUint16(at, true) + 256;
    case 4:
      return view.getUint32(at, true);
    default:
      return Number(view.getBigUint64(at, true));
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
