import type { Clock } from '../../../clock.ts';
import { VarveError } from '../../../errors.ts';
import type { Random } from '../../../ids.ts';
import type { EventLog } from '../../../log/event-log.ts';
import type { GroupOffset, GroupPartition } from '../../../log/groups/groups.ts';
import { type KafkaErrorCode, numberOf } from '../failures.ts';
import { fewAtOnce } from '../parts.ts';
import { partitionsAt } from '../topics.ts';
import { descriptionOf } from './description.ts';
import type { GroupState } from './generations.ts';
import type { Group } from './group.ts';
import { createHeldGroups, type Holding, type HoldingSettings, unavailable } from './held-groups.ts';
import {
  bytesOf,
  type Identity,
  type JoinAnswer,
  type JoinRequest,
  MEMBER_BYTES,
  type SyncAnswer,
  type SyncRequest,
  subscribedTopics,
} from './member.ts';

/**
 * The groups of a gateway. One is taken when somebody asks for more than its offsets, and given back when it has been without
 * members for a while: as long as it is held, no other process coordinates it, and its writes are fenced by the hold's
 * epoch. A gateway that lost a group sends its members away, and they begin again wherever they are let in.
 */
export interface Coordinator {
  join(request: JoinRequest): Promise<JoinAnswer>;
  sync(request: SyncRequest): Promise<SyncAnswer>;
  heartbeat(group: string, who: Identity, generation: number): Promise<KafkaErrorCode | undefined>;
  leave(group: string, who: Identity): Promise<KafkaErrorCode | undefined>;
  /** An error's number, or 0, for each offset. GROUP_ID_NOT_FOUND when a member commits for a group that there is not. */
  commit(group: string, who: Identity, generation: number, offsets: readonly GroupOffset[]): Promise<number[]>;
  /** What is committed; nothing when there is no such group. NOT_COORDINATOR: clients ask again. */
  offsets(group: string): Promise<GroupOffset[] | KafkaErrorCode>;
  /** The group, if it is held here and has members. */
  known(group: string): Group | undefined;
  /** The protocol type of a group that may have no members, or ''; undefined when there is no such group. */
  find(group: string): Promise<string | undefined>;
  /** All that have members here, or offsets, by id. */
  list(): Promise<{ id: string; protocolType: string; state: GroupState }[]>;
  /** Forgets offsets: an error's number, or 0, for each; or what is wrong with all. */
  forget(group: string, partitions: readonly GroupPartition[]): Promise<number[] | KafkaErrorCode>;
  delete(group: string): Promise<KafkaErrorCode | undefined>;
  /** Sends everybody away and gives all groups back. */
  close(): Promise<void>;
}

export interface CoordinatorSettings extends HoldingSettings {
  minSessionTimeout: number;
  maxSessionTimeout: number;
}

const PAGE = 1_000;
/** The protocol type of consumers; connectors and others have their own. */
const CONSUMER = 'consumer';
/** The group of those that commit without one: it has offsets, and never members. */
const NAMELESS = '';
const ABSENT = 'UNKNOWN_TOPIC_OR_PARTITION';

