import type { Head, TopicIdPartition } from '../partitions.ts';
import { type Engine, insist, obtain } from './engine.ts';
import { decodeEntry } from './entry.ts';
import { key } from './keys.ts';
import type { Item, Put, StoredValue } from './table.ts';

/**
 * The head's attributes: short, because a head of up to 1,024 bytes costs one write unit.
 *
 *     hw next offset              t  tail entries               n  eviction counter
 *     lo log start                r  roll at this many          e0 e1  offset and time of the last idle tick
 *     tb offset of the tail       c  frontier                   mt max timestamp of all rolled entries
 *     gc object-time floor        cg index generation       rb bytes of all rolled entries
 *     lt trimmed up to here
 *
 * and four families in capitals, so that no name of theirs is `pk`: P<producer id, base 36> producer state, O<..> first offset
 * of its open transaction, V<..> its registered epoch, X<name> the cancel mark of a process.
 */
export interface HeadItem {
  head: Head;
  /** The tail as stored. */
  wire: readonly Uint8Array[];
  rollAt: number;
  /** How often producers were evicted. */
  evictions: bigint;
  idleOffset: number;
  idleTime: number;
  rolledMaxTimestamp: number;
  rolledBytes: number;
  /** By attribute name. */
  producers: ReadonlyMap<string, bigint>;
  /** Attribute names of producers with a transaction open or registered. */
  open: ReadonlySet<string>;
  /** By attribute name. */
  marks: ReadonlyMap<string, number>;
  /** Bytes that DynamoDB counts, without the tail's. */
  otherBytes: number;
  tailBytes: number;
}

export const producerAttribute = (producerId: number) => `P${producerId.toString(36)}`;
export const producerOf = (attribute: string) => Number.parseInt(attribute.slice(1), 36);

/** The generation of an index before its first rewrite. */
const FIRST_GENERATION = '0';
const FIRST_ROLL_AT = 16;

export function newHead(at: TopicIdPartition, now: number): Put {
  const zero = { hw: 0, lo: 0, tb: 0, c: 0, gc: 0, n: 0, e0: 0, rb: 0, lt: 0 };
  return {
    item: { ...key.head(at), ...zero, t: [], r: FIRST_ROLL_AT, cg: FIRST_GENERATION, e1: now, mt: -1 },
    // A late copy must not reset a head that has moved on.
    condition: 'attribute_not_exists(pk)',
  };
}

/** Strongly consistent; undefined when there is none. */
export async function readHead(engine: Engine, at: TopicIdPartition): Promise<HeadItem | undefined> {
  const item = await obtain(engine, () => engine.table.get(key.head(at), { consistent: true }));
  return item && decodeHead(item);
}

/**
 * An update that moves the head only one way, so that it may be repeated. The head after it, or, when the condition does not
 * hold, the head that refused; undefined when there is none.
 */
export async function moveHead(
  engine: Engine,
  at: TopicIdPartition,
  move: { update: string; condition: string; values: Record<string, string | number> },
): Promise<{ moved: boolean; again: boolean; item: HeadItem | undefined }> {
  const answer = await insist(engine, () => engine.table.update({ key: key.head(at), ...move }));
  const item = answer.status === 'ok' ? answer.value : answer.item;
  return { moved: answer.status === 'ok', again: answer.again, item: item && decodeHead(item) };
}

export function decodeHead(item: Item): HeadItem {
  const wire = item.t as Uint8Array[];
  const producers = new Map<string, bigint>();
  const open = new Set<string>();
  const marks = new Map<string, number>();
  let otherBytes = 0;
  for (const [name, value] of Object.entries(item)) {
    if (name !== 't') otherBytes += name.length + sizeOf(value);
    if (name[0] === 'P') producers.set(name, value as bigint);
    else if (name[0] === 'O' || name[0] === 'V') open.add(`P${name.slice(1)}`);
    else if (name[0] === 'X') marks.set(name, Number(value));
  }
  const entries = wire.map(decodeEntry);
  const rolledBytes = Number(item.rb);
  return {
    head: {
      highWatermark: Number(item.hw),
      logStart: Number(item.lo),
      tail: { base: Number(item.tb), entries, level: 0, before: rolledBytes },
      frontier: Number(item.c),
      generation: item.cg as string,
      floor: Number(item.gc),
      bytes: entries.reduce((sum, { length }) => sum + length, rolledBytes),
      trimmed: Number(item.lt),
    },
    wire,
    rollAt: Number(item.r),
    evictions: item.n as bigint,
    idleOffset: Number(item.e0),
    idleTime: Number(item.e1),
    rolledMaxTimestamp: Number(item.mt),
    rolledBytes,
    producers,
    open,
    marks,
    otherBytes,
    tailBytes: sizeOf(wire),
  };
}

/** The bytes that DynamoDB counts for a value. */
function sizeOf(value: StoredValue): number {
  if (typeof value === 'string') return Buffer.byteLength(value);
  if (typeof value === 'bigint') return Math.ceil(value.toString().length / 2) + 1;
  if (value instanceof Uint8Array) return value.length;
  if (Array.isArray(value)) return value.reduce<number>((sum, one) => sum + 1 + sizeOf(one), 3);
  return Object.entries(value).reduce((sum, [name, one]) => sum + 1 + Buffer.byteLength(name) + sizeOf(one), 3);
}
