import { randomUUID } from 'node:crypto';
import type { DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';
import { type Clock, systemClock } from '../../lib/clock.ts';
import { systemRandom } from '../../lib/ids.ts';
import { openCatalog } from '../../lib/stores/catalog/dynamodb/dynamodb.ts';
import { openTable } from '../../lib/stores/catalog/dynamodb/table.ts';
import type { TopicIdPartition } from '../../lib/stores/catalog/partitions.ts';
import { seeded } from '../support/random.ts';
import { judgeHistory, type Told, type Verdict, writeHistory } from './append-history.ts';
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
  producersFrom?: number;
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
export function tryAppends(trial: AppendTrial): Promise<Verdict & { faults: FaultInjector['counts'] }> {
  return judged(trial, (partitions) => writeThrough(trial, partitions));
}

/** Makes a topic, has it written to, and holds it against what the writers were told. */
export async function judged(
  trial: Pick<AppendTrial, 'client' | 'table' | 'clock' | 'partitions'>,
  write: (partitions: readonly TopicIdPartition[]) => Promise<Written>,
): Promise<Verdict & Pick<Written, 'faults'>> {
  const { client, table, clock = systemClock } = trial;
  const clean = await openCatalog(openTable({ client, table, clock }), { clock, random: systemRandom });
  try {
    const count = trial.partitions ?? 1;
    const topic = { name: randomUUID(), id: randomUUID(), partitions: count, config: {}, created: 0 };
    await clean.topics.create(topic);
    const partitions = Array.from({ length: count }, (_, partition) => ({ topicId: topic.id, partition }));
    const { told, faults } = await write(partitions);
    return { ...(await judgeHistory(clean, partitions, told)), faults };
  } finally {
    await clean.close();
  }
}

export interface Written {
  told: Told[];
  faults: FaultInjector['counts'];
}

/** The writers alone. */
export async function writeThrough(trial: AppendTrial, partitions: readonly TopicIdPartition[]): Promise<Written> {
  const { client, mark, clock = systemClock, processes = 4, plainWriters = 8, producers = 6 } = trial;
  const random = seeded(trial.seed);
  const injected = injectFaults(trial.faults, random);
  const hooks = [...(trial.plant ? [trial.plant] : []), trial.hook?.(injected) ?? injected.hook];
  const catalogs = await Promise.all(
    Array.from({ length: processes }, () =>
      openCatalog(openTable({ table: trial.table, clock, client: through(client, ...hooks) }), {
        clock,
        random: systemRandom,
        mark,
      }),
    ),
  );
  try {
    const told = await writeHistory({ ...trial, clock, catalogs, partitions, random, plainWriters, producers });
    await injected.settled();
    return { told, faults: injected.counts };
  } finally {
    await Promise.all(catalogs.map((catalog) => catalog.close()));
  }
}
