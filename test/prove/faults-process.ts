/** One of the processes that `faults` freezes: writes what it is sent, and sends back what it was told. */

import type { TopicIdPartition } from '../../lib/stores/catalog/partitions.ts';
import { type AppendTrial, type Written, writeThrough } from '../faults/append-trial.ts';

export interface Order {
  trial: AppendTrial;
  partitions: readonly TopicIdPartition[];
}

process.once('message', async ({ trial, partitions }: Order) => {
  const { told, faults } = await writeThrough(trial, partitions);
  // The SDK's errors hold what cannot be sent.
  const plain = told.map((one) =>
    one.outcome.status === 'unknown' ? { ...one, outcome: { status: 'unknown' as const, cause: undefined } } : one,
  );
  process.send!({ told: plain, faults } satisfies Written, () => process.disconnect());
});
