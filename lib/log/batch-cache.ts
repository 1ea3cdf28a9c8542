import { LRUCache } from 'lru-cache';

/**
 * Recently read and written batches, in at most `maxBytes` of memory. Those that were read together lie in one buffer, which each of them
 * would keep alive: they are counted, used and forgotten together.
 *
 * The memory of a block that was forgotten is used again, once everybody who got a batch of it has said to be done with that: allocating
 * it anew has V8 collect all garbage every few blocks. Whoever keeps a batch never says so, and the block is collected as anything else is.
 */
export interface BatchCache {
  /** The batch, which has one reader more. */
  get(key: string): Uint8Array | undefined;
  /** Takes in a batch that was read for so many readers; of one that was not, the memory is somebody else's. */
  set(key: string, batch: Uint8Array, readers?: number): void;
  /** Each of the batches has one reader less, who looks at it no more. */
  done(batches: readonly Uint8Array[]): void;
  /** Memory of BLOCK_BYTES to read into: what nobody reads any more, or new. */
  block(): ArrayBuffer;
}

export const BLOCK_BYTES = 1024 * 1024;
/** Bytes that a batch costs beside its own. */
const OVERHEAD = 512;
/** Blocks that wait to be used again. */
const MAX_SPARE = 4;

export function createBatchCache(maxBytes: number): BatchCache {
  const batches = new Map<string, Uint8Array>();
  const buffers = new LRUCache<ArrayBufferLike, { keys: Set<string> }>({
    maxSize: maxBytes,
    dispose({ keys }, buffer, reason) {
      if (reason === 'set') return;
      forget(keys, buffer);
      if (readers.get(buffer) === 0) spare(buffer);
    },
  });
  const readers = new WeakMap<ArrayBufferLike, number>();
  const spares: ArrayBuffer[] = [];

  function forget(keys: ReadonlySet<string>, buffer: ArrayBufferLike): void {
    for (const key of keys) if (batches.get(key)?.buffer === buffer) batches.delete(key);
  }

  function spare(buffer: ArrayBufferLike): void {
    const isBlock = buffer instanceof ArrayBuffer && buffer.byteLength === BLOCK_BYTES;
    if (isBlock && spares.length < MAX_SPARE) spares.push(buffer);
  }

  const add = (buffer: ArrayBufferLike, count: number) => readers.set(buffer, (readers.get(buffer) ?? 0) + count);

  return {
    get(key) {
      const batch = batches.get(key);
      if (batch) {
        buffers.get(batch.buffer);
        add(batch.buffer, 1);
      }
      return batch;
    },

    set(key, batch, count = Number.POSITIVE_INFINITY) {
      const { buffer } = batch;
      add(buffer, count);
      const { keys } = buffers.peek(buffer) ?? { keys: new Set<string>() };
      keys.add(key);
      batches.set(key, batch);
      // Another value each time: only then is the size counted anew.
      buffers.set(buffer, { keys }, { size: buffer.byteLength + keys.size * OVERHEAD });
      if (!buffers.has(buffer)) forget(keys, buffer);
    },

    done(all) {
      for (const { buffer } of all) {
        add(buffer, -1);
        if (readers.get(buffer) === 0 && !buffers.has(buffer)) spare(buffer);
      }
    },

    block: () => spares.pop() ?? Buffer.allocUnsafeSlow(BLOCK_BYTES).buffer,
  };
}
