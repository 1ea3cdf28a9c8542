import { systemClock } from '../../lib/clock.ts';
import { createTable } from '../../lib/stores/catalog/dynamodb/table.ts';
import { RIGHT } from '../faults/append-history.ts';
import { type AppendTrial, DOUBLING, tryAppends, USUAL } from '../faults/append-trial.ts';
import { dynoxideMissing, startDynoxide } from '../support/dynoxide.ts';
import { tryFrozenAppends } from './frozen-appends.ts';
import { count, type Proof } from './trial.ts';

const PARTITIONS = 4;
const PROCESSES = 8;
const PLAIN_WRITERS = 20;
const PRODUCERS = 12;
/** Of these seeds the writers are in so many processes of the machine, which are stopped for up to 3 s now and then. */
const FROZEN_SEEDS = 2;
const GROUPS = 4;

/**
 * 32 writers append to DynamoDB through 8 processes of the product's own code while one request in ten is lost, late or doubled,
 * and others are throttled, broken or frozen; then every partition is read back. Half of the seeds with each kind of mark; only
 * the self mark meets doubled requests. Two seeds more, the first, with the writers in four processes that are frozen by SIGSTOP.
 * On dynoxide, or on the engine at AWS_ENDPOINT_URL.
 */
export const prove: Proof = async ({ size, seed, figure, claim, skip }) => {
  const endpoint = process.env.AWS_ENDPOINT_URL;
  if (endpoint === undefined && dynoxideMissing) return skip(dynoxideMissing);
  const { seeds, appends } = size === 'full' ? { seeds: 20, appends: 5_000 } : { seeds: 2, appends: 600 };
  const engine = endpoint === undefined ? await startDynoxide() : undefined;
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  const client = engine?.client ?? { endpoint: endpoint!, region: 'us-east-1', credentials };
  try {
    const total: Record<string, number> = {};
    const fewest = { acknowledged: Number.POSITIVE_INFINITY };
    const bad: Record<keyof typeof RIGHT, string[]> = { doubled: [], lost: [], wrong: [], disordered: [], altered: [] };
    let freezes = 0;
    for (let i = 0; i < seeds + FROZEN_SEEDS; i += 1) {
      const begun = performance.now();
      // Of its own: dynoxide takes longer the more a table holds.
      const table = `varve-faults-${seed + i}`;
      await createTable({ client, table, clock: systemClock });
      const mark = i % 2 === 0 ? 'cancel' : 'self';
      const trial: AppendTrial = {
        client,
        table,
        seed: seed + i,
        mark,
        faults: mark === 'self' ? DOUBLING : USUAL,
        partitions: PARTITIONS,
        processes: PROCESSES,
        plainWriters: PLAIN_WRITERS,
        producers: PRODUCERS,
        // A call and a pair are two batches each, on average.
        appends: Math.ceil(appends / 2 / (PLAIN_WRITERS + PRODUCERS)),
      };
      const divided = {
        ...trial,
        processes: PROCESSES / GROUPS,
        plainWriters: PLAIN_WRITERS / GROUPS,
        producers: PRODUCERS / GROUPS,
      };
      const isFrozen = i < FROZEN_SEEDS;
      const outcome = isFrozen ? await tryFrozenAppends(divided, GROUPS) : { ...(await tryAppends(trial)), freezes: 0 };
      const { faults, freezes: times, ...verdict } = outcome;
      freezes += times;
      for (const [name, value] of Object.entries({ ...verdict, ...faults })) total[name] = (total[name] ?? 0) + value;
      for (const name of Object.keys(RIGHT) as (keyof typeof RIGHT)[]) {
        if (verdict[name] > 0) bad[name].push(`--seed ${seed + i}: ${verdict[name]} with the ${mark} mark`);
      }
      const seconds = ((performance.now() - begun) / 1_000).toFixed(0);
      const damage = Object.keys(RIGHT).reduce((sum, name) => sum + verdict[name as keyof typeof RIGHT], 0);
      figure(
        `  --seed ${seed + i}, ${mark} mark, ${seconds} s`,
        `${count(verdict.acknowledged)} acknowledged, ${damage} bad`,
      );
      fewest.acknowledged = Math.min(fewest.acknowledged, verdict.acknowledged);
    }
    figure('seeds, batches acknowledged', `${seeds + FROZEN_SEEDS}, ${count(total.acknowledged!)}`);
    figure('batches of unknown outcome', count(total.unknown!));
    const faults = ['unsent', 'lost', 'late', 'doubled', 'busy', 'broken', 'frozen'];
    figure('requests', faults.map((name) => `${count(total[name]!)} ${name}`).join(', '));
    claim('processes of writers were stopped while they wrote', freezes > 0, `${freezes} times`);
    claim(`each seed has ${count(appends)} batches acknowledged or nearly`, fewest.acknowledged >= appends * 0.9);
    claim('no acknowledged batch is lost', bad.lost.length === 0, bad.lost[0]);
    claim('no batch is there twice, acknowledged or not', bad.doubled.length === 0, bad.doubled[0]);
    claim(
      'every batch is at the offset that was answered, and offsets are dense',
      bad.wrong.length === 0,
      bad.wrong[0],
    );
    claim('each producer’s batches are in order', bad.disordered.length === 0, bad.disordered[0]);
    claim('every batch reads as it was sent', bad.altered.length === 0, bad.altered[0]);
  } finally {
    await engine?.stop();
  }
};
