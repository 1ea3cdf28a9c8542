import { promisify } from 'node:util';
import { constants, gunzip, inflate, zstdDecompress } from 'node:zlib';
import { bodyTooLarge, HttpProblem } from './errors.ts';
import { zstdFrames } from './zstd-frames.ts';

/** All of `bytes`, decompressed. BODY_TOO_LARGE beyond `limit` bytes, MALFORMED_ENCODING for what is not whole. */
type Decode = (bytes: Uint8Array, limit: number) => Promise<Uint8Array>;

/** By Content-Encoding. */
export const ENCODINGS: Readonly<Record<string, Decode | undefined>> = {
  gzip: whole(gunzip),
  'x-gzip': whole(gunzip),
  deflate: whole(inflate),
  zstd,
};

/** What Node answers under `info: true`, which its types leave out. `bytesWritten` counts the input that was consumed. */
interface Inflated {
  buffer: Uint8Array;
  engine: { bytesWritten: number };
}
type Inflate = (
  bytes: Uint8Array,
  options: { params: object; maxOutputLength: number; info: true },
) => Promise<Inflated>;

function whole(inflater: (...given: never[]) => void, params: Record<number, number> = {}): Decode {
  const run = promisify(inflater) as unknown as Inflate;
  return async (bytes, limit) => {
    try {
      const { buffer, engine } = await run(bytes, { params, maxOutputLength: limit, info: true });
      if (engine.bytesWritten === bytes.length) return buffer;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw bodyTooLarge(limit);
    }
    throw malformed();
  };
}

/** A frame may ask for a window of 8 MiB at most, as RFC 9659 has it for HTTP: it is memory beside the output. */
const zstdFrame = whole(zstdDecompress, { [constants.ZSTD_d_windowLogMax]: 23 });

async function zstd(bytes: Uint8Array, limit: number): Promise<Uint8Array> {
  const frames = zstdFrames(bytes);
  if (!frames) throw malformed();
  const parts: Uint8Array[] = [];
  let size = 0;
  for (const frame of frames) {
    // Node takes no limit of 0.
    const part = await zstdFrame(frame, Math.max(limit - size, 1));
    size += part.length;
    if (size > limit) throw bodyTooLarge(limit);
    parts.push(part);
  }
  return parts.length === 1 ? parts[0]! : Buffer.concat(parts);
}

function malformed(): HttpProblem {
  return new HttpProblem('MALFORMED_ENCODING', 'The body is not what its Content-Encoding says.');
}
