import { expect, test } from 'vitest';
import type { Bug } from './bugs/bug.ts';
import { simulate } from './simulate.ts';

/** Many members of one group, who freeze, die, leave and come back, over a catalog whose every request may fail. */
const SETTING: Bug = {
  name: 'none: a setting',
  caughtBy: [],
  settings: (drawn) => ({
    ...drawn,
    hosts: 4,
    storm: { ...drawn.storm, refused: 0.02, answerLost: 0.02, late: 0.02 },
    freezeEvery: 6_000,
    freezeFor: 12_000,
    killEvery: 15_000,
    clients: { appenders: 2, resenders: 0, producers: 0, readers: 0, consumers: 6 },
  }),
};

test.each([1, 2])(
  'members that share a group lose, skip and turn nothing around, and leave nothing unread: seed %i',
  async (seed) => {
    const { violations, counts, trace } = await simulate({ seed, minutes: 2, bug: SETTING, keep: 200 });

    expect([violations, violations.length > 0 ? trace : []]).toEqual([[], []]);
    // Else it would be no news.
    expect(counts.get('group claims')).toBeGreaterThan(50);
    expect(counts.get('kills')).toBeGreaterThan(3);
    expect(counts.get('freezes')).toBeGreaterThan(5);
  },
  120_000,
);
