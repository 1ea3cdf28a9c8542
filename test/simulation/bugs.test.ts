import { describe, expect, it } from 'vitest';
import { PROCESS_BUGS } from './bugs/processes.ts';
import { STORE_BUGS } from './bugs/stores.ts';
import { UPKEEP_BUGS } from './bugs/upkeep.ts';
import { simulate } from './simulate.ts';
import { CHECKS } from './verdict.ts';

const BUGS = [...STORE_BUGS, ...PROCESS_BUGS, ...UPKEEP_BUGS];
/** Some come out in one schedule of fifteen. */
const SEEDS = 30;
const PATIENCE_MS = 300_000;

/** A check that cannot fail says nothing. */
describe('the simulation notices when', () => {
  it.each(BUGS)(
    '$name',
    async (bug) => {
      for (let seed = 1; seed <= SEEDS; seed++) {
        const { violations } = await simulate({ seed, minutes: 0.5, bug });
        if (violations.length === 0) continue;
        expect(bug.caughtBy).toContain(violations[0]!.check);
        return;
      }
      expect.fail(`not noticed within ${SEEDS} seeds`);
    },
    PATIENCE_MS,
  );

  it('any of its checks does not hold', () => {
    expect(new Set(BUGS.flatMap(({ caughtBy }) => caughtBy))).toEqual(new Set(Object.keys(CHECKS)));
  });
});