export function createCoordinator(deps: {
  log: EventLog;
  clock: Clock;
  random: Random;
  settings: CoordinatorSettings;
  /** The gateway's, which is its slot. */
  nodeId: number;
  /** Called when another gateway is found to have the same node id. */
  onDisplaced(): void;
}): Coordinator {
  const { log, settings } = deps;
  const coordinator = log.groups.coordinateAs(deps.nodeId, {
    onDisplaced: deps.onDisplaced,
    describe(id) {
      const holding = holdings.all.get(id);
      return holding && descriptionOf(id, holding.group);
    },
  });
  const holdings = createHeldGroups({ ...deps, coordinator });

  async function within<T>(
    id: string,
    refuse: (error: KafkaErrorCode) => T,
    act: (holding: Holding) => T | Promise<T>,
  ) {
    if (id === NAMELESS) return refuse('INVALID_GROUP_ID');
    const holding = await holdings.take(id);
    return typeof holding === 'string' ? refuse(holding) : act(holding);
  }

  async function committed(id: string): Promise<GroupOffset[]> {
    try {
      return await coordinator.offsets(id);
    } catch (error) {
      if (error instanceof VarveError && error.code === 'GROUP_ID_NOT_FOUND') return [];
      throw error;
    }
  }

  /** Whether anybody has committed for the group, or was a member of it. */
  async function exists(id: string, { group }: Holding): Promise<boolean> {
    return group.members.size > 0 || (await coordinator.find(id)) !== undefined;
  }

  /** Why there is no such group; undefined when there is. */
  async function absence(id: string): Promise<KafkaErrorCode | undefined> {
    try {
      return (await coordinator.find(id)) ? undefined : 'GROUP_ID_NOT_FOUND';
    } catch (error) {
      return unavailable(error);
    }
  }

  /** For each offset why it was not committed: a partition that there is not comes before all that may be wrong with who asks. */
  async function refuseAll(offsets: readonly GroupOffset[], error: KafkaErrorCode): Promise<number[]> {
    const byTopic = [...Map.groupBy(offsets, ({ topic }) => topic)];
    const looks = await fewAtOnce(byTopic, async ([topic, some]) => {
      const partitions = some.map(({ partition }) => partition);
      const absent = (await partitionsAt(log, topic, partitions)).filter(({ error }) => error?.code === ABSENT);
      return [topic, new Set(absent.map(({ partition }) => partition))] as const;
    });
    const absent = new Map(looks);
    return offsets.map(({ topic, partition }) => {
      return numberOf(absent.get(topic)?.has(partition) ? ABSENT : error);
    });
  }

  const same = (error: KafkaErrorCode) => error;

  return {
    join(request) {
      const refuse = (error: KafkaErrorCode): JoinAnswer => ({ error, memberId: request.memberId });
      const { minSessionTimeout, maxSessionTimeout } = settings;
      const { sessionTimeout } = request;
      if (request.group === NAMELESS) return Promise.resolve(refuse('INVALID_GROUP_ID'));
      if (sessionTimeout < minSessionTimeout || sessionTimeout > maxSessionTimeout) {
        return Promise.resolve(refuse('INVALID_SESSION_TIMEOUT'));
      }
      return within<JoinAnswer>(request.group, refuse, ({ group }) => {
        if (!holdings.hasMemory(MEMBER_BYTES + bytesOf(request.protocols))) return refuse('COORDINATOR_NOT_AVAILABLE');
        const answer = group.join(request);
        holdings.count(request.group);
        return answer;
      });
    },

    sync(request) {
      return within<SyncAnswer>(
        request.group,
        (error) => ({ error }),
        ({ group }) => {
          const more = request.assignments.reduce((sum, { assignment }) => sum + assignment.length, 0);
          if (!holdings.hasMemory(more)) return { error: 'COORDINATOR_NOT_AVAILABLE' };
          const answer = group.sync(request);
          if (more > 0) holdings.count(request.group);
          return answer;
        },
      );
    },

    heartbeat(id, who, generation) {
      return within<KafkaErrorCode | undefined>(id, same, ({ group }) => group.heartbeat(who, generation));
    },

    leave(id, who) {
      return within<KafkaErrorCode | undefined>(id, same, ({ group }) => group.leave(who));
    },

    async commit(id, who, generation, offsets) {
      const all = (error: KafkaErrorCode) => refuseAll(offsets, error);
      const holding = await holdings.take(id);
      if (typeof holding === 'string') return all(holding);
      try {
        const refused = holding.group.mayCommit(who, generation);
        if (refused) return await all((await exists(id, holding)) ? refused : 'GROUP_ID_NOT_FOUND');
        const errors = await holding.held.commit(offsets);
        return errors.map((error) => (error ? numberOf(error.code) : 0));
      } catch (error) {
        if (!(error instanceof VarveError)) throw error;
        return all(error.code === 'ILLEGAL_GENERATION' ? 'NOT_COORDINATOR' : 'COORDINATOR_NOT_AVAILABLE');
      }
    },

    async offsets(id) {
      try {
        return await committed(id);
      } catch (error) {
        // All else that may be tried again clients take for final here.
        if (error instanceof VarveError && error.retriable) return 'NOT_COORDINATOR';
        throw error;
      }
    },

    known(id) {
      const group = holdings.all.get(id)?.group;
      return group && group.members.size > 0 ? group : undefined;
    },

    async find(id) {
      const found = await coordinator.find(id);
      return found && (holdings.all.get(id)?.group.protocolType || (found.protocolType ?? ''));
    },

    async list() {
      const types = new Map<string, string>();
      for (let after: string | undefined; ; ) {
        const page = await coordinator.list({ limit: PAGE, ...(after !== undefined && { after }) });
        for (const { id, protocolType = '' } of page) types.set(id, protocolType);
        if (page.length < PAGE) break;
        after = page.at(-1)!.id;
      }
      for (const [id, { group }] of holdings.all) {
        if (types.has(id) || group.members.size > 0) types.set(id, group.protocolType || (types.get(id) ?? ''));
      }
      const stateOf = (id: string) => holdings.all.get(id)?.group.state ?? 'Empty';
      return [...types.keys()].sort().map((id) => ({ id, protocolType: types.get(id)!, state: stateOf(id) }));
    },

    async forget(id, partitions) {
      if (id === NAMELESS) return 'INVALID_GROUP_ID';
      const holding = await holdings.take(id);
      if (typeof holding === 'string') return holding;
      const { members, protocolType } = holding.group;
      // What members read is known of consumers only.
      if (members.size > 0 && protocolType !== CONSUMER) return 'NON_EMPTY_GROUP';
      const read = subscribedTopics(members.values());
      const isRead = ({ topic }: GroupPartition) => read.has(topic);
      try {
        if (!(await exists(id, holding))) return 'GROUP_ID_NOT_FOUND';
        const errors = await holding.held.forget(partitions.filter((one) => !isRead(one)));
        let next = 0;
        return partitions.map((one) => {
          if (isRead(one)) return numberOf('GROUP_SUBSCRIBED_TO_TOPIC');
          const error = errors[next++];
          return error ? numberOf(error.code) : 0;
        });
      } catch (error) {
        if (error instanceof VarveError) return 'COORDINATOR_NOT_AVAILABLE';
        throw error;
      }
    },

    async delete(id) {
      // To take a group that there is not would be to make it.
      const absent = holdings.all.has(id) ? undefined : await absence(id);
      if (absent) return absent;
      const holding = await holdings.take(id);
      if (typeof holding === 'string') return holding;
      if (holding.group.members.size > 0) return 'NON_EMPTY_GROUP';
      try {
        const deleted = await holding.held.delete();
        return deleted ? undefined : 'GROUP_ID_NOT_FOUND';
      } catch (error) {
        if (error instanceof VarveError) return 'COORDINATOR_NOT_AVAILABLE';
        throw error;
      } finally {
        await holding.held.release();
      }
    },

    close: () => holdings.close(),
  };
}
