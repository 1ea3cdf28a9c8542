import { describe, expect, it } from 'vitest';
import { simulate } from './simulate.ts';

const SEEDS = Array.from({ length: 24 }, (_, i) => i + 1);
const MINUTES = 0.2;
/** Generous: other tests share the machine. */
const PATIENCE_MS = 120_000;

/** `npm run simulate` makes longer runs, and more. */
describe('the whole log under faults', () => {
  const happened = new Set<string>();

  it.each(SEEDS)(
    'keeps its promises: npm run simulate -- --seed %i --runs 1 --minutes 0.2',
    async (seed) => {
      const { violations, counts } = await simulate({ seed, minutes: MINUTES });

      for (const what of counts.keys()) happened.add(what);
      expect(violations).toEqual([]);
    },
    PATIENCE_MS,
  );

  // Promises that were never put to the test would be no news.
  it('meets every kind of fault in these runs', ({ skip }) => {
    skip(happened.size === 0, 'only some of the tests run');
    const faults = ['partitions.append', 'objects.put', 'partitions.raiseFloor', 'groups.commit'].flatMap((operation) =>
      ['refused', 'answer lost', 'late'].map((fault) => `${operation}: ${fault}`),
    );
    const others = [
      'append: duplicate',
      'append: stale',
      'append: INVALID_PRODUCER_EPOCH',
      'deleted objects, compacted',
      'deleted objects, segments',
      'freezes',
      'frontier moved',
      'index replaced',
      'log start raised by retention',
      'upkeep elsewhere',
      'upkeep ended early',
      'upkeep failed',
      'kills',
      'objects.put: full',
      'partitions.peek: stale',
      'records deleted',
      'slow request',
    ];
    expect([...faults, ...others].filter((what) => !happened.has(what))).toEqual([]);
  });
});

describe('a run', () => {
  it(
    'is the same whenever its seed is the same',
    async () => {
      const [first, again, other] = [
        await simulate({ seed: 7, minutes: MINUTES }),
        await simulate({ seed: 7, minutes: MINUTES }),
        await simulate({ seed: 8, minutes: MINUTES }),
      ];

      expect(again.hash).toBe(first.hash);
      expect([...again.counts]).toEqual([...first.counts]);
      expect(other.hash).not.toBe(first.hash);
    },
    PATIENCE_MS,
  );
});
