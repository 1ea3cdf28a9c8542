import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  EMPTY_PLAN,
  kept,
  type Plan,
  parsePlan,
  printPlan,
  settled,
  withMember,
  withoutMembers,
  withReleased,
  withTopics,
} from '../../../lib/log/groups/plan.ts';

const member = (plan: Plan, id: string, topics: string[] = ['orders']) => withMember(plan, id, { topics, session: 10 });
const topics = (plan: Plan, counts: Record<string, number>) =>
  withTopics(
    plan,
    new Map(Object.entries(counts).map(([name, partitions]) => [name, { id: `id of ${name}`, partitions }])),
  );
const has = (plan: Plan, id: string) => Object.fromEntries(plan.members.get(id)!.has);
const gives = (plan: Plan, id: string) => Object.fromEntries(plan.members.get(id)!.gives);
const ROUNDS = 50;
/** Everybody gives up what they are to, until nobody is to; `last`: whose turn is always the last. */
function atRest(plan: Plan, last = ''): Plan {
  for (let round = 0; round < ROUNDS; round++) {
    const giving = [...plan.members].filter(([, { gives }]) => gives.size > 0).map(([id]) => id);
    const next = giving.find((id) => id !== last) ?? giving[0];
    if (next === undefined) return plan;
    plan = settled(withReleased(plan, next), 0);
  }
  throw new Error(`not at rest after ${ROUNDS} rounds`);
}

