import { VarveError } from '../../errors.ts';

/** Cuts a stream of bytes into frames: four bytes of length, then as many bytes. */
export interface FrameCutter {
  /** The frames that are whole now, as slices of what came where that is possible. INVALID_REQUEST when a length cannot be. */
  push(chunk: Buffer): Buffer[];
  /** Bytes of a frame that is not whole yet. */
  readonly held: number;
  /** Lets go of them. */
  clear(): void;
}

const PREFIX = 4;

export function createFrameCutter(maxFrame: number): FrameCutter {
  let parts: Buffer[] = [];
  let held = 0;
  /** Of the frame with its prefix; unknown as long as the prefix is not whole. */
  let wanted = PREFIX;

  function lengthAt(bytes: Buffer, at: number): number {
    const length = bytes.readInt32BE(at);
    if (length >= 0 && length <= maxFrame) return length + PREFIX;
    throw new VarveError('INVALID_REQUEST', `A frame of ${length} bytes came in; 0 to ${maxFrame} are allowed.`);
  }

  return {
    push(chunk) {
      const frames: Buffer[] = [];
      let rest = chunk;
      while (rest.length > 0) {
        if (held === 0) {
          // Most frames come whole.
          if (rest.length >= PREFIX) {
            wanted = lengthAt(rest, 0);
            if (rest.length >= wanted) {
              frames.push(rest.subarray(PREFIX, wanted));
              rest = rest.subarray(wanted);
              wanted = PREFIX;
              continue;
            }
          } else {
            wanted = PREFIX;
          }
        }
        const taken = rest.subarray(0, wanted - held);
        parts.push(taken);
        held += taken.length;
        rest = rest.subarray(taken.length);
        if (held < wanted) continue;
        const whole = Buffer.concat(parts, held);
        if (wanted === PREFIX) {
          wanted = lengthAt(whole, 0);
          parts = [whole];
          if (wanted > PREFIX) continue;
        }
        frames.push(whole.subarray(PREFIX));
        parts = [];
        held = 0;
        wanted = PREFIX;
      }
      return frames;
    },
    get held() {
      return held;
    },
    clear() {
      parts = [];
      held = 0;
      wanted = PREFIX;
    },
  };
}
