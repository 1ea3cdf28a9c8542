import { randomBytes } from 'node:crypto';

/** Randomness as an argument: `n` random bytes. */
export type Random = (n: number) => Uint8Array;

export const systemRandom: Random = (n) => randomBytes(n);

/**
 * A unique id that sorts by time: 128 bits as 32 hex digits, the first 48 bits milliseconds since the epoch, the rest
 * random. The layout of a ULID, in hex so that it is a slice away from its bytes.
 */
export type TimeId = string;

export function timeId(time: number, random: Random): TimeId {
  return timePrefix(time) + Buffer.from(random(10)).toString('hex');
}

/** Sorts behind all ids of earlier times, and before all others. */
export function timePrefix(time: number): TimeId {
  return time.toString(16).padStart(12, '0');
}

/** The milliseconds since the epoch that an id carries. */
export function timeOf(id: TimeId): number {
  return Number.parseInt(id.slice(0, 12), 16);
}
