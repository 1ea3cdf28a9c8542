import { type Clock, sleep } from '../../clock.ts';
import { VarveError } from '../../errors.ts';
import type { Random } from '../../ids.ts';
import type { Catalog } from '../../stores/catalog/catalog.ts';
import { MEMBERS, type Membership } from '../../stores/catalog/memberships.ts';
import { freeGroup, leaseName } from './group-lease.ts';
import {
  EMPTY_PLAN,
  type Plan,
  parsePlan,
  printPlan,
  type Subscribed,
  settled,
  withMember,
  withoutMembers,
  withReleased,
  withTopics,
} from './plan.ts';

/** What a member knows of its group. */
export interface GroupView {
  generation: number;
  plan: Plan;
  /** When each member counts as gone, milliseconds since the epoch. */
  expires: Readonly<Record<string, number>>;
}

export interface MembershipDeps {
  catalog: Pick<Catalog, 'memberships' | 'leases' | 'topics'>;
  clock: Clock;
  random: Random;
}

/**
 * What members of a group without a coordinator process do, each a request or two, and nothing of it remembered here. Whoever
 * finds that a member is gone, that topics changed or that something was given up, puts the next plan in place; of those who try
 * at the same time one succeeds, and the others see what it did.
 */
export interface GroupMembership {
  /** As it is now; undefined while it has no members. */
  look(): Promise<GroupView | undefined>;
  /**
   * Makes `id` a member, or changes what it subscribes to. Undefined while others than members hold the group.
   * GROUP_MAX_SIZE_REACHED.
   */
  join(id: string, to: Subscribed): Promise<GroupView | undefined>;
  /** Says that the member is there. Undefined when it is none any more. */
  beat(id: string, view: GroupView): Promise<GroupView | undefined>;
  /** Does what is to be done, if anything is. `topics`: as they were found just now. `released`: the member no longer reads what it was to give up. */
  tend(id: string, view: GroupView, seen: { topics?: Topics; released?: boolean }): Promise<GroupView>;
  /** All topics that members subscribe to, as they are now. */
  topics(names: readonly string[]): Promise<Topics>;
  /** Sends what makes the others share what it had, at once. Never rejects: a member that cannot leave is given up in time. */
  leave(id: string, view: GroupView): Promise<void>;
}

export type Topics = ReadonlyMap<string, { id: string; partitions: number } | undefined>;

/** They share an item, whose size every sign of life pays for. */
const MAX_MEMBERS = 200;
const MAX_PLAN_LENGTH = 200_000;
const TRIES = 20;
const RETRY_MS = 20;

/** Milliseconds from one look at a group's topics, whether they grew or were made anew, to the next: reads, where others write to the catalog. */
export function topicsEvery({ shared }: { shared: boolean }): number {
  return shared ? 30_000 : 3_000;
}

export function groupMembership(deps: MembershipDeps, group: string): GroupMembership {
  const { clock } = deps;
  const { memberships, leases, topics: allTopics } = deps.catalog;
  const lease = leaseName(group);

  async function look(): Promise<GroupView | undefined> {
    const found = await memberships.get(lease);
    return found && viewOf(found);
  }

  /** Tries to put the next plan in place. Undefined when another change was faster, or others hold the group. */
  async function revise(from: GroupView | undefined, id: string, edit: (plan: Plan) => Plan) {
    const now = clock.now();
    const before = from ? withoutMembers(from.plan, lateIn(from, id, now)) : EMPTY_PLAN;
    const plan = settled(edit(before), now);
    const text = printPlan(plan);
    if (plan.members.size > MAX_MEMBERS || text.length > MAX_PLAN_LENGTH) throw groupTooLarge(group);
    const own = plan.members.get(id);
    const change = {
      plan: text,
      present: own ? { [id]: now + own.session } : {},
      gone: Object.keys(from?.expires ?? {}).filter((one) => !plan.members.has(one)),
      until: now + longestSession(plan),
    };
    const done = await (from
      ? memberships.change(lease, from.generation, change)
      : memberships.begin(lease, change, now));
    return done && viewOf(done);
  }

  async function topicsNow(names: readonly string[]): Promise<Topics> {
    return new Map(await Promise.all(names.map(async (name) => [name, await allTopics.get(name)] as const)));
  }

  return {
    look,
    topics: topicsNow,

    async join(id, to) {
      const found = await topicsNow(to.topics);
      for (let tries = 1; tries <= TRIES; tries++) {
        const view = await look();
        const joined = await revise(view, id, (plan) => withTopics(withMember(plan, id, to), found));
        if (joined) return joined;
        const holder = await leases.get(lease);
        if (holder && holder.owner !== MEMBERS && !(await freeGroup({ leases, clock }, group))) return undefined;
        await sleep(clock, (deps.random(1)[0]! / 255) * RETRY_MS * tries);
      }
      return undefined;
    },

    async beat(id, { plan }) {
      const now = clock.now();
      const session = plan.members.get(id)!.session;
      const found = await memberships.renew(lease, id, now + session, now + longestSession(plan));
      const view = found && viewOf(found);
      return view?.plan.members.has(id) ? view : undefined;
    },

    async tend(id, view, { topics, released = false }) {
      const now = clock.now();
      const overdue = [...view.plan.members]
        .filter(([one, { since, session }]) => since > 0 && (one === id ? released : now > since + session))
        .map(([one]) => one);
      const changed = topics && printPlan(withTopics(view.plan, topics)) !== printPlan(view.plan);
      if (overdue.length === 0 && !changed && lateIn(view, id, now).length === 0) return view;
      const revised = await revise(view, id, (plan) => {
        const given = overdue.reduce(withReleased, plan);
        return topics ? withTopics(given, topics) : given;
      });
      return revised ?? (await look()) ?? view;
    },

    async leave(id, view) {
      try {
        for (let from: GroupView | undefined = view, tries = 0; from?.plan.members.has(id) && tries < TRIES; tries++) {
          const now = clock.now();
          const others = withoutMembers(from.plan, [id, ...lateIn(from, id, now)]);
          if (others.members.size === 0) {
            await leases.release({ name: lease, owner: MEMBERS, epoch: from.generation, expires: now });
          } else if (await revise(from, id, (plan) => withoutMembers(plan, [id]))) return;
          from = await look();
        }
      } catch {
        // It is given up when its session is over.
      }
    },
  };
}

/** Members but this one that have been silent for too long. */
function lateIn({ plan, expires }: GroupView, id: string, now: number): string[] {
  return [...plan.members.keys()].filter((one) => one !== id && !((expires[one] ?? 0) >= now));
}

function longestSession({ members }: Plan): number {
  return Math.max(0, ...[...members.values()].map(({ session }) => session));
}

function viewOf({ generation, plan, expires }: Membership): GroupView {
  return { generation, plan: parsePlan(plan), expires };
}

function groupTooLarge(group: string): VarveError {
  return new VarveError(
    'GROUP_MAX_SIZE_REACHED',
    `The group "${group}" has as many members, or topics, as it can: ${MAX_MEMBERS} members at most.`,
  );
}
