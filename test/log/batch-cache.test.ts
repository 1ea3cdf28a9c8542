import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type BatchCache, BLOCK_BYTES, createBatchCache } from '../../lib/log/batch-cache.ts';

const KIB = 1024;

/** Batches that were read together. */
function read(size: number, count: number): Uint8Array[] {
  const all = new Uint8Array(size);
  return Array.from({ length: count }, (_, i) => all.subarray((i * size) / count, ((i + 1) * size) / count));
}

test('one batch that is in use keeps those that were read with it, and no more than that', () => {
  const cache = createBatchCache(300 * KIB);
  const used = read(100 * KIB, 10);
  for (const [i, batch] of used.entries()) cache.set(`used ${i}`, batch);

  for (let round = 0; round < 10; round++) {
    for (const [i, batch] of read(100 * KIB, 10).entries()) cache.set(`${round} ${i}`, batch);
    expect(cache.get('used 3')).toBe(used[3]);
  }

  expect(cache.get('used 9')).toBe(used[9]);
  expect(cache.get('8 0')).toBeUndefined();
  expect(cache.get('9 9')).toBeDefined();
});

test('what is larger than all it may hold is not held', () => {
  const cache = createBatchCache(10 * KIB);
  for (const [i, batch] of read(20 * KIB, 2).entries()) cache.set(`${i}`, batch);

  expect([cache.get('0'), cache.get('1')]).toEqual([undefined, undefined]);
});

test('whatever is read, again too, the memory behind what is held stays within the limit', () => {
  const limit = 64 * KIB;
  const key = fc.nat(40).map(String);
  const step = fc.oneof(
    fc.record({ size: fc.integer({ min: 1, max: 80 * KIB }), keys: fc.array(key, { minLength: 1, maxLength: 8 }) }),
    key,
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const cache = createBatchCache(limit);
      const newest = new Map<string, Uint8Array>();
      for (const one of steps) {
        if (typeof one === 'string') cache.get(one);
        else {
          const all = new Uint8Array(one.size);
          for (const name of one.keys) {
            const batch = all.subarray(0, 1);
            newest.set(name, batch);
            cache.set(name, batch);
          }
        }
        const held = [...newest].flatMap(([name, batch]) => {
          const found = cache.get(name);
          // An older one would be wrong.
          if (found) expect(found).toBe(batch);
          return found ? [found.buffer] : [];
        });
        expect([...new Set(held)].reduce((sum, { byteLength }) => sum + byteLength, 0)).toBeLessThanOrEqual(limit);
      }
    }),
  );
});

describe('a block of memory', () => {
  const limit = 3 * BLOCK_BYTES;
  /** Reads into a block what fills it, under keys of its own, for one reader each. */
  const fill = (cache: BatchCache, name: string): Uint8Array[] => {
    const all = new Uint8Array(cache.block());
    const batches = [all.subarray(0, BLOCK_BYTES / 2), all.subarray(BLOCK_BYTES / 2)];
    for (const [i, batch] of batches.entries()) cache.set(`${name} ${i}`, batch, 1);
    return batches;
  };

  test('is used again when it was forgotten and its readers are done, in whichever order', () => {
    const cache = createBatchCache(limit);
    const [first, second] = [fill(cache, 'first'), fill(cache, 'second')];
    cache.done(first);
    for (const name of ['third', 'fourth']) fill(cache, name);
    cache.done(second);

    const blocks = [cache.block(), cache.block()];

    expect(new Set(blocks)).toEqual(new Set([first[0]!.buffer, second[0]!.buffer]));
  });

  test('is not used again for as long as one reader of one batch is not done', () => {
    const cache = createBatchCache(limit);
    const kept = fill(cache, 'kept');
    expect(cache.get('kept 1')).toBe(kept[1]);
    cache.done(kept);
    for (const name of ['a', 'b', 'c', 'd', 'e']) {
      const batches = fill(cache, name);
      expect(batches[0]!.buffer).not.toBe(kept[0]!.buffer);
      cache.done(batches);
    }
  });

  test('is not taken from who wrote it', () => {
    const cache = createBatchCache(limit);
    const written = new Uint8Array(BLOCK_BYTES);
    cache.set('written', written);
    cache.done([cache.get('written')!]);
    for (const name of ['a', 'b', 'c', 'd', 'e']) {
      const batches = fill(cache, name);
      expect(batches[0]!.buffer).not.toBe(written.buffer);
      cache.done(batches);
    }
  });

  test('never holds what somebody still reads, whoever reads what and is done when', () => {
    const step = fc.record({ what: fc.constantFrom('read', 'read', 'get', 'done', 'done', 'keep'), which: fc.nat(20) });
    fc.assert(
      fc.property(fc.array(step, { minLength: 60, maxLength: 100 }), (steps) => {
        const cache = createBatchCache(limit);
        const names: string[] = [];
        const reading: Uint8Array[] = [];
        const kept: Uint8Array[] = [];
        for (const { what, which } of steps) {
          if (what === 'read') {
            names.push(`${names.length}`);
            const batches = fill(cache, names.at(-1)!);
            for (const batch of batches)
              expect([...reading, ...kept].some(({ buffer }) => buffer === batch.buffer)).toBe(false);
            reading.push(...batches);
          } else if (what === 'get') {
            const found = cache.get(`${names[which % names.length]} ${which % 2}`);
            if (found) reading.push(found);
          } else {
            const [one] = reading.splice(which % Math.max(reading.length, 1), 1);
            if (one && what === 'done') cache.done([one]);
            if (one && what === 'keep') kept.push(one);
          }
        }
      }),
    );
  });
});
