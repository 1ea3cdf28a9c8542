import { randomInt, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Clock, systemClock } from '../../../../lib/clock.ts';
import { systemRandom } from '../../../../lib/ids.ts';
import { openCatalog } from '../../../../lib/stores/catalog/dynamodb/dynamodb.ts';
import { createTable, openTable, type Table } from '../../../../lib/stores/catalog/dynamodb/table.ts';
import { judgeHistory, type Verdict, writeHistory } from '../../../faults/append-history.ts';
import {
  type FaultInjector,
  type Faults,
  type Hook,
  hookedTable,
  injectFaults,
  isAppend,
  isEviction,
  isMark,
  isMarkRemoval,
} from '../../../faults/table.ts';
import { type Dynoxide, dynoxideMissing, startDynoxide } from '../../../support/dynoxide.ts';
import { seeded } from '../../../support/random.ts';

/** Fixes the faults; the interleaving is the machine's. FAULT_SEED repeats one. */
const SEED = Number(process.env.FAULT_SEED ?? randomInt(2 ** 31));
/** Multiplies the number of appends. */
const SIZE = Number(process.env.FAULT_SIZE ?? 1);

const usual: Faults = { lost: 0.05, late: 0.05, lateMs: 300, doubled: 0, busy: 0.05, frozen: 0.01, frozenMs: 500 };
const none: Faults = { lost: 0, late: 0, lateMs: 0, doubled: 0, busy: 0, frozen: 0, frozenMs: 0 };

/** A clock that runs many times as fast; its timers do not. */
const hasty = (times: number): Clock => ({
  ...systemClock,
  now: () => Math.floor(performance.timeOrigin + performance.now() * times),
});

describe.skipIf(dynoxideMissing)(
  `appends to DynamoDB under faults${dynoxideMissing ? ` (${dynoxideMissing})` : ''}`,
  () => {
    let engine: Dynoxide;
    let table: Table;
    beforeAll(async () => {
      engine = await startDynoxide();
      const options = { client: engine.client, table: 'varve', clock: systemClock };
      await createTable(options);
      table = openTable(options);
    });
    afterAll(async () => {
      table?.close();
      await engine?.stop();
    });

    async function run(options: {
      seed: number;
      mark: 'cancel' | 'self';
      hook: (injected: FaultInjector) => Hook;
      faults: Faults;
      clock?: Clock;
      processes?: number;
      plainWriters?: number;
      producers?: number;
      appends: number;
    }): Promise<Verdict & { faults: FaultInjector['counts'] }> {
      const { clock = systemClock, processes = 4, plainWriters = 8, producers = 6, mark } = options;
      const random = seeded(options.seed);
      const injected = injectFaults(options.faults, random);
      const shared = { ...table, close: () => {} };
      const hooked = hookedTable(shared, options.hook(injected));
      const clean = await openCatalog(shared, { clock, random: systemRandom });
      const catalogs = await Promise.all(
        Array.from({ length: processes }, () => openCatalog(hooked, { clock, random: systemRandom, mark })),
      );
      const topic = { name: randomUUID(), id: randomUUID(), partitions: 1, config: {}, created: 0 };
      await clean.topics.create(topic);
      const at = { topicId: topic.id, partition: 0 };
      const appends = options.appends * SIZE;
      const told = await writeHistory({ clock, catalogs, at, random, plainWriters, producers, appends });
      await injected.settled();
      await Promise.all(catalogs.map((catalog) => catalog.close()));
      const verdict = { ...(await judgeHistory(clean, at, told)), faults: injected.counts };
      if (process.env.FAULT_SIZE) console.log(`seed ${options.seed}, ${mark} mark:`, JSON.stringify(verdict));
      return verdict;
    }

    const right = { doubled: 0, lost: 0, wrong: 0, disordered: 0 };

    it(`loses, doubles and misplaces nothing with the cancel mark (FAULT_SEED=${SEED})`, async () => {
      const verdict = await run({
        seed: SEED,
        mark: 'cancel',
        faults: usual,
        hook: (injected) => injected.hook,
        appends: 12,
      });

      expect(verdict).toMatchObject(right);
      expect(verdict.acknowledged).toBeGreaterThan(200);
      expect(verdict.faults.lost).toBeGreaterThan(0);
      expect(verdict.faults.late).toBeGreaterThan(0);
    });

    it(`nor with the self mark, where requests are sent twice as well (FAULT_SEED=${SEED})`, async () => {
      const faults = { ...usual, doubled: 0.05 };

      const verdict = await run({ seed: SEED, mark: 'self', faults, hook: (injected) => injected.hook, appends: 12 });

      expect(verdict).toMatchObject(right);
      expect(verdict.acknowledged).toBeGreaterThan(200);
      expect(verdict.faults.doubled).toBeGreaterThan(0);
    });

    it(`nor while producers leave the head and return (FAULT_SEED=${SEED})`, async () => {
      // An hour is 250 ms. Late appends would outlive their marks, so they are lost instead; spills and trims are late.
      const faults = { ...usual, frozen: 0.05, frozenMs: 1_000 };
      let evictions = 0;
      const hook = (injected: FaultInjector): Hook => {
        const appends = injectFaults({ ...faults, late: 0 }, seeded(SEED + 1));
        return (request, send) => {
          if (isEviction(request)) evictions += 1;
          return isAppend(request) ? appends.hook(request, send) : injected.hook(request, send);
        };
      };

      const verdict = await run({
        seed: SEED,
        mark: 'cancel',
        clock: hasty(14_400),
        faults,
        hook,
        plainWriters: 4,
        producers: 12,
        appends: 8,
      });

      expect(verdict).toMatchObject(right);
      expect(evictions).toBeGreaterThan(0);
    });

    it(`nor while old marks are removed (FAULT_SEED=${SEED})`, async () => {
      // A mark lives for 1 s.
      let removals = 0;
      const hook =
        (injected: FaultInjector): Hook =>
        (request, send) => {
          if (isMarkRemoval(request)) removals += 1;
          return injected.hook(request, send);
        };
      const faults = { ...usual, lateMs: 100 };

      const verdict = await run({
        seed: SEED,
        mark: 'cancel',
        clock: hasty(900),
        faults,
        hook,
        processes: 12,
        appends: 30,
      });

      expect(verdict).toMatchObject(right);
      expect(removals).toBeGreaterThan(0);
    });

    it('would double without the mark', async () => {
      const faults: Faults = { ...none, late: 0.3, lateMs: 300 };
      let doubled = 0;
      for (let seed = SEED; doubled === 0 && seed < SEED + 10; seed += 1) {
        const hook =
          (injected: FaultInjector): Hook =>
          async (request, send) => {
            if (!isMark(request) || request.operation !== 'update')
              return isAppend(request) ? injected.hook(request, send) : send();
            return table.get(request.update.key, { consistent: true }) as ReturnType<typeof send>;
          };
        const verdict = await run({ seed, mark: 'cancel', faults, hook, producers: 0, appends: 10 });
        doubled += verdict.doubled;
      }
      expect(doubled).toBeGreaterThan(0);
    });
  },
);
