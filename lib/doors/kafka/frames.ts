import { VarveError } from '../../errors.ts';

/** Cuts a stream of bytes into frames: four bytes of length, then as many bytes. */
export interface FrameCutter {
  /**
   * The frames that are whole now, as slices of what came where that is possible. INVALID_REQUEST when a length cannot be, after
   * those before it; nothing can be pushed then.
   */
  push(chunk: Buffer): Generator<Buffer>;
  /** Bytes of a frame that is not whole yet. */
  readonly held: number;
  /** Lets go of them. */
  clear(): void;
}

const PREFIX = 4;
const SMALLEST_ROOM = 1024;
/** Of a frame that comes in pieces: room for this many times what is there, so that few pieces are copied again. */
const ROOM = 4;
const NOTHING = Buffer.alloc(0);

export function createFrameCutter(maxFrame: number): FrameCutter {
  /** What has come of a frame, with its prefix. Its room follows what came, never what the prefix says will come. */
  let gathered = NOTHING;
  let held = 0;

  function lengthAt(bytes: Buffer, at: number): number {
    const length = bytes.readInt32BE(at);
    if (length >= 0 && length <= maxFrame) return length + PREFIX;
    throw new VarveError('INVALID_REQUEST', `A frame of ${length} bytes came in; 0 to ${maxFrame} are allowed.`);
  }

  /** `wanted`: bytes of the frame, or of its prefix. Answers how many of `bytes` it took. */
  function gather(bytes: Buffer, wanted: number): number {
    const taken = Math.min(bytes.length, wanted - held);
    const size = held + taken;
    if (size > gathered.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(SMALLEST_ROOM, Math.min(wanted, size * ROOM)));
      gathered.copy(grown, 0, 0, held);
      gathered = grown;
    }
    bytes.copy(gathered, held, 0, taken);
    held = size;
    return taken;
  }

  function clear(): void {
    gathered = NOTHING;
    held = 0;
  }

  return {
    *push(chunk) {
      let at = 0;
      while (at < chunk.length) {
        const left = chunk.length - at;
        if (held === 0 && left >= PREFIX) {
          // Most frames come whole.
          const end = at + lengthAt(chunk, at);
          if (end <= chunk.length) {
            const frame = chunk.subarray(at + PREFIX, end);
            at = end;
            yield frame;
            continue;
          }
        }
        if (held < PREFIX) at += gather(chunk.subarray(at), PREFIX);
        if (held < PREFIX) return;
        const wanted = lengthAt(gathered, 0);
        at += gather(chunk.subarray(at), wanted);
        if (held < wanted) return;
        const frame = gathered.subarray(PREFIX, wanted);
        clear();
        yield frame;
      }
    },
    get held() {
      return held;
    },
    clear,
  };
}
