import { constants, gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { VarveError } from '../../errors.ts';
import { unLz4 } from './lz4.ts';
import { unsnappy } from './snappy.ts';

/** A batch's compression; the place in this list is its number in the batch's attributes. */
export const COMPRESSIONS = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
export type Compression = (typeof COMPRESSIONS)[number];

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
 * when the bytes are not what the codec wrote. Of a zstd frame that is cut short Node 22 gives what there is and no error: the caller
 * must know how much to expect.
 */
export function decompress(compression: Compression, bytes: Uint8Array, limit: number): Uint8Array {
  switch (compression) {
    case 'none':
      return bytes;
    case 'gzip':
      return guarded(compression, limit, () => gunzipSync(bytes, { maxOutputLength: limit }));
    case 'zstd':
      return guarded(compression, limit, () => unzstd(bytes, limit));
    case 'snappy':
      return guarded(compression, limit, () => unsnappy(bytes, limit));
    case 'lz4':
      return guarded(compression, limit, () => unLz4(bytes, limit));
  }
}

/** One zstd frame, as every producer writes it. Node would stop behind the first one and say nothing of what follows. */
function unzstd(bytes: Uint8Array, limit: number): Uint8Array {
  const { buffer, engine } = zstdDecompressSync(bytes, { maxOutputLength: limit, info: true }) as unknown as ZstdResult;
  if (engine.bytesWritten !== bytes.length)
    throw new Error(`${bytes.length - engine.bytesWritten} bytes follow the frame`);
  return buffer;
}

/** What Node answers under `info: true`, which its types leave out. `bytesWritten` counts the input that was consumed. */
interface ZstdResult {
  buffer: Uint8Array;
  engine: { bytesWritten: number };
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
