import { constants, gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { VarveError } from '../../errors.ts';
import { type FrameSize, sizeOfGzip, sizeOfZstd } from './frame-size.ts';
import { unLz4 } from './lz4.ts';
import { checkSize } from './size-limit.ts';
import { unsnappy } from './snappy.ts';

/** A batch's compression; the place in this list is its number in the batch's attributes. */
export const COMPRESSIONS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
export type Compression = (typeof COMPRESSIONS)[number];

/** Bytes; zlib's own least. */
const LEAST_CHUNK = 64;
const LEAST_RELEASED = 64 * 1024;

/** Compresses in one go. `level` is the codec's own (gzip 1 to 9, zstd 1 to 22). UNSUPPORTED_COMPRESSION_TYPE for snappy and lz4. */
export function compress(compression: Compression, bytes: Uint8Array, level?: number): Uint8Array {
  switch (compression) {
    case 'none':
      return bytes;
    case 'gzip':
      return gzipSync(bytes, level === undefined ? {} : { level });
    case 'zstd':
      return zstdCompressSync(
        bytes,
        level === undefined ? {} : { params: { [constants.ZSTD_c_compressionLevel]: level } },
      );
    default:
      throw new VarveError(
        'UNSUPPORTED_COMPRESSION_TYPE',
        `Varve reads batches that are compressed with ${compression} and does not write them; use gzip, zstd or none.`,
      );
  }
}

/**
 * Decompresses in one go and never into more than `limit` bytes (at least 1): MESSAGE_TOO_LARGE beyond it, CORRUPT_MESSAGE
 * when the bytes are not one frame as the codec writes it.
 */
export function decompress(compression: Compression, bytes: Uint8Array, limit: number): Uint8Array {
  switch (compression) {
    case 'none':
      return bytes;
    case 'gzip':
      return guarded(compression, limit, () => inflate(gunzipSync, bytes, sizeOfGzip(bytes), limit));
    case 'zstd':
      return guarded(compression, limit, () => inflate(zstdDecompressSync, bytes, sizeOfZstd(bytes), limit));
    case 'snappy':
      return guarded(compression, limit, () => unsnappy(bytes, limit));
    case 'lz4':
      return guarded(compression, limit, () => unLz4(bytes, limit));
  }
}

/**
 * Into one piece of memory, of the size that the frame says: zlib's own pieces, put together at the end, come to twice as much, and are left
 * to the collector.
 */
function inflate(
  codec: typeof gunzipSync | typeof zstdDecompressSync,
  bytes: Uint8Array,
  { declared, most }: FrameSize,
  limit: number,
): Uint8Array {
  if (declared !== undefined) checkSize(declared, limit);
  const room = Math.min(declared ?? most, most, limit);
  let whole: Buffer;
  try {
    // A byte more than it needs: zlib asks for the next piece when one is full.
    whole = codec(bytes, { maxOutputLength: Math.max(room, 1), chunkSize: Math.max(room + 1, LEAST_CHUNK) });
  } catch (cause) {
    if (room === limit) throw cause;
    throw new Error('it is not what the frame says', { cause });
  }
  if (whole.length > room / 2) return whole;
  const trimmed = new Uint8Array(whole);
  release(whole);
  return trimmed;
}

/**
 * Gives back at once what `decompress` made (not under `none`), which nobody may look at from then on: the collector takes its time, in which a
 * few requests could fill the memory.
 */
export function release(bytes: Uint8Array): void {
  // Less may lie in memory that Node hands out in parts.
  if (bytes.length >= LEAST_RELEASED) (bytes.buffer as ArrayBuffer).transfer(0);
}

function guarded(compression: Compression, limit: number, run: () => Uint8Array): Uint8Array {
  try {
    return run();
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') {
      throw new VarveError(
        'MESSAGE_TOO_LARGE',
        `A batch decompresses to more than ${limit} bytes; send smaller batches.`,
        {
          cause,
        },
      );
    }
    throw new VarveError('CORRUPT_MESSAGE', `A batch is marked ${compression} but does not decompress as such.`, {
      cause,
    });
  }
}
