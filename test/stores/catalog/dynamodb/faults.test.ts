import { randomInt } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Clock, systemClock } from '../../../../lib/clock.ts';
import { createTable } from '../../../../lib/stores/catalog/dynamodb/table.ts';
import { RIGHT } from '../../../faults/append-history.ts';
import { type AppendTrial, DOUBLING, tryAppends, USUAL } from '../../../faults/append-trial.ts';
import { isAppend, isEviction, isMarkRemoval } from '../../../faults/dynamodb.ts';
import { type FaultInjector, injectFaults } from '../../../faults/inject.ts';
import type { Hook } from '../../../faults/transport.ts';
import { type Dynoxide, dynoxideMissing, startDynoxide } from '../../../support/dynoxide.ts';
import { seeded } from '../../../support/random.ts';

/** Fixes the faults; the interleaving is the machine's. FAULT_SEED repeats one. */
const SEED = Number(process.env.FAULT_SEED ?? randomInt(2 ** 31));

/** A clock that runs many times as fast; its timers do not. */
const hasty = (times: number): Clock => ({
  ...systemClock,
  now: () => Math.floor(performance.timeOrigin + performance.now() * times),
});

describe.skipIf(dynoxideMissing)(
  `appends to DynamoDB under faults${dynoxideMissing ? ` (${dynoxideMissing})` : ''}`,
  () => {
    let engine: Dynoxide;
    beforeAll(async () => {
      engine = await startDynoxide();
      await createTable({ client: engine.client, table: 'varve', clock: systemClock });
    });
    afterAll(() => engine?.stop());

    const run = (trial: Omit<AppendTrial, 'client' | 'table' | 'seed'>) =>
      tryAppends({ client: engine.client, table: 'varve', seed: SEED, ...trial });

    it(`loses, doubles and misplaces nothing with the cancel mark (FAULT_SEED=${SEED})`, async () => {
      const verdict = await run({ mark: 'cancel', faults: USUAL, partitions: 2, appends: 12 });

      expect(verdict).toMatchObject(RIGHT);
      expect(verdict.acknowledged).toBeGreaterThan(200);
      for (const fault of ['unsent', 'lost', 'late', 'busy', 'broken'] as const)
        expect(verdict.faults[fault], fault).toBeGreaterThan(0);
    });

    it(`nor with the self mark, where requests are sent twice as well (FAULT_SEED=${SEED})`, async () => {
      const verdict = await run({ mark: 'self', faults: DOUBLING, partitions: 2, appends: 12 });

      expect(verdict).toMatchObject(RIGHT);
      expect(verdict.acknowledged).toBeGreaterThan(200);
      expect(verdict.faults.doubled).toBeGreaterThan(0);
    });

    it(`nor while producers leave the head and return (FAULT_SEED=${SEED})`, async () => {
      // An hour is 250 ms. Late appends would outlive their marks, so they are lost instead; spills and trims are late.
      const faults = { ...USUAL, frozen: 0.05, frozenMs: 1_000 };
      let evictions = 0;
      const hook = (injected: FaultInjector): Hook => {
        const appends = injectFaults({ ...faults, late: 0 }, seeded(SEED + 1));
        return (request, send) => {
          if (isEviction(request)) evictions += 1;
          return isAppend(request) ? appends.hook(request, send) : injected.hook(request, send);
        };
      };

      // Who leaves is up to the machine's pace: now and then nobody does in a whole trial.
      for (let trials = 0; trials < 5 && evictions === 0; trials += 1) {
        const verdict = await run({
          mark: 'cancel',
          clock: hasty(14_400),
          faults,
          hook,
          plainWriters: 4,
          producers: 12,
          producersFrom: trials * 12,
          appends: 8,
        });

        expect(verdict).toMatchObject(RIGHT);
      }
      expect(evictions).toBeGreaterThan(0);
    });

    it(`nor while old marks are removed (FAULT_SEED=${SEED})`, async () => {
      // A mark lives for 1 s.
      let removals = 0;
      const plant: Hook = (request, send) => {
        if (isMarkRemoval(request)) removals += 1;
        return send();
      };
      const faults = { ...USUAL, lateMs: 100 };

      const verdict = await run({ mark: 'cancel', clock: hasty(900), faults, plant, processes: 12, appends: 30 });

      expect(verdict).toMatchObject(RIGHT);
      expect(removals).toBeGreaterThan(0);
    });
  },
);
