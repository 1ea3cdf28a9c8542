import { gunzipSync, gzipSync } from 'node:zlib';
import type { Member } from './member.ts';

/** A member without what waits for it. */
export type KeptMember = Omit<Member, 'joining' | 'syncing' | 'cancelSession'>;

/** A group at the end of a rebalance. */
export interface KeptGroup {
  generation: number;
  protocolType: string;
  protocolName: string;
  leader: string;
  members: readonly KeptMember[];
}

/** What a catalog keeps of a group at most, bytes. */
const MAX_BYTES = 300_000;
/** Far above what compresses into that. */
const MAX_PLAIN = 64 * 1024 * 1024;

const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');
const bytesOf = (text: string) => Uint8Array.from(Buffer.from(text, 'base64'));

/**
 * JSON, compressed; what members say about themselves in base64. A group that is too large for the catalog is kept without its
 * members: after a restart they join again, in a later generation.
 */
export function encodeGroup(group: KeptGroup): Uint8Array {
  const members = group.members.map((member) => ({
    ...member,
    protocols: member.protocols.map(({ name, metadata }) => ({ name, metadata: base64(metadata) })),
    assignment: base64(member.assignment),
  }));
  const whole = gzipSync(JSON.stringify({ ...group, members }));
  return whole.length <= MAX_BYTES ? whole : gzipSync(JSON.stringify({ ...group, leader: '', members: [] }));
}

type Stored = Omit<KeptGroup, 'members'> & {
  members: (Omit<KeptMember, 'protocols' | 'assignment'> & {
    protocols: { name: string; metadata: string }[];
    assignment: string;
  })[];
};

/** What `encodeGroup` wrote. */
export function decodeGroup(bytes: Uint8Array): KeptGroup {
  const { members, ...group } = JSON.parse(gunzipSync(bytes, { maxOutputLength: MAX_PLAIN }).toString()) as Stored;
  return {
    ...group,
    members: members.map((member) => ({
      ...member,
      protocols: member.protocols.map(({ name, metadata }) => ({ name, metadata: bytesOf(metadata) })),
      assignment: bytesOf(member.assignment),
    })),
  };
}
