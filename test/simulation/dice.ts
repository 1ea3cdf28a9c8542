import type { Random } from '../../lib/ids.ts';
import { seeded } from '../support/random.ts';

/** All that is random in a run. */
export interface Dice {
  /** In [0, 1). */
  number(): number;
  /** A whole number, both ends included. */
  int(from: number, to: number): number;
  chance(probability: number): boolean;
  pick<T>(items: readonly T[]): T;
  /** Around `mean`, at least 0, now and then many times as much. */
  around(mean: number): number;
  readonly bytes: Random;
  /** Dice of their own, so that one actor's throws do not change another's. */
  fork(): Dice;
}

export function createDice(seed: number): Dice {
  const number = seeded(seed);
  const dice: Dice = {
    number,
    int: (from, to) => from + Math.floor(number() * (to - from + 1)),
    chance: (probability) => number() < probability,
    pick: (items) => items[Math.floor(number() * items.length)]!,
    around: (mean) => (Number.isFinite(mean) ? -Math.log(1 - number()) * mean : mean),
    bytes: (n) => Uint8Array.from({ length: n }, () => Math.floor(number() * 256)),
    fork: () => createDice(Math.floor(number() * 2 ** 32)),
  };
  return dice;
}
