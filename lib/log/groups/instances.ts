import { VarveError } from '../../errors.ts';
import type { From } from '../event-log.ts';
import { unknownTopic } from '../topic-name.ts';
import { checkGroupId } from './group-id.ts';
import { nonEmpty, withGroup } from './group-lease.ts';
import type { GroupOffset, GroupPartition } from './groups.ts';
import { type InstanceDeps, instanceMembership } from './instance-membership.ts';
import { type PollOptions, readPlaces } from './instance-read.ts';
import {
  freed,
  type InstanceOptions,
  type InstanceState,
  newInstance,
  newPlace,
  type Place,
  parseInstance,
  printInstance,
} from './instance-state.ts';

export type { InstanceOptions } from './instance-state.ts';

/**
 * Consumers of groups that no process remembers: any process serves any request of one. They are members of their group as the
 * library's consumers are, from the first poll of what they subscribed to on. UNKNOWN_MEMBER_ID when there is no instance of that
 * name, or it was not heard of for 5 minutes; ILLEGAL_STATE when another request of it was faster.
 */
export interface ConsumerInstances {
  /** Its name. INSTANCE_EXISTS. */
  create(group: string, options: InstanceOptions): Promise<string>;
  /** Leaves its group at once. */
  delete(group: string, name: string): Promise<void>;
  /** Topics that do not exist yet count from when they do. `pattern`: RE2, of whole names. ILLEGAL_STATE when it has an assignment, or a subscription of the other kind. */
  subscribe(group: string, name: string, to: { topics: readonly string[] } | { pattern: string }): Promise<void>;
  subscription(group: string, name: string): Promise<string[]>;
  /** From subscription and assignment. */
  free(group: string, name: string): Promise<void>;
  /** ILLEGAL_STATE when it is subscribed. */
  assign(group: string, name: string, partitions: readonly GroupPartition[]): Promise<void>;
  assignment(group: string, name: string): Promise<GroupPartition[]>;
  /** ILLEGAL_STATE for a partition that is not its own. */
  seek(group: string, name: string, to: readonly (GroupPartition & { to: From })[]): Promise<void>;
  poll(group: string, name: string, options: PollOptions): Promise<void>;
  /** These, or all that its polls gave. NON_EMPTY_GROUP for an instance that is no member while others are. */
  commit(group: string, name: string, offsets?: readonly GroupOffset[]): Promise<void>;
  /** Of these partitions, or of those that are its own. */
  committed(group: string, name: string, partitions?: readonly GroupPartition[]): Promise<GroupOffset[]>;
}

const IDLE_MS = 300_000;
const MAX_INSTANCES = 200;
const TRIES = 5;
const MAX_METADATA_BYTES = 4_096;

interface Found {
  version: number;
  state: InstanceState;
}

