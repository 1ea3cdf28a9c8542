import { LRUCache } from 'lru-cache';

/**
 * Recently read and written batches, in at most `maxBytes` of memory. Those that were read together lie in one buffer, which each of them
 * would keep alive: they are counted, used and forgotten together.
 */
export interface BatchCache {
  get(key: string): Uint8Array | undefined;
  set(key: string, batch: Uint8Array): void;
}

/** Bytes that a batch costs beside its own. */
const OVERHEAD = 512;

export function createBatchCache(maxBytes: number): BatchCache {
  const batches = new Map<string, Uint8Array>();
  const buffers = new LRUCache<ArrayBufferLike, { keys: Set<string> }>({
    maxSize: maxBytes,
    dispose({ keys }, buffer, reason) {
      if (reason !== 'set') forget(keys, buffer);
    },
  });

  function forget(keys: ReadonlySet<string>, buffer: ArrayBufferLike): void {
    for (const key of keys) if (batches.get(key)?.buffer === buffer) batches.delete(key);
  }

  return {
    get(key) {
      const batch = batches.get(key);
      if (batch) buffers.get(batch.buffer);
      return batch;
    },
    set(key, batch) {
      const { buffer } = batch;
      const { keys } = buffers.peek(buffer) ?? { keys: new Set<string>() };
      keys.add(key);
      batches.set(key, batch);
      // Another value each time: only then is the size counted anew.
      buffers.set(buffer, { keys }, { size: buffer.byteLength + keys.size * OVERHEAD });
      if (!buffers.has(buffer)) forget(keys, buffer);
    },
  };
}
