import { describe, expect, it } from 'vitest';
import { deliverThroughFaults } from './faults.ts';

/** In each of these every fault happens. `npm run prove -- delivery` runs 20. */
const SEEDS: [seed: number, parallelizationFactor: number][] = [
  [2, 1],
  [8, 4],
];

describe('deliverers that are killed and frozen, messages lost, doubled and late, stores that fail', () => {
  it.each(SEEDS)('skip no record and keep the order: seed %i, %i batches at a time', async (seed, factor) => {
    const outcome = await deliverThroughFaults(seed, factor);

    expect(outcome.wrong).toEqual([]);
    if (factor > 1) expect(outcome.happened['at a time']).toBeGreaterThan(1);
    expect(outcome.happened.killed).toBeGreaterThan(0);
    expect(outcome.happened['message lost']).toBeGreaterThan(0);
    expect(outcome.happened['message doubled']).toBeGreaterThan(0);
    expect(outcome.happened['killed while the function ran']).toBeGreaterThan(0);
    expect(outcome.happened['frozen before the invocation']).toBeGreaterThan(0);
  });
});
