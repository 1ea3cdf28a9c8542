import { randomUUID } from 'node:crypto';
import type { DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';
import { type Clock, systemClock } from '../../lib/clock.ts';
import { systemRandom } from '../../lib/ids.ts';
import { openCatalog } from '../../lib/stores/catalog/dynamodb/dynamodb.ts';
import { openTable } from '../../lib/stores/catalog/dynamodb/table.ts';
import { seeded } from '../support/random.ts';
import { judgeHistory, type Verdict, writeHistory } from './append-history.ts';
import { type FaultInjector, type Faults, injectFaults, NO_FAULTS } from './inject.ts';
import { type Hook, through } from './transport.ts';

export interface AppendTrial {
  /** How to reach the engine, and a table there. */
  client: Pick<DynamoDBClientConfig, 'endpoint' | 'region' | 'credentials'>;
  table: string;
  seed: number;
  mark: 'cancel' | 'self';
  faults: Faults;
  /** Between the product and the faults; default nothing. */
  plant?: Hook;
  /** Replaces the faults by others that make use of them. */
  hook?: (injected: FaultInjector) => Hook;
  clock?: Clock;
  partitions?: number;
  processes?: number;
  plainWriters?: number;
  producers?: number;
  /** Calls of each plain writer, and pairs of batches of each producer. */
  appends: number;
}

/** With one request in ten lost or late, some throttled or broken, and a process frozen now and then. */
export const USUAL: Faults = {
  ...NO_FAULTS,
  unsent: 0.02,
  lost: 0.04,
  late: 0.04,
  busy: 0.03,
  broken: 0.02,
  frozen: 0.01,
};

/** The same with requests sent twice on their way as well, which takes the self mark. */
export const DOUBLING: Faults = { ...USUAL, lost: 0.03, late: 0.03, doubled: 0.03 };

/** Writers append through processes of the product's own code, over a bad network; then the log is read over a good one. */
export async function tryAppends(trial: AppendTrial): Promise<Verdict & { faults: FaultInjector['counts'] }> {
  const { client, mark, clock = systemClock, processes = 4, plainWriters = 8, producers = 6, appends } = trial;
  const random = seeded(trial.seed);
  const injected = injectFaults(trial.faults, random);
  const hooks = [...(trial.plant ? [trial.plant] : []), trial.hook?.(injected) ?? injected.hook];
  const table = { table: trial.table, clock };
  const clean = await openCatalog(openTable({ ...table, client }), { clock, random: systemRandom });
  const catalogs = await Promise.all(
    Array.from({ length: processes }, () =>
      openCatalog(openTable({ ...table, client: through(client, ...hooks) }), { clock, random: systemRandom, mark }),
    ),
  );
  try {
    const topic = { name: randomUUID(), id: randomUUID(), partitions: trial.partitions ?? 1, config: {}, created: 0 };
    await clean.topics.create(topic);
    const partitions = Array.from({ length: topic.partitions }, (_, partition) => ({ topicId: topic.id, partition }));
    const told = await writeHistory({ clock, catalogs, partitions, random, plainWriters, producers, appends });
    await injected.settled();
    return { ...(await judgeHistory(clean, partitions, told)), faults: injected.counts };
  } finally {
    await Promise.all([clean, ...catalogs].map((catalog) => catalog.close()));
  }
}
