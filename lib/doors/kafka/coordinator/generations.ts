import { timeId } from '../../../ids.ts';
import type { KafkaErrorCode } from '../failures.ts';
import type { GroupDeps } from './group-deps.ts';
import type { KeptGroup } from './kept-group.ts';
import {
  answerJoin,
  answerSync,
  type Identity,
  type JoinAnswer,
  type Joined,
  type JoinRequest,
  type Member,
  newMember,
  type SyncRequest,
  selectProtocol,
  shareProtocol,
  toldOf,
} from './member.ts';

/** As Kafka names them. */
export type GroupState = 'Empty' | 'PreparingRebalance' | 'CompletingRebalance' | 'Stable' | 'Dead';

/**
 * The members of one classic group, and its generations (https://cwiki.apache.org/confluence/display/KAFKA/Kafka+Client-side+Assignment+Proposal):
 *
 *     Empty -> PreparingRebalance: members join, until all have, or time is up
 *           -> CompletingRebalance: the leader assigns, the others wait in SyncGroup
 *           -> Stable, until a member comes, goes, or changes its mind
 *
 * All but the wait for what is kept happens between two awaits, so that no lock is needed.
 */
export interface Generations {
  readonly state: GroupState;
  /** The generation's number. */
  readonly number: number;
  readonly protocolType: string;
  readonly protocolName: string;
  readonly leader: string;
  readonly members: ReadonlyMap<string, Member>;
  /** Ids of static members by their instances. */
  readonly statics: ReadonlyMap<string, string>;
  /** How many have been given an id and have not come with it yet. */
  readonly expected: number;
  /** Why this is no member; undefined when it is one. */
  strangeness(who: Identity): KafkaErrorCode | undefined;
  /** Whether this client and all members know a common protocol. */
  supports(request: JoinRequest): boolean;
  /** Begins a member's session anew. */
  watch(member: Member): void;
  /** What a member is told of this generation. */
  joined(member: Member): Joined;
  /** Gives an id that the client is to come with. */
  propose(request: JoinRequest): string;
  /** Whether the id was given and not used; it no longer counts then. `withdraw`: its client comes in now. */
  withdraw(memberId: string): boolean;
  dismiss(memberId: string): boolean;
  add(request: JoinRequest, memberId: string | undefined, answer: AnswerJoin): void;
  rejoin(member: Member, request: JoinRequest, answer: AnswerJoin): void;
  replace(old: Member, request: JoinRequest, answer: AnswerJoin): void;
  remove(member: Member): void;
  /** Ends the rebalance with what the leader says. */
  assign(assignments: SyncRequest['assignments']): void;
  /** Sends all members away with `error`. Nothing can be done with the group then. */
  end(error: KafkaErrorCode): void;
}

type AnswerJoin = (answer: JoinAnswer) => void;

/** Time for a new member to hear of its first generation: clients' own patience is shorter. */
const NEW_MEMBER_MS = 300_000;
const MAX_ID_PREFIX = 200;
const NOTHING = new Uint8Array(0);

