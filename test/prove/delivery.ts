/** What a function gets while everything around it fails: no record skipped, none out of order, whatever the seed. */
import { deliverThroughFaults } from '../log/delivery/faults.ts';
import { count, type Trial } from './trial.ts';

const SEEDS = { small: 1, full: 20 };

export async function prove({ size, seed, figure, claim }: Trial): Promise<void> {
  const happened: Record<string, number> = {};
  for (let i = 0; i < SEEDS[size]; i++) {
    // Every other one with several batches of a partition at a time.
    const factor = i % 2 === 0 ? 1 : 4;
    const outcome = await deliverThroughFaults(seed + i, factor);
    const what = `seed ${seed + i}, ${factor} at a time: no record is skipped, the order is kept`;
    claim(what, outcome.wrong.length === 0, outcome.wrong[0]);
    for (const [what, times] of Object.entries(outcome.happened)) happened[what] = (happened[what] ?? 0) + times;
  }
  for (const what of Object.keys(happened).sort()) figure(what, count(happened[what]!));
}
