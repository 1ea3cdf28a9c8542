import type { Head, NewEntry } from '../../../lib/stores/catalog/partitions.ts';
import type { Check } from '../verdict.ts';
import { type Bug, hasty, stormy, withPartitions } from './bug.ts';

/** What notices that a reader is given something else than what it asked for: whichever reader comes first. */
const READING: readonly Check[] = [
  'reads are true',
  'reads are fresh',
  'delivered in order',
  'nothing invented',
  'nothing skipped',
  'offset by time',
  'negative answers are true',
  'errors are known',
  'bytes exist',
];

/** Stores that break the promises of their ports. */
export const STORE_BUGS: readonly Bug[] = [
  {
    name: 'the catalog applies an append twice',
    caughtBy: ['dense offsets', 'at most once', ...READING],
    catalog: (inner, dice) =>
      withPartitions(inner, {
        async append(to, entries, options) {
          const first = await inner.partitions.append(to, entries, options);
          if (dice.chance(0.05)) await inner.partitions.append(to, entries, options);
          return first;
        },
      }),
  },
  {
    name: 'the catalog forgets a producer',
    caughtBy: ['at most once', 'producer order'],
    settings: (settings) => stormy(settings, { answerLost: 0.1 }),
    catalog: (inner, dice) =>
      withPartitions(inner, {
        append: (to, entries, options) =>
          inner.partitions.append(to, dice.chance(0.3) ? entries.map(withoutProducer) : entries, options),
      }),
  },
  {
    name: 'the catalog lets an old epoch in again',
    caughtBy: ['producer order', 'at most once'],
    settings: (settings) => stormy(settings, { answerLost: 0.1 }),
    catalog: (inner) =>
      withPartitions(inner, {
        async append(to, entries, options) {
          const answer = await inner.partitions.append(to, entries, options);
          const fenced = (i: number) => {
            const outcome = answer.outcomes[i]!;
            return outcome.status === 'refused' && outcome.code === 'INVALID_PRODUCER_EPOCH';
          };
          if (!entries.every((_, i) => fenced(i))) return answer;
          return inner.partitions.append(to, entries.map(withoutProducer), options);
        },
      }),
  },
  {
    name: 'a head is read that is not the newest',
    caughtBy: ['dense offsets', 'watermarks rise', ...READING],
    catalog(inner, dice) {
      const old = new Map<string, Head>();
      return withPartitions(inner, {
        async head(of) {
          const key = `${of.topicId}#${of.partition}`;
          const head = await inner.partitions.head(of);
          const answer = (dice.chance(0.3) && old.get(key)) || head;
          if (head && dice.chance(0.3)) old.set(key, head);
          return answer;
        },
      });
    },
  },
  {
    name: 'a run is found one record off',
    caughtBy: READING,
    catalog: (inner, dice) =>
      withPartitions(inner, {
        async find(of, offset, head) {
          const run = await inner.partitions.find(of, offset, head);
          return run && run.base > 0 && dice.chance(0.1) ? { ...run, base: run.base - 1 } : run;
        },
      }),
  },
  {
    name: 'a run begins with the batch of its second entry',
    caughtBy: READING,
    catalog: (inner, dice) =>
      withPartitions(inner, {
        async find(of, offset, head) {
          const run = await inner.partitions.find(of, offset, head);
          const [first, second, ...others] = run?.entries ?? [];
          if (!run || !first || !second || !dice.chance(0.2)) return run;
          return { ...run, entries: [{ ...second, count: first.count }, second, ...others] };
        },
      }),
  },
  {
    name: 'the object store loses a put',
    caughtBy: ['bytes exist', 'plans hold'],
    settings: hasty,
    objects: (inner, dice) => ({
      ...inner,
      put: async (name, parts, options) => {
        if (!dice.chance(0.03)) await inner.put(name, parts, options);
      },
    }),
  },
  {
    name: 'the object store flips a bit',
    caughtBy: ['errors are known', 'bytes exist'],
    settings: hasty,
    objects: (inner, dice) => ({
      ...inner,
      async put(name, parts, options) {
        const stored = parts.map((part) => part.slice());
        if (dice.chance(0.05)) stored[0]![stored[0]!.length - 1]! ^= 1;
        await inner.put(name, stored, options);
      },
    }),
  },
  {
    name: 'a group’s fence is ignored',
    caughtBy: ['offsets never go back'],
    settings: (settings) => ({
      ...stormy(settings, { late: 0.2, lateBy: 15_000 }),
      killEvery: 3_000,
      clients: { ...settings.clients, consumers: 3 },
    }),
    catalog: (inner) => ({
      ...inner,
      groups: {
        ...inner.groups,
        claim: (group, _, partitions) => inner.groups.claim(group, Number.MAX_SAFE_INTEGER, partitions),
        commit: (group, _, offsets, options) => inner.groups.commit(group, Number.MAX_SAFE_INTEGER, offsets, options),
      },
    }),
  },
  {
    name: 'a commit that comes late undoes a later one',
    caughtBy: ['offsets never go back'],
    settings: (settings) => stormy(settings, { late: 0.1, lateBy: 3_000 }),
    catalog: (inner) => ({
      ...inner,
      groups: {
        ...inner.groups,
        commit: (group, generation, offsets) => inner.groups.commit(group, generation, offsets),
      },
    }),
  },
  {
    name: 'a group is told that nothing is committed',
    caughtBy: ['offsets never go back'],
    catalog: (inner) => ({
      ...inner,
      groups: {
        ...inner.groups,
        async claim(group, generation, partitions) {
          const claimed = await inner.groups.claim(group, generation, partitions);
          return claimed === 'fenced' ? claimed : [];
        },
      },
    }),
  },
];

function withoutProducer({ producer: _, ...entry }: NewEntry): NewEntry {
  return entry;
}