export function createConsumerInstances(deps: InstanceDeps): ConsumerInstances {
  const { catalog, clock, random } = deps;
  const { instances, groups, topics } = catalog;
  const leaseDeps = { leases: catalog.leases, clock, random };

  async function load(group: string, name: string): Promise<Found> {
    checkGroupId(group);
    const found = await instances.get(group, name);
    const state = found && parseInstance(found.state);
    if (!state || state.heard + IDLE_MS < clock.now()) throw unknownInstance(group, name);
    return { version: found.version, state };
  }

  async function save(group: string, name: string, { version }: Found, state: InstanceState): Promise<void> {
    const text = printInstance({ ...state, heard: clock.now() });
    if (!(await instances.swap(group, name, version, text))) throw otherRequest(name);
  }

  /** For what is done in a moment: whoever was faster is not told of to the caller. */
  async function change(
    group: string,
    name: string,
    act: (state: InstanceState) => Promise<InstanceState> | InstanceState,
  ) {
    for (let tries = 1; ; tries++) {
      const found = await load(group, name);
      const state = await act(found.state);
      try {
        return await save(group, name, found, state);
      } catch (error) {
        if (tries === TRIES) throw error;
      }
    }
  }

  async function removeIdle(group: string): Promise<void> {
    const all = await instances.list(group);
    const idle = all.filter(({ state }) => parseInstance(state).heard + IDLE_MS < clock.now());
    await Promise.all(idle.map(({ name, version }) => instances.swap(group, name, version, undefined)));
    if (all.length - idle.length < MAX_INSTANCES) return;
    throw new VarveError(
      'GROUP_MAX_SIZE_REACHED',
      `The group "${group}" has ${MAX_INSTANCES} instances, as many as it can.`,
    );
  }

  async function located(offsets: readonly GroupOffset[]) {
    return Promise.all(
      offsets.map(async ({ topic: name, partition, offset, metadata }) => {
        const topic = await topics.get(name);
        if (!topic || !(partition < topic.partitions)) throw unknownTopic(name);
        if (metadata !== undefined && Buffer.byteLength(metadata) > MAX_METADATA_BYTES) {
          throw new VarveError(
            'OFFSET_METADATA_TOO_LARGE',
            `The metadata of an offset has at most ${MAX_METADATA_BYTES} bytes.`,
          );
        }
        return { topic: name, topicId: topic.id, partition, offset, ...(metadata !== undefined && { metadata }) };
      }),
    );
  }

  /** Under the generation of a member, or as administrators do. */
  async function commitOffsets(
    group: string,
    state: InstanceState,
    offsets: Awaited<ReturnType<typeof located>>,
    forward: boolean,
  ) {
    if (offsets.length === 0) return;
    const isMember = !state.isAssigned && state.generation > 0;
    const outcome = isMember
      ? await groups.commit(group, state.generation, offsets, { forward })
      : await withGroup(leaseDeps, group, (generation) => groups.commit(group, generation, offsets, { forward }));
    if (outcome === 'committed') return;
    throw isMember
      ? new VarveError('ILLEGAL_GENERATION', `A partition is another consumer's in the group "${group}" by now.`)
      : nonEmpty(group);
  }

  /** Commits what the polls gave. The places, with what is then committed. */
  async function commitPlaces(group: string, state: InstanceState): Promise<InstanceState> {
    const moved = state.places.filter(({ next, committed }) => typeof next === 'number' && next !== committed);
    const offsetsOf = (places: readonly Place[]) =>
      places.map(({ topic, topicId, partition, next }) => ({ topic, topicId, partition, offset: Number(next) }));
    await commitOffsets(group, state, offsetsOf(moved.filter(({ isSet }) => !isSet)), true);
    await commitOffsets(group, state, offsetsOf(moved.filter(({ isSet }) => isSet)), false);
    const places = state.places.map((place) => {
      return moved.includes(place) ? { ...place, committed: Number(place.next), isSet: false } : place;
    });
    return { ...state, places };
  }

  /** As above, where it does not matter when a partition is another's by now. */
  async function commitWhatIsOwn(group: string, state: InstanceState): Promise<InstanceState> {
    return commitPlaces(group, state).catch((error) => {
      if (error instanceof VarveError && error.code === 'ILLEGAL_GENERATION') return state;
      throw error;
    });
  }

  const membershipOf = (group: string, name: string) => instanceMembership(deps, group, name);

  return {
    async create(group, options) {
      checkGroupId(group);
      const name = options.name ?? `instance-${Buffer.from(random(9)).toString('base64url')}`;
      await removeIdle(group);
      // Its group is known from now on, and what there is of it forgotten with it.
      await groups.claim(group, 0, []);
      const text = printInstance(newInstance(options, clock.now()));
      if (await instances.swap(group, name, 0, text)) return name;
      throw new VarveError('INSTANCE_EXISTS', `The group "${group}" has an instance of this name: choose another.`);
    },

    async delete(group, name) {
      const found = await load(group, name);
      if (found.state.autoCommit) await commitWhatIsOwn(group, found.state);
      await membershipOf(group, name).leave();
      const { version } = (await instances.get(group, name)) ?? found;
      await instances.swap(group, name, version, undefined);
    },

    async subscribe(group, name, to) {
      await change(group, name, async (state) => {
        if (state.isAssigned) throw illegal('It has an assignment: delete that first, or make another instance.');
        if (state.topics && 'pattern' in to !== (state.pattern !== undefined)) {
          throw illegal('It has a subscription of the other kind, topics or a pattern: delete that first.');
        }
        const { pattern: _, ...rest } = state;
        if ('topics' in to) return { ...rest, topics: [...new Set(to.topics)].sort() };
        return { ...rest, pattern: to.pattern, topics: await membershipOf(group, name).matching(to.pattern) };
      });
    },

    async subscription(group, name) {
      return [...((await load(group, name)).state.topics ?? [])];
    },

    async free(group, name) {
      const { state } = await load(group, name);
      if (state.autoCommit) await commitWhatIsOwn(group, state);
      if (state.topics) await membershipOf(group, name).leave();
      await change(group, name, freed);
    },

    async assign(group, name, partitions) {
      const given = await located(partitions.map((one) => ({ ...one, offset: 0 })));
      const committed = await groups.offsets(group, given);
      await change(group, name, (state) => {
        if (state.topics) throw illegal('It is subscribed: delete the subscription first, or make another instance.');
        const places = given.map(({ topic, topicId, partition }) => {
          const same = (one: { topicId: string; partition: number }) =>
            one.topicId === topicId && one.partition === partition;
          return state.places.find(same) ?? newPlace(topic, topicId, partition, committed.find(same)?.offset);
        });
        return { ...state, isAssigned: true, places };
      });
    },

    async assignment(group, name) {
      const { state } = await load(group, name);
      return state.places.map(({ topic, partition }) => ({ topic, partition }));
    },

    async seek(group, name, to) {
      const found = await load(group, name);
      const state = found.state.topics ? await membershipOf(group, name).present(found.state) : found.state;
      const places = [...state.places];
      for (const { topic, partition, to: next } of to) {
        const at = places.findIndex((one) => one.topic === topic && one.partition === partition);
        if (at < 0) throw illegal(`Partition ${partition} of "${topic}" is not assigned to it.`);
        places[at] = { ...places[at]!, next, isSet: true };
      }
      await save(group, name, found, { ...state, places });
    },

    async poll(group, name, options) {
      const found = await load(group, name);
      let { state } = found;
      if (!state.topics && !state.isAssigned)
        throw illegal('It is subscribed to nothing, and nothing is assigned to it.');
      options.begin(state.format);
      if (state.autoCommit) state = await commitWhatIsOwn(group, state);
      if (state.topics) state = await membershipOf(group, name).present(state);
      await save(group, name, found, await readPlaces(deps, state, options));
    },

    async commit(group, name, offsets) {
      const found = await load(group, name);
      if (!offsets) return save(group, name, found, await commitPlaces(group, found.state));
      const given = await located(offsets);
      const state = found.state.topics ? await membershipOf(group, name).present(found.state) : found.state;
      await commitOffsets(group, state, given, false);
      const places = state.places.map((place) => {
        const own = given.find(({ topicId, partition }) => topicId === place.topicId && partition === place.partition);
        return own ? { ...place, committed: own.offset } : place;
      });
      await save(group, name, found, { ...state, places });
    },

    async committed(group, name, partitions) {
      const { state } = await load(group, name);
      const of = partitions ? await located(partitions.map((one) => ({ ...one, offset: 0 }))) : state.places;
      const committed = await groups.offsets(group, of);
      return committed.map(({ topicId: _, ...offset }) => offset);
    },
  };
}

function unknownInstance(group: string, name: string): VarveError {
  return new VarveError(
    'UNKNOWN_MEMBER_ID',
    `The group "${group}" has no consumer instance "${name}": create it again.`,
  );
}

function otherRequest(name: string): VarveError {
  return new VarveError('ILLEGAL_STATE', `Another request of the instance "${name}" was faster: send one at a time.`);
}

function illegal(message: string): VarveError {
  return new VarveError('ILLEGAL_STATE', message);
}
