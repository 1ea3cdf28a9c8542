import { sleep } from '../../../lib/clock.ts';
import type { ErrorCode } from '../../../lib/errors.ts';
import { VarveError } from '../../../lib/errors.ts';
import { ObjectError } from '../../../lib/stores/objects/objects.ts';
import { anyPlace, ask, type Client, rest } from '../client.ts';
import { FLEETING, GROWING, STEADY } from '../topics.ts';
import { compact, rewrite } from '../upkeep/compactor.ts';
import type { Stores } from '../upkeep/stores.ts';
import { type Sweeping, type SweepRules, sweep } from '../upkeep/sweeper.ts';

const ERRORS: readonly ErrorCode[] = ['KAFKA_STORAGE_ERROR', 'REQUEST_TIMED_OUT'];
/** A round of upkeep is many requests. */
const ROUND_MS = 3_600_000;

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

export function sweeper(rules: SweepRules) {
  return async function sweepAll(client: Client): Promise<void> {
    const { world } = client;
    while (world.phase() === 'chaos') {
      const sweeping: Sweeping = { condemned: new Map(), named: new Map() };
      // What a process knows of the dead dies with it.
      let goesOn = true;
      const host = world.host(client.dice);
      while (goesOn && world.phase() === 'chaos' && host.process.alive) {
        goesOn = await inProcess(client, 'sweep', (stores) => sweep(stores, rules, sweeping), host);
        await rest(client, 1_000);
      }
    }
  };
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
