/**
 * The frames of zstd data (RFC 8878, 3.1), found by their headers alone; undefined when the data is not whole frames, or more
 * than MAX_FRAMES. Node itself stops behind the first frame and says nothing of what follows, and Node 22 takes a frame that is
 * cut short for a whole one.
 */
export function zstdFrames(bytes: Uint8Array): Uint8Array[] | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const frames: Uint8Array[] = [];
  try {
    for (let at = 0; at < bytes.length; ) {
      const magic = view.getUint32(at, true);
      if (magic === FRAME) {
        const end = endOfFrame(view, at);
        frames.push(bytes.subarray(at, end));
        at = end;
        if (frames.length > MAX_FRAMES) return undefined;
      } else if ((magic & ~0xf) >>> 0 === SKIPPABLE) {
        at += 8 + view.getUint32(at + 4, true);
        if (at > bytes.length) return undefined;
      } else return undefined;
    }
  } catch (error) {
    // What is read lies behind the end.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
  return frames;
}

/** Each costs a call into the thread pool, and the smallest has but a few bytes. */
const MAX_FRAMES = 10_000;
const FRAME = 0xfd2fb528;
/** With any last digit: nothing to decompress. */
const SKIPPABLE = 0x184d2a50;
const RUN_LENGTH_BLOCK = 1;

function endOfFrame(view: DataView, start: number): number {
  const descriptor = view.getUint8(start + 4);
  const single = (descriptor >> 5) & 1;
  const contentSize = [single, 2, 4, 8][descriptor >> 6]!;
  const dictionaryId = [0, 1, 2, 4][descriptor & 3]!;
  let at = start + 5 + (single ? 0 : 1) + dictionaryId + contentSize;
  for (let last = false; !last; ) {
    const header = view.getUint16(at, true) | (view.getUint8(at + 2) << 16);
    last = (header & 1) === 1;
    at += 3 + (((header >> 1) & 3) === RUN_LENGTH_BLOCK ? 1 : header >> 3);
  }
  if ((descriptor >> 2) & 1) at += 4;
  if (at > view.byteLength) throw new RangeError('the frame is cut short');
  return at;
}