/** `kept`: what was kept last; its members go on where they were. */
export function createGenerations(deps: GroupDeps, kept?: KeptGroup): Generations {
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

  const longestRebalance = () => Math.max(0, ...[...members.values()].map((one) => one.rebalanceTimeout));
  const newId = (request: JoinRequest) =>
    `${(request.instanceId ?? request.clientId).slice(0, MAX_ID_PREFIX)}-${timeId(clock.now(), random)}`;

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

  function joined(member: Member, leads = member.id === leader): Joined {
    const list = leads ? [...members.values()].map((one) => toldOf(one, protocolName)) : [];
    const told = { generation, protocolType, protocolName, leader };
    return { ...told, memberId: member.id, skipAssignment: false, members: list };
  }

  function snapshot(): KeptGroup {
    const list = [...members.values()].map(({ joining, syncing, cancelSession, ...member }) => member);
    return { generation, protocolType, protocolName, leader, members: list };
  }

  /** What is assigned is durable before anybody hears of it: no other generation may follow that has its number. */
  async function conclude(): Promise<void> {
    const concluded = generation;
    const isOver = () => state !== 'CompletingRebalance' || generation !== concluded;
    const kept = await deps.keep(snapshot()).then(
      () => true,
      () => false,
    );
    if (isOver()) return;
    if (!kept) {
      // Another attempt, in another generation.
      rebalance();
      return;
    }
    cancelTimer();
    state = 'Stable';
    for (const one of members.values()) {
      if (!one.syncing) continue;
      watch(one);
      answerSync(one, { protocolType, protocolName, assignment: one.assignment });
    }
  }

  function takeIn(member: Member, request: JoinRequest, answer: AnswerJoin): void {
    const { protocols, sessionTimeout, rebalanceTimeout } = request;
    Object.assign(member, { protocols, sessionTimeout, rebalanceTimeout });
    // A client that asks twice has given up its first request.
    answerJoin(member, { error: 'UNKNOWN_MEMBER_ID', memberId: member.id });
    member.joining = answer;
    watch(member);
  }

  function add(request: JoinRequest, memberId: string | undefined, answer: AnswerJoin): void {
    if (members.size === 0) protocolType = request.protocolType;
    const member = newMember(memberId ?? newId(request), request, answer);
    members.set(member.id, member);
    if (member.instanceId !== null) statics.set(member.instanceId, member.id);
    if (leader === '') leader = member.id;
    joinedWhileDelaying = true;
    watch(member, NEW_MEMBER_MS);
    rebalance();
  }

  /** A static member that comes back takes its old place under a new id; whoever still uses the old one is fenced. */
  function replace(old: Member, request: JoinRequest, answer: AnswerJoin): void {
    const oldLeader = leader;
    answerJoin(old, { error: 'FENCED_INSTANCE_ID', memberId: old.id });
    answerSync(old, { error: 'FENCED_INSTANCE_ID' });
    members.delete(old.id);
    const leads = old.id === leader;
    old.id = newId(request);
    members.set(old.id, old);
    statics.set(old.instanceId!, old.id);
    if (leads) leader = old.id;
    takeIn(old, request, answer);
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
    // Whoever has joined and does not sync holds up all others. Any other state has another timer, or none.
    restart(longestRebalance(), () => {
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

  function propose(request: JoinRequest): string {
    const id = newId(request);
    pending.set(
      id,
      clock.schedule(request.sessionTimeout, () => {
        dismiss(id);
        if (members.size === 0) onEmpty();
      }),
    );
    return id;
  }

  function withdraw(memberId: string): boolean {
    const cancel = pending.get(memberId);
    if (!cancel) return false;
    cancel();
    pending.delete(memberId);
    return true;
  }

  function dismiss(memberId: string): boolean {
    const withdrawn = withdraw(memberId);
    if (withdrawn) completeWhenAllJoined();
    return withdrawn;
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
    get state() {
      return state;
    },
    get number() {
      return generation;
    },
    get protocolType() {
      return protocolType;
    },
    get protocolName() {
      return protocolName;
    },
    get leader() {
      return leader;
    },
    get expected() {
      return pending.size;
    },
    members,
    statics,
    strangeness,
    supports: (request) =>
      members.size === 0 || (request.protocolType === protocolType && shareProtocol(members, request)),
    watch: (member) => watch(member),
    joined: (member) => joined(member),
    propose,
    withdraw,
    dismiss,
    add,
    replace,
    remove,

    rejoin(member, request, answer) {
      takeIn(member, request, answer);
      rebalance();
    },

    assign(assignments) {
      const assigned = new Map(assignments.map(({ memberId, assignment }) => [memberId, assignment]));
      // Copies: the request's frame is not kept.
      for (const one of members.values()) one.assignment = Uint8Array.from(assigned.get(one.id) ?? NOTHING);
      void conclude();
    },

    end(error) {
      cancelTimer();
      state = 'Dead';
      for (const id of [...pending.keys()]) withdraw(id);
      for (const member of members.values()) {
        member.cancelSession();
        answerJoin(member, { error, memberId: member.id });
        answerSync(member, { error });
      }
      members.clear();
    },
  };
}
