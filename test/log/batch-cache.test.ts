import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createBatchCache } from '../../lib/log/batch-cache.ts';

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
