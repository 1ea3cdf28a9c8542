import { sleep } from '../../../lib/clock.ts';
import type { ErrorCode } from '../../../lib/errors.ts';
import { VarveError } from '../../../lib/errors.ts';
import type { UpkeepReport } from '../../../lib/log/upkeep/upkeep.ts';
import { ObjectError } from '../../../lib/stores/objects/objects.ts';
import { anyPlace, ask, type Client, rest } from '../client.ts';
import { FLEETING, GROWING, STEADY } from '../topics.ts';
import { compact, rewrite } from '../upkeep/compactor.ts';
import type { Stores } from '../upkeep/stores.ts';

const ERRORS: readonly ErrorCode[] = ['KAFKA_STORAGE_ERROR', 'REQUEST_TIMED_OUT'];
/** A round of upkeep is many requests. */
const ROUND_MS = 3_600_000;
const SWEEPS_MS = 6_000;
const MOST_RUNS = 20;

/** Compacts one partition after the other, and now and then rewrites an index. */
export function compactor(grace: number) {
  return async function compactAll(client: Client): Promise<void> {
    const { world, dice } = client;
    while (world.phase() === 'chaos') {
      const { topic, partition } = anyPlace(client, [STEADY, GROWING, FLEETING]);
      const topicId = world.truth.lives(topic).at(-1)?.id;
      if (topicId) {
        const of = { topicId, partition };
        await inProcess(client, `compaction of ${topic}[${partition}]`, (stores) =>
          dice.chance(0.75) ? compact(stores, of) : rewrite(stores, of, () => sleep(stores.clock, grace)),
        );
      }
      await rest(client, 2_000);
    }
  };
}

/** The product's own upkeep, in one process after the other. */
export async function upkeep(client: Client): Promise<void> {
  const { world, dice } = client;
  while (world.phase() === 'chaos') {
    await runUpkeep(client, dice.pick([2_000, 60_000]));
    await rest(client, 1_000);
  }
}

/** Until there is nothing left to do: what one run gives up, the next deletes. */
export async function reclaim(client: Client): Promise<void> {
  const { world } = client;
  for (let quiet = 0, runs = 0; quiet < 2 && runs < MOST_RUNS; runs++) {
    const report = await runUpkeep(client, ROUND_MS / 2);
    const isQuiet = report?.done && !report.elsewhere && report.raised + report.deleted + report.failed === 0;
    quiet = isQuiet ? quiet + 1 : 0;
    // Sweeps may be made seldom.
    await sleep(world.clock, SWEEPS_MS);
  }
}

async function runUpkeep(client: Client, budget: number): Promise<UpkeepReport | undefined> {
  const { world } = client;
  const host = world.host(client.dice);
  const options = { errors: ['LOG_CLOSED'] as const, limit: ROUND_MS };
  const answer = await ask(client, host, 'upkeep', options, (log) => log.upkeep({ budget }));
  if (!('value' in answer)) return undefined;
  const { value: report } = answer;
  const { failure } = report;
  const isKnown = failure instanceof ObjectError || (failure instanceof VarveError && ERRORS.includes(failure.code));
  if (failure !== undefined && !isKnown) world.violate('errors are known', `upkeep failed: ${failure}`);
  if (failure !== undefined) world.count('upkeep failed');
  if (report.elsewhere) world.count('upkeep elsewhere');
  if (!report.done) world.count('upkeep ended early');
  if (report.raised > 0) world.count('log start raised by retention');
  return report;
}

/** Runs it in a process, with that process's stores; a failure of the stores ends the round. */
async function inProcess(
  client: Client,
  what: string,
  run: (stores: Stores) => Promise<void>,
  host = client.world.host(client.dice),
): Promise<boolean> {
  const { catalog, objects, process } = host;
  const stores: Stores = { catalog, objects, clock: process.clock, dice: client.dice, count: client.world.count };
  const answer = await ask(client, host, what, { errors: ERRORS, limit: ROUND_MS }, async () => {
    try {
      await run(stores);
    } catch (error) {
      if (!(error instanceof ObjectError) && !(error instanceof VarveError && ERRORS.includes(error.code))) throw error;
      client.world.count('upkeep failed');
    }
  });
  return 'value' in answer;
}
