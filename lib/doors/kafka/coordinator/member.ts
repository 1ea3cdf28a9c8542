import { VarveError } from '../../../errors.ts';
import type { KafkaErrorCode } from '../failures.ts';
import { inputOf, readElements, readInt16, readInt32, readString } from '../protocol/input.ts';

/** A way to assign partitions that a member can follow, and what it has to say under it. */
export interface Protocol {
  name: string;
  metadata: Uint8Array;
}

export interface Refused {
  error: KafkaErrorCode;
}

export interface JoinRequest {
  group: string;
  /** Empty: of a member that is new. */
  memberId: string;
  /** Of a static member (KIP-345). */
  instanceId: string | null;
  protocolType: string;
  protocols: readonly Protocol[];
  /** Milliseconds. */
  sessionTimeout: number;
  rebalanceTimeout: number;
  clientId: string;
  clientHost: string;
  /** A new member gets its id first and comes again with it (KIP-394). */
  idFirst: boolean;
  /** The client understands that it leads and need not assign (KIP-814). */
  canSkipAssignment: boolean;
}

export interface Joined {
  memberId: string;
  generation: number;
  protocolType: string;
  protocolName: string;
  leader: string;
  skipAssignment: boolean;
  /** For the leader only. */
  members: readonly { memberId: string; instanceId: string | null; metadata: Uint8Array }[];
}

/** With the id that was given when it is MEMBER_ID_REQUIRED. */
export type JoinAnswer = Joined | (Refused & { memberId: string });

export interface SyncRequest {
  group: string;
  generation: number;
  memberId: string;
  instanceId: string | null;
  /** Null: not told. */
  protocolType: string | null;
  protocolName: string | null;
  assignments: readonly { memberId: string; assignment: Uint8Array }[];
}

export interface Synced {
  protocolType: string;
  protocolName: string;
  assignment: Uint8Array;
}

export type SyncAnswer = Synced | Refused;

/** Who says that it is a member. */
export interface Identity {
  memberId: string;
  instanceId: string | null;
}

/** A member as the coordinator sees it. */
export interface Member {
  id: string;
  readonly instanceId: string | null;
  readonly clientId: string;
  readonly clientHost: string;
  sessionTimeout: number;
  rebalanceTimeout: number;
  protocols: readonly Protocol[];
  assignment: Uint8Array;
  /** Its JoinGroup or SyncGroup waits for the others. */
  joining?: ((answer: JoinAnswer) => void) | undefined;
  syncing?: ((answer: SyncAnswer) => void) | undefined;
  cancelSession(): void;
}

const NOTHING = new Uint8Array(0);

export function newMember(id: string, request: JoinRequest, answer: (answer: JoinAnswer) => void): Member {
  const { instanceId, clientId, clientHost, sessionTimeout, rebalanceTimeout, protocols } = request;
  const told = { instanceId, clientId, clientHost, sessionTimeout, rebalanceTimeout, protocols };
  return { id, ...told, assignment: NOTHING, joining: answer, cancelSession() {} };
}

/** Answers the JoinGroup that waits, if one does. */
export function answerJoin(member: Member, answer: JoinAnswer): void {
  const { joining } = member;
  member.joining = undefined;
  joining?.(answer);
}

/** The same for SyncGroup. */
export function answerSync(member: Member, answer: SyncAnswer): void {
  const { syncing } = member;
  member.syncing = undefined;
  syncing?.(answer);
}

/** Bytes that a member, or an id that was given to one, takes beside what it says. */
export const MEMBER_BYTES = 1024;

export const bytesOf = (protocols: readonly Protocol[]) =>
  protocols.reduce((sum, { name, metadata }) => sum + name.length + metadata.length, 0);

export function metadataOf({ protocols }: Member, protocol: string): Uint8Array {
  return protocols.find(({ name }) => name === protocol)?.metadata ?? NOTHING;
}

/** What the leader is told of a member. */
export function toldOf(member: Member, protocol: string): Joined['members'][number] {
  return { memberId: member.id, instanceId: member.instanceId, metadata: metadataOf(member, protocol) };
}

export function shareProtocol(members: ReadonlyMap<string, Member>, { protocols }: JoinRequest): boolean {
  const all = [...members.values()];
  return protocols.some(({ name }) => all.every((member) => member.protocols.some((one) => one.name === name)));
}

export function sameProtocols(a: readonly Protocol[], b: readonly Protocol[]): boolean {
  return (
    a.length === b.length &&
    a.every(({ name, metadata }, i) => name === b[i]!.name && Buffer.compare(metadata, b[i]!.metadata) === 0)
  );
}

/** Of the protocols that all members know, the one that most of them prefer. */
export function selectProtocol(members: Iterable<Member>): string {
  const all = [...members];
  const common = all[0]!.protocols
    .map(({ name }) => name)
    .filter((name) => all.every(({ protocols }) => protocols.some((one) => one.name === name)));
  const votes = new Map(common.map((name) => [name, 0]));
  for (const { protocols } of all) {
    const vote = protocols.find(({ name }) => votes.has(name))!.name;
    votes.set(vote, votes.get(vote)! + 1);
  }
  return [...votes].reduce((best, one) => (one[1] > best[1] ? one : best))[0];
}

/**
 * The topics that members of consumers' own protocols read: their metadata begins with a version and the topics' names. Who says
 * something else is passed over.
 */
export function subscribedTopics(members: Iterable<Member>): Set<string> {
  const topics = new Set<string>();
  for (const { protocols } of members) {
    for (const { metadata } of protocols) {
      try {
        const input = inputOf(Buffer.from(metadata));
        readInt16(input);
        for (const topic of readElements(input, readInt32(input), (at) => readString(at, readInt16(at)))) {
          topics.add(topic);
        }
      } catch (error) {
        if (!(error instanceof VarveError)) throw error;
      }
    }
  }
  return topics;
}
