import type { Clock } from '../../../clock.ts';
import { VarveError } from '../../../errors.ts';
import { type Random, timeId } from '../../../ids.ts';
import type { KafkaErrorCode } from '../failures.ts';
import type { KeptGroup } from './kept-group.ts';
import {
  type JoinAnswer,
  type JoinRequest,
  type Member,
  metadataOf,
  type SyncAnswer,
  type SyncRequest,
  sameProtocols,
  selectProtocol,
} from './member.ts';

/** As Kafka names them. */
export type GroupState = 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable' | 'Dead';

export interface GroupSettings {
  /** Milliseconds that an empty group waits for more members before its first generation. */
  initialDelay: number;
  maxSize: number;
}

/** Who says that it is a member. */
export interface Identity {
  memberId: string;
  instanceId: string | null;
}

/**
 * One classic group (https://cwiki.apache.org/confluence/display/KAFKA/Kafka+Client-side+Assignment+Proposal):
 *
 *     Empty -> PreparingRebalance: members join, until all have, or time is up
 *           -> CompletingRebalance: the leader assigns, the others wait in SyncGroup
 *           -> Stable, until a member comes, goes, or changes its mind
 *
 * All of it happens between two awaits, so that no lock is needed.
 */
export interface Group {
  readonly id: string;
  readonly state: GroupState;
  readonly generation: number;
  readonly protocolType: string;
  readonly protocolName: string;
  readonly members: ReadonlyMap<string, Member>;
  join(request: JoinRequest): Promise<JoinAnswer>;
  sync(request: SyncRequest): Promise<SyncAnswer>;
  heartbeat(who: Identity, generation: number): KafkaErrorCode | undefined;
  leave(who: Identity): KafkaErrorCode | undefined;
  /** Whether these offsets may be committed; `generation` below 0 is that of a consumer that is no member. */
  mayCommit(who: Identity, generation: number): KafkaErrorCode | undefined;
  /** Sends all members away with `error`. Nothing can be done with the group then. */
  end(error: KafkaErrorCode): void;
}

/** Time for a new member to hear of its first generation: clients' own patience is shorter. */
const NEW_MEMBER_MS = 300_000;
const MAX_ID_PREFIX = 200;
const NOTHING = new Uint8Array(0);

export interface GroupDeps {
  clock: Clock;
  random: Random;
  settings: GroupSettings;
  /** Called when the last member has gone. */
  onEmpty(): void;
  /** Makes durable what the group must know when it begins anew. */
  keep(state: KeptGroup): Promise<void>;
}