describe('the plan of a group', () => {
  it('gives the first member everything, and a second its half when the first has let go', () => {
    const alone = settled(topics(member(EMPTY_PLAN, 'a'), { orders: 8 }), 1);
    expect(has(alone, 'a')).toEqual({ orders: [0, 1, 2, 3, 4, 5, 6, 7] });

    const two = settled(member(alone, 'b'), 2);
    expect(has(two, 'b')).toEqual({});
    expect(gives(two, 'a')).toEqual({ orders: [4, 5, 6, 7] });
    expect(two.members.get('a')!.since).toBe(2);
    expect(Object.fromEntries(kept(two.members.get('a')!))).toEqual({ orders: [0, 1, 2, 3] });

    const shared = settled(withReleased(two, 'a'), 3);
    expect([has(shared, 'a'), has(shared, 'b')]).toEqual([{ orders: [0, 1, 2, 3] }, { orders: [4, 5, 6, 7] }]);
    expect(gives(shared, 'a')).toEqual({});
  });

  it('gives what a member had that is gone to the others, who keep what they have', () => {
    const three = ['a', 'b', 'c'].reduce(
      (plan, id) => atRest(settled(member(plan, id), 0)),
      topics(member(EMPTY_PLAN, 'a'), { orders: 9 }),
    );
    const before = ['a', 'b', 'c'].map((id) => has(three, id).orders!);

    const left = settled(withoutMembers(three, ['b']), 1);

    expect(has(left, 'a').orders).toEqual(expect.arrayContaining([...before[0]!]));
    expect(has(left, 'c').orders).toEqual(expect.arrayContaining([...before[2]!]));
    expect(gives(left, 'a')).toEqual({});
    expect([has(left, 'a').orders!.length, has(left, 'c').orders!.length].sort()).toEqual([4, 5]);
  });

  it('says the same when it is asked again before anything was given up, and since when', () => {
    const two = settled(member(settled(topics(member(EMPTY_PLAN, 'a'), { orders: 8 }), 1), 'b'), 2);

    expect(settled(two, 9)).toEqual(two);
  });

  it('takes back what was to be given up when who was to get it is gone', () => {
    const two = settled(member(settled(topics(member(EMPTY_PLAN, 'a'), { orders: 8 }), 1), 'b'), 2);

    const alone = settled(withoutMembers(two, ['b']), 3);

    expect(gives(alone, 'a')).toEqual({});
    expect(alone.members.get('a')!.since).toBe(0);
  });

  it('gives partitions only to those who subscribe to their topic', () => {
    let plan = topics(member(EMPTY_PLAN, 'a', ['orders', 'bills']), { orders: 4, bills: 2 });
    plan = atRest(settled(plan, 0));
    plan = atRest(settled(member(plan, 'b', ['bills']), 0));

    expect([has(plan, 'a'), has(plan, 'b')]).toEqual([{ orders: [0, 1, 2, 3] }, { bills: [0, 1] }]);
  });

  it('tells partitions that came while the group runs from those that were there', () => {
    const before = settled(topics(member(EMPTY_PLAN, 'a'), { orders: 2 }), 0);
    const grown = settled(topics(before, { orders: 5 }), 0);
    expect(grown.topics.get('orders')).toEqual({ id: 'id of orders', partitions: 5, first: 2 });
    expect(has(grown, 'a')).toEqual({ orders: [0, 1, 2, 3, 4] });

    const anew = settled(withTopics(grown, new Map([['orders', { id: 'another', partitions: 3 }]])), 0);
    expect(anew.topics.get('orders')).toEqual({ id: 'another', partitions: 3, first: 0 });

    const gone = settled(withTopics(anew, new Map([['orders', undefined]])), 0);
    expect([gone.topics.size, has(gone, 'a')]).toEqual([0, {}]);
  });

  it('is the same after it was printed, whatever the names', () => {
    let plan = topics(member(EMPTY_PLAN, '__proto__', ['__proto__', 'orders']), { orders: 5 });
    plan = withTopics(plan, new Map([['__proto__', { id: 'x', partitions: 3 }]]));
    plan = settled(member(settled(plan, 1), 'b', ['orders']), 2);

    expect(parsePlan(printPlan(plan))).toEqual(plan);
    expect(has(plan, '__proto__')).toEqual(
      Object.fromEntries([
        ['__proto__', [0, 1, 2]],
        ['orders', [0, 1, 2, 3, 4]],
      ]),
    );
  });

  it('comes to rest though who has most is the last to give anything up', () => {
    let plan = topics(member(EMPTY_PLAN, 'd', ['x', 'y', 'z']), { x: 4, y: 20, z: 14 });
    plan = settled(plan, 0);
    plan = settled(member(plan, 'a', ['x']), 0);
    plan = settled(member(plan, 'c', ['x', 'z']), 0);
    plan = settled(topics(plan, { x: 17, y: 20, z: 14 }), 0);

    const rest = atRest(plan, 'd');

    expect([...rest.members].map(([, { has }]) => [...has.values()].flat().length)).toEqual([15, 16, 20]);
  });

  it('has each partition with one member, none without, and is even, whatever comes and goes', () => {
    const names = ['x', 'y', 'z'];
    const change = fc.oneof(
      fc.record({ join: fc.constantFrom(...'abcdef'), topics: fc.subarray(names, { minLength: 1 }) }),
      fc.record({ leave: fc.constantFrom(...'abcdef') }),
      fc.record({ release: fc.constantFrom(...'abcdef') }),
      fc.record({ grow: fc.constantFrom(...names), to: fc.integer({ min: 0, max: 20 }) }),
    );
    fc.assert(
      fc.property(fc.array(change, { maxLength: 30 }), fc.constantFrom(...'abcdef'), (changes, last) => {
        const counts = new Map(names.map((name) => [name, 4]));
        let plan = EMPTY_PLAN;
        const look = () => new Map([...counts].map(([name, partitions]) => [name, { id: name, partitions }]));
        for (const one of changes) {
          if ('join' in one) plan = withMember(plan, one.join, { topics: one.topics, session: 1 });
          else if ('leave' in one) plan = withoutMembers(plan, [one.leave]);
          else if ('release' in one) plan = withReleased(plan, one.release);
          else counts.set(one.grow, one.to);
          plan = settled(withTopics(plan, look()), 0);
          check(plan);
        }
        const rest = atRest(plan, last);
        check(rest);
        for (const a of rest.members.values()) {
          for (const b of rest.members.values()) {
            const movable = [...a.has.keys()].some((topic) => b.topics.includes(topic));
            if (movable) expect(sizeOf(a.has) - sizeOf(b.has)).toBeLessThan(2);
          }
        }
      }),
    );

    function check({ topics: all, members }: Plan): void {
      const owners = [...members.values()].flatMap(({ has }) =>
        [...has].flatMap(([topic, partitions]) => partitions.map((partition) => `${topic}-${partition}`)),
      );
      const wanted = [...all].flatMap(([name, { partitions }]) =>
        Array.from({ length: partitions }, (_, partition) => `${name}-${partition}`),
      );
      expect(owners.sort()).toEqual(wanted.sort());
    }
    function sizeOf(shares: ReadonlyMap<string, readonly number[]>): number {
      return [...shares.values()].reduce((sum, { length }) => sum + length, 0);
    }
  });
});
