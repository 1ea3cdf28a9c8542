import type { KafkaErrorCode } from '../failures.ts';
import { createGenerations, type Generations } from './generations.ts';
import type { GroupDeps } from './group-deps.ts';
import type { KeptGroup } from './kept-group.ts';
import {
  answerSync,
  bytesOf,
  type Identity,
  type JoinAnswer,
  type JoinRequest,
  MEMBER_BYTES,
  type SyncAnswer,
  type SyncRequest,
  sameProtocols,
} from './member.ts';

/** One classic group, as its members and administrators meet it. */
export interface Group extends Pick<Generations, 'state' | 'protocolType' | 'protocolName' | 'members' | 'end'> {
  readonly generation: number;
  /** What its members hold in memory. */
  readonly bytes: number;
  join(request: JoinRequest): Promise<JoinAnswer>;
  sync(request: SyncRequest): Promise<SyncAnswer>;
  heartbeat(who: Identity, generation: number): KafkaErrorCode | undefined;
  leave(who: Identity): KafkaErrorCode | undefined;
  /** Whether these offsets may be committed; `generation` below 0 is that of a consumer that is no member. */
  mayCommit(who: Identity, generation: number): KafkaErrorCode | undefined;
}

/** `kept`: what was kept last; its members go on where they were. */
export function createGroup(deps: GroupDeps, kept?: KeptGroup): Group {
  const now = createGenerations(deps, kept);
  const { members, statics } = now;

  return {
    get state() {
      return now.state;
    },
    get generation() {
      return now.number;
    },
    get protocolType() {
      return now.protocolType;
    },
    get protocolName() {
      return now.protocolName;
    },
    get bytes() {
      let bytes = (members.size + now.expected) * MEMBER_BYTES;
      for (const { protocols, assignment } of members.values()) bytes += bytesOf(protocols) + assignment.length;
      return bytes;
    },
    members,
    end: now.end,

    async join(request) {
      const { memberId, instanceId } = request;
      const refuse = (error: KafkaErrorCode): JoinAnswer => ({ error, memberId });
      if (now.state === 'Dead') return refuse('COORDINATOR_NOT_AVAILABLE');
      const isKnown = memberId !== '' || (instanceId !== null && statics.has(instanceId));
      if (!isKnown && members.size + now.expected >= deps.settings.maxSize) return refuse('GROUP_MAX_SIZE_REACHED');
      const saysNothing = request.protocolType === '' || request.protocols.length === 0;
      if (saysNothing || !now.supports(request)) return refuse('INCONSISTENT_GROUP_PROTOCOL');
      const wait = (enter: (answer: (answer: JoinAnswer) => void) => void) => new Promise<JoinAnswer>(enter);
      if (memberId === '') {
        const old = instanceId === null ? undefined : members.get(statics.get(instanceId) ?? '');
        if (old) return wait((answer) => now.replace(old, request, answer));
        if (instanceId === null && request.idFirst) {
          return { error: 'MEMBER_ID_REQUIRED', memberId: now.propose(request) };
        }
        return wait((answer) => now.add(request, undefined, answer));
      }
      if (instanceId === null && now.withdraw(memberId)) return wait((answer) => now.add(request, memberId, answer));
      const strange = now.strangeness(request);
      if (strange) return refuse(strange);
      const member = members.get(memberId)!;
      const same = sameProtocols(member.protocols, request.protocols);
      // A repeat of what this generation began with gets the same answer.
      if (same && (now.state === 'CompletingRebalance' || (now.state === 'Stable' && memberId !== now.leader))) {
        now.watch(member);
        return now.joined(member);
      }
      return wait((answer) => now.rejoin(member, request, answer));
    },

    async sync(request) {
      const { protocolType, protocolName } = now;
      const strange = now.strangeness(request);
      if (strange) return { error: strange };
      if (request.generation !== now.number) return { error: 'ILLEGAL_GENERATION' };
      if ((request.protocolType ?? protocolType) !== protocolType) return { error: 'INCONSISTENT_GROUP_PROTOCOL' };
      if ((request.protocolName ?? protocolName) !== protocolName) return { error: 'INCONSISTENT_GROUP_PROTOCOL' };
      if (now.state === 'PreparingRebalance') return { error: 'REBALANCE_IN_PROGRESS' };
      const member = members.get(request.memberId)!;
      now.watch(member);
      if (now.state === 'Stable') return { protocolType, protocolName, assignment: member.assignment };
      const synced = new Promise<SyncAnswer>((answer) => {
        answerSync(member, { error: 'UNKNOWN_MEMBER_ID' });
        member.syncing = answer;
      });
      if (member.id === now.leader) now.assign(request.assignments);
      return synced;
    },

    heartbeat(who, generation) {
      const strange = now.strangeness(who);
      if (strange) return strange;
      if (generation !== now.number) return 'ILLEGAL_GENERATION';
      now.watch(members.get(who.memberId)!);
      return now.state === 'PreparingRebalance' ? 'REBALANCE_IN_PROGRESS' : undefined;
    },

    leave({ memberId, instanceId }) {
      // Who leaves by the name of its instance alone need not know its id.
      const asked = instanceId !== null && memberId === '' ? (statics.get(instanceId) ?? '') : memberId;
      if (instanceId === null && now.dismiss(asked)) return undefined;
      const strange = now.strangeness({ memberId: asked, instanceId });
      if (strange) return strange;
      now.remove(members.get(asked)!);
      return undefined;
    },

    mayCommit(who, generation) {
      if (generation < 0 && members.size === 0) return undefined;
      const strange = now.strangeness(who);
      if (strange) return strange;
      if (generation !== now.number) return 'ILLEGAL_GENERATION';
      now.watch(members.get(who.memberId)!);
      return now.state === 'CompletingRebalance' ? 'REBALANCE_IN_PROGRESS' : undefined;
    },
  };
}
