import { describe, expect, it } from 'vitest';
import { deliverThroughFaults } from './faults.ts';

/** In each of these every fault happens. `npm run prove -- delivery` runs 20. */
const SEEDS = [2, 8];

describe('deliverers that are killed, messages lost, doubled and late, stores that fail', () => {
  it.each(SEEDS)('skip no record and keep the order: seed %i', async (seed) => {
    const outcome = await deliverThroughFaults(seed);

    expect(outcome.wrong).toEqual([]);
    expect(outcome.happened.killed).toBeGreaterThan(0);
    expect(outcome.happened['message lost']).toBeGreaterThan(0);
    expect(outcome.happened['message doubled']).toBeGreaterThan(0);
    expect(outcome.happened['killed while the function ran']).toBeGreaterThan(0);
  });
});
