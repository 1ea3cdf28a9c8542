import { VarveError } from '../../errors.ts';
import type { Random } from '../../ids.ts';
import type { Catalog } from '../../stores/catalog/catalog.ts';
import { partitionKey } from '../../stores/catalog/partitions.ts';
import { claim, ownPartitions } from './claim.ts';
import { nonEmpty } from './group-lease.ts';
import { type InstanceState, newPlace } from './instance-state.ts';
import { type GroupView, groupMembership, topicsEvery } from './membership.ts';
import { isFirst, subscribed } from './plan.ts';
import type { SessionDeps } from './session.ts';

export interface InstanceDeps extends SessionDeps {
  catalog: Catalog;
  random: Random;
}

/** How an instance is a member of its group, as far as one request of it goes. */
export interface InstanceMembership {
  /**
   * Says that it is there, does what is to be done in the group, and takes up what the group gives it: what it gave out before
   * is done with. The state, with the places that are its own now. NON_EMPTY_GROUP while others than members hold the group.
   */
  present(state: InstanceState): Promise<InstanceState>;
  leave(): Promise<void>;
  /** Topics whose whole name the pattern matches. INVALID_REQUEST when it is none. */
  matching(pattern: string): Promise<string[]>;
}

const TRIES = 10;
const NAMES_A_PAGE = 1_000;
const MAX_PATTERN = 1_000;

export function instanceMembership(deps: InstanceDeps, group: string, name: string): InstanceMembership {
  const { catalog, clock } = deps;
  const membership = groupMembership(deps, group);

  async function matching(pattern: string): Promise<string[]> {
    // Of a pattern of anybody's making only an engine that needs linear time may be asked.
    const { RE2JS } = await import('re2js');
    const compiled = compile();
    const names: string[] = [];
    for (let after = ''; ; ) {
      const page = await catalog.topics.list({ after, limit: NAMES_A_PAGE });
      names.push(...page.map((topic) => topic.name).filter((topic) => compiled.matches(topic)));
      if (page.length < NAMES_A_PAGE) return names;
      after = page.at(-1)!.name;
    }

    function compile() {
      try {
        if (pattern.length <= MAX_PATTERN) return RE2JS.compile(pattern);
      } catch {
        // Told below.
      }
      throw new VarveError(
        'INVALID_REQUEST',
        `A topic pattern is a regular expression of RE2, of ${MAX_PATTERN} characters at most.`,
      );
    }
  }

  /** A member, heard of a moment ago at most. */
  async function member(state: InstanceState): Promise<GroupView> {
    const { session } = state;
    const topics = state.topics ?? [];
    const view = await membership.look();
    const own = view?.plan.members.get(name);
    if (view && own && String(own.topics) === String(topics)) {
      if ((view.expires[name] ?? 0) - clock.now() > (session * 2) / 3) return view;
      const heard = await membership.beat(name, view);
      if (heard) return heard;
    }
    const joined = await membership.join(name, { topics, session });
    if (!joined) throw nonEmpty(group);
    return joined;
  }

  async function withTopics(state: InstanceState): Promise<InstanceState> {
    return state.pattern === undefined ? state : { ...state, topics: await matching(state.pattern) };
  }

  /** Undefined when a later generation holds already. */
  async function adopted(state: InstanceState, { generation, plan }: GroupView): Promise<InstanceState | undefined> {
    if (generation === state.generation) return state;
    const wanted = ownPartitions(plan, name);
    const committed = await claim(catalog.groups, group, generation, wanted);
    if (!committed) return undefined;
    const before = new Map(state.places.map((place) => [partitionKey(place), place]));
    const places = wanted.map(({ topic, topicId, partition, isNew }) => {
      const key = partitionKey({ topicId, partition });
      const place = before.get(key);
      // What somebody else committed since says where the partition is.
      if (place && (committed.get(key) ?? -1) === place.committed) return place;
      const fresh = newPlace(topic, topicId, partition, committed.get(key));
      return isNew && fresh.next === 'reset' ? { ...fresh, next: 'earliest' as const } : fresh;
    });
    return { ...state, generation, places };
  }

  return {
    matching,

    async present(state) {
      const isDue = clock.now() - state.topicsSeen >= topicsEvery(catalog);
      let now = isDue ? await withTopics({ ...state, topicsSeen: clock.now() }) : state;
      let view = await member(now);
      const topics = isDue && isFirst(view.plan, name) ? await membership.topics(subscribed(view.plan)) : undefined;
      for (let tries = 0; tries < TRIES; tries++) {
        view = await membership.tend(name, view, { ...(topics && { topics }), released: true });
        const taken = view.plan.members.has(name) ? await adopted(now, view) : undefined;
        if (taken) return taken;
        now = { ...now, generation: 0 };
        view = await member(now);
      }
      throw new VarveError('REQUEST_TIMED_OUT', `The group "${group}" changes all the time: try again.`);
    },

    async leave() {
      const view = await membership.look();
      if (view?.plan.members.has(name)) await membership.leave(name, view);
    },
  };
}
