/**
 * The partition of a key, as Kafka's Java client picks it: murmur2 of the key, without its sign, modulo the partition count,
 * so that keys stay where other clients put them.
 */
export function partitionForKey(key: Uint8Array, partitions: number): number {
  return (murmur2(key) & 0x7fffffff) % partitions;
}

const SEED = 0x9747b28c;
const M = 0x5bd1e995;

/** Austin Appleby's MurmurHash2 with Kafka's seed, as a signed 32-bit integer. */
function murmur2(data: Uint8Array): number {
  const words = data.length >> 2;
  let h = SEED ^ data.length;
  for (let i = 0; i < words; i++) {
    const at = i * 4;
    let k = data[at]! | (data[at + 1]! << 8) | (data[at + 2]! << 16) | (data[at + 3]! << 24);
    k = Math.imul(k, M);
    k ^= k >>> 24;
    h = Math.imul(h, M) ^ Math.imul(k, M);
  }
  const rest = data.length & 3;
  if (rest > 0) {
    const at = words * 4;
    if (rest > 2) h ^= data[at + 2]! << 16;
    if (rest > 1) h ^= data[at + 1]! << 8;
    h = Math.imul(h ^ data[at]!, M);
  }
  h = Math.imul(h ^ (h >>> 13), M);
  return h ^ (h >>> 15);
}
