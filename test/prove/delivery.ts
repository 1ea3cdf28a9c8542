/** What a function gets while everything around it fails: no record skipped, none out of order, whatever the seed. */
import { deliverThroughFaults } from '../log/delivery/faults.ts';
import { count, type Trial } from './trial.ts';

const SEEDS = { small: 1, full: 20 };

export async function prove({ size, seed, figure, claim }: Trial): Promise<void> {
  const happened: Record<string, number> = {};
  for (let i = 0; i < SEEDS[size]; i++) {
    const outcome = await deliverThroughFaults(seed + i);
    claim(`seed ${seed + i}: no record is skipped, the order is kept`, outcome.wrong.length === 0, outcome.wrong[0]);
    for (const [what, times] of Object.entries(outcome.happened)) happened[what] = (happened[what] ?? 0) + times;
  }
  for (const what of Object.keys(happened).sort()) figure(what, count(happened[what]!));
}