/** `kept`: what was kept last; its members go on where they were. */
export function createGroup(id: string, deps: GroupDeps, kept?: KeptGroup): Group {
  const { clock, random, settings, onEmpty } = deps;
  const members = new Map<string, Member>();
  /** Ids that were given to members which have not come back with them, and how to forget each. */
  const pending = new Map<string, () => void>();
  const statics = new Map<string, string>();
  let state: GroupState = 'Empty';
  let generation = 0;
  let protocolType = '';
  let protocolName = '';
  let leader = '';
  let cancelTimer = () => {};
  /** Of a first generation: joins come in, and none completes it before time. */
  let delaying = false;
  let joinedWhileDelaying = false;

  const longestRebalance = () => [...members.values()].reduce((most, one) => Math.max(most, one.rebalanceTimeout), 0);
  const newId = (request: JoinRequest) =>
    `${(request.instanceId ?? request.clientId).slice(0, MAX_ID_PREFIX)}-${timeId(clock.now(), random)}`;

  function supports({ protocolType: type, protocols }: JoinRequest): boolean {
    if (type === '' || protocols.length === 0) return false;
    if (members.size === 0) return true;
    const all = [...members.values()];
    const known = ({ name }: { name: string }) =>
      all.every((member) => member.protocols.some((one) => one.name === name));
    return type === protocolType && protocols.some(known);
  }

  function strangeness({ memberId, instanceId }: Identity): KafkaErrorCode | undefined {
    if (state === 'Dead') return 'COORDINATOR_NOT_AVAILABLE';
    if (instanceId !== null) {
      const current = statics.get(instanceId);
      if (current === undefined) return 'UNKNOWN_MEMBER_ID';
      if (current !== memberId) return 'FENCED_INSTANCE_ID';
    }
    return members.has(memberId) ? undefined : 'UNKNOWN_MEMBER_ID';
  }

  function watch(member: Member, ms = member.sessionTimeout): void {
    member.cancelSession();
    member.cancelSession = clock.schedule(ms, () => {
      // Who waits for an answer of ours is not silent.
      if (member.joining || member.syncing) watch(member);
      else remove(member);
    });
  }

  function restart(ms: number, run: () => void): void {
    cancelTimer();
    cancelTimer = clock.schedule(ms, run);
  }

  function answerJoin(member: Member, answer: JoinAnswer): void {
    const { joining } = member;
    member.joining = undefined;
    joining?.(answer);
  }

  function answerSync(member: Member, answer: SyncAnswer): void {
    const { syncing } = member;
    member.syncing = undefined;
    syncing?.(answer);
  }

  function joined(member: Member, leads = member.id === leader) {
    const list = leads
      ? [...members.values()].map((one) => ({
          memberId: one.id,
          instanceId: one.instanceId,
          metadata: metadataOf(one, protocolName),
        }))
      : [];
    return {
      memberId: member.id,
      generation,
      protocolType,
      protocolName,
      leader,
      skipAssignment: false,
      members: list,
    };
  }

  function snapshot(): KeptGroup {
    const list = [...members.values()].map(({ joining, syncing, cancelSession, ...member }) => member);
    return { generation, protocolType, protocolName, leader, members: list };
  }

  /** What this generation assigned is durable before anybody hears of it: no other may follow that has its number. */
  async function conclude(): Promise<void> {
    const concluded = generation;
    const isOver = () => state !== 'CompletingRebalance' || generation !== concluded;
    try {
      await deps.keep(snapshot());
    } catch (error) {
      if (!(error instanceof VarveError)) throw error;
      // Another attempt, in another generation.
      if (!isOver()) rebalance();
      return;
    }
    if (isOver()) return;
    cancelTimer();
    state = 'Stable';
    for (const one of members.values()) {
      if (!one.syncing) continue;
      watch(one);
      answerSync(one, { protocolType, protocolName, assignment: one.assignment });
    }
  }

  function rejoin(member: Member, request: JoinRequest, answer: (answer: JoinAnswer) => void): void {
    const { protocols, sessionTimeout, rebalanceTimeout } = request;
    Object.assign(member, { protocols, sessionTimeout, rebalanceTimeout });
    // A client that asks twice has given up its first request.
    answerJoin(member, { error: 'UNKNOWN_MEMBER_ID', memberId: member.id });
    member.joining = answer;
    watch(member);
  }

  function add(request: JoinRequest, memberId: string, answer: (answer: JoinAnswer) => void): void {
    const { instanceId, clientId, clientHost, sessionTimeout, rebalanceTimeout, protocols } = request;
    if (members.size === 0) protocolType = request.protocolType;
    const member: Member = {
      id: memberId,
      instanceId,
      clientId,
      clientHost,
      sessionTimeout,
      rebalanceTimeout,
      protocols,
      assignment: NOTHING,
      joining: answer,
      cancelSession() {},
    };
    members.set(memberId, member);
    if (instanceId !== null) statics.set(instanceId, memberId);
    if (leader === '') leader = memberId;
    joinedWhileDelaying = true;
    watch(member, NEW_MEMBER_MS);
    rebalance();
  }

  /** A static member that comes back takes its old place under a new id; whoever still uses the old one is fenced. */
  function replace(old: Member, request: JoinRequest, answer: (answer: JoinAnswer) => void): void {
    const oldLeader = leader;
    answerJoin(old, { error: 'FENCED_INSTANCE_ID', memberId: old.id });
    answerSync(old, { error: 'FENCED_INSTANCE_ID' });
    members.delete(old.id);
    const leads = old.id === leader;
    old.id = newId(request);
    members.set(old.id, old);
    statics.set(old.instanceId!, old.id);
    if (leads) leader = old.id;
    rejoin(old, request, answer);
    if (state === 'Stable' && selectProtocol(members.values()) === protocolName) {
      // The generation goes on. A leader must not assign anew: it is told so, or told that it does not lead.
      const told = request.canSkipAssignment
        ? { ...joined(old), skipAssignment: leads }
        : { ...joined(old, false), leader: oldLeader };
      // Under the name of its instance only its last id is let in: that must be known everywhere before it is told.
      const rejoined = old.joining;
      const answerOnce = (answer: JoinAnswer) => {
        if (old.joining === rejoined) answerJoin(old, answer);
      };
      deps.keep(snapshot()).then(
        () => answerOnce(told),
        () => answerOnce({ error: 'COORDINATOR_NOT_AVAILABLE', memberId: old.id }),
      );
      return;
    }
    rebalance();
  }

  /** Begins a rebalance, or goes on with the one that there is. */
  function rebalance(): void {
    if (state === 'PreparingRebalance') {
      completeWhenAllJoined();
      return;
    }
    if (state === 'CompletingRebalance') {
      for (const member of members.values()) {
        member.assignment = NOTHING;
        answerSync(member, { error: 'REBALANCE_IN_PROGRESS' });
      }
    }
    const first = state === 'Empty';
    state = 'PreparingRebalance';
    if (first && settings.initialDelay > 0) {
      delaying = true;
      delay(longestRebalance());
      return;
    }
    restart(longestRebalance(), completeJoin);
    completeWhenAllJoined();
  }

  /** Waits a while for more members, and again as long as some come, for `left` milliseconds in all. */
  function delay(left: number): void {
    joinedWhileDelaying = false;
    const ms = Math.min(settings.initialDelay, left);
    restart(ms, () => {
      if (joinedWhileDelaying && left - ms > 0) delay(left - ms);
      else completeJoin();
    });
  }

  function completeWhenAllJoined(): void {
    if (state !== 'PreparingRebalance' || delaying || pending.size > 0) return;
    if ([...members.values()].every(({ joining }) => joining)) completeJoin();
  }

  function completeJoin(): void {
    delaying = false;
    cancelTimer();
    for (const member of [...members.values()]) {
      // A static member may be away for its session's time.
      if (!member.joining && member.instanceId === null) forget(member);
    }
    if (members.size === 0) {
      becomeEmpty();
      return;
    }
    if (!members.get(leader)?.joining) {
      const next = [...members.values()].find(({ joining }) => joining);
      if (!next) {
        // Nobody is here to lead: sessions end those who do not come.
        restart(longestRebalance(), completeJoin);
        return;
      }
      leader = next.id;
    }
    generation++;
    protocolName = selectProtocol(members.values());
    state = 'CompletingRebalance';
    for (const member of members.values()) {
      member.assignment = NOTHING;
      answerJoin(member, joined(member));
      watch(member);
    }
    // Whoever has joined and does not sync holds up all others.
    const unsynced = generation;
    restart(longestRebalance(), () => {
      if (state !== 'CompletingRebalance' || generation !== unsynced) return;
      for (const member of [...members.values()]) if (!member.syncing) forget(member);
      if (members.size === 0) becomeEmpty();
      else rebalance();
    });
  }

  function becomeEmpty(): void {
    cancelTimer();
    delaying = false;
    generation++;
    state = 'Empty';
    protocolName = '';
    leader = '';
    // When this is lost, those who have gone are found out by their silence.
    deps.keep(snapshot()).catch(() => {});
    onEmpty();
  }

  function forget(member: Member): void {
    member.cancelSession();
    members.delete(member.id);
    if (member.instanceId !== null && statics.get(member.instanceId) === member.id) statics.delete(member.instanceId);
    if (leader === member.id) leader = members.keys().next().value ?? '';
    answerJoin(member, { error: 'UNKNOWN_MEMBER_ID', memberId: member.id });
    answerSync(member, { error: 'UNKNOWN_MEMBER_ID' });
  }

  function remove(member: Member): void {
    forget(member);
    // Of an empty group in its first delay too: a later member begins anew.
    if (members.size === 0) becomeEmpty();
    else rebalance();
  }

  function propose(request: JoinRequest): Promise<JoinAnswer> {
    const { protocols, memberId, sessionTimeout } = request;
    const id = newId(request);
    pending.set(
      id,
      clock.schedule(sessionTimeout, () => {
        pending.delete(id);
        completeWhenAllJoined();
        if (members.size === 0) onEmpty();
      }),
    );
    return Promise.resolve({ error: 'MEMBER_ID_REQUIRED', memberId: protocols.length > 0 ? id : memberId });
  }

  if (kept) {
    ({ generation, protocolType, protocolName, leader } = kept);
    for (const one of kept.members) {
      const member: Member = { ...one, cancelSession() {} };
      members.set(member.id, member);
      if (member.instanceId !== null) statics.set(member.instanceId, member.id);
      watch(member);
    }
    if (members.size > 0) state = 'Stable';
  }

  return {
    id,
    get state() {
      return state;
    },
    get generation() {
      return generation;
    },
    get protocolType() {
      return protocolType;
    },
    get protocolName() {
      return protocolName;
    },
    members,

    async join(request) {
      const { memberId, instanceId } = request;
      const refuse = (error: KafkaErrorCode): JoinAnswer => ({ error, memberId });
      if (state === 'Dead') return refuse('COORDINATOR_NOT_AVAILABLE');
      const isPending = pending.has(memberId);
      const isKnown = memberId !== '' || (instanceId !== null && statics.has(instanceId));
      if (!isKnown && members.size + pending.size >= settings.maxSize) return refuse('GROUP_MAX_SIZE_REACHED');
      if (!supports(request)) return refuse('INCONSISTENT_GROUP_PROTOCOL');
      const wait = (enter: (answer: (answer: JoinAnswer) => void) => void) => new Promise<JoinAnswer>(enter);
      if (memberId === '') {
        const old = instanceId === null ? undefined : members.get(statics.get(instanceId) ?? '');
        if (old) return wait((answer) => replace(old, request, answer));
        if (instanceId === null && request.idFirst) return propose(request);
        return wait((answer) => add(request, newId(request), answer));
      }
      if (isPending && instanceId === null) {
        pending.get(memberId)!();
        pending.delete(memberId);
        return wait((answer) => add(request, memberId, answer));
      }
      const strange = strangeness(request);
      if (strange) return refuse(strange);
      const member = members.get(memberId)!;
      const same = sameProtocols(member.protocols, request.protocols);
      // A repeat of what this generation began with gets the same answer.
      if (same && (state === 'CompletingRebalance' || (state === 'Stable' && memberId !== leader))) {
        watch(member);
        return joined(member);
      }
      return wait((answer) => {
        rejoin(member, request, answer);
        rebalance();
      });
    },

    async sync(request) {
      const strange = strangeness(request);
      if (strange) return { error: strange };
      if (request.generation !== generation) return { error: 'ILLEGAL_GENERATION' };
      if ((request.protocolType ?? protocolType) !== protocolType) return { error: 'INCONSISTENT_GROUP_PROTOCOL' };
      if ((request.protocolName ?? protocolName) !== protocolName) return { error: 'INCONSISTENT_GROUP_PROTOCOL' };
      if (state === 'PreparingRebalance') return { error: 'REBALANCE_IN_PROGRESS' };
      const member = members.get(request.memberId)!;
      watch(member);
      if (state === 'Stable') return { protocolType, protocolName, assignment: member.assignment };
      const synced = new Promise<SyncAnswer>((answer) => {
        answerSync(member, { error: 'UNKNOWN_MEMBER_ID' });
        member.syncing = answer;
      });
      if (member.id === leader) {
        const assigned = new Map(request.assignments.map(({ memberId, assignment }) => [memberId, assignment]));
        // Copies: the request's frame is not kept.
        for (const one of members.values()) one.assignment = Uint8Array.from(assigned.get(one.id) ?? NOTHING);
        void conclude();
      }
      return synced;
    },

    heartbeat(who, at) {
      const strange = strangeness(who);
      if (strange) return strange;
      if (at !== generation) return 'ILLEGAL_GENERATION';
      watch(members.get(who.memberId)!);
      return state === 'PreparingRebalance' ? 'REBALANCE_IN_PROGRESS' : undefined;
    },

    leave({ memberId, instanceId }) {
      // Who leaves by the name of its instance alone need not know its id.
      const asked = instanceId !== null && memberId === '' ? (statics.get(instanceId) ?? '') : memberId;
      const forgetPending = instanceId === null ? pending.get(asked) : undefined;
      if (forgetPending) {
        forgetPending();
        pending.delete(asked);
        completeWhenAllJoined();
        return undefined;
      }
      const strange = strangeness({ memberId: asked, instanceId });
      if (strange) return strange;
      remove(members.get(asked)!);
      return undefined;
    },

    mayCommit(who, at) {
      if (at < 0 && members.size === 0) return undefined;
      // Of a group that nobody is in, any generation is a past one.
      if (members.size === 0 && state === 'Empty')
        return at === generation ? 'UNKNOWN_MEMBER_ID' : 'ILLEGAL_GENERATION';
      const strange = strangeness(who);
      if (strange) return strange;
      if (at !== generation) return 'ILLEGAL_GENERATION';
      watch(members.get(who.memberId)!);
      return state === 'CompletingRebalance' ? 'REBALANCE_IN_PROGRESS' : undefined;
    },

    end(error) {
      cancelTimer();
      state = 'Dead';
      for (const cancel of pending.values()) cancel();
      pending.clear();
      for (const member of members.values()) {
        member.cancelSession();
        answerJoin(member, { error, memberId: member.id });
        answerSync(member, { error });
      }
      members.clear();
    },
  };
}
