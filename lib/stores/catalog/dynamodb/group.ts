import { timeOf } from '../../../ids.ts';
import type { AppendOutcome, Head, NewEntry, TopicIdPartition } from '../partitions.ts';
import { type HeadItem, producerAttribute } from './head.ts';
import { key } from './keys.ts';
import { judge, type ProducerState, pack, sequenceAfter, statesBefore, unpack, type Verdict } from './sequence.ts';
import type { Update, Value } from './table.ts';

/** A group commit: what waits for a partition, judged by a head, as one update of it. */

/** One entry on its way. */
export interface Slot {
  entry: NewEntry;
  /** As it will be stored. */
  wire: Uint8Array;
  /** The call that brought it, and where in it the first stale entry is: all that follow that one are stale too. */
  call: { stale: number };
  /** Its place in the call. */
  index: number;
  /** When it came, in the appender's ticks. */
  arrived: number;
  /** Resolves, always, when the bytes that travel beside the entry are durable, or the slot is settled. */
  ready: Promise<void>;
  settled: boolean;
  settle(outcome: AppendOutcome, head?: Head): void;
}

export const GROUP_ENTRIES = 128;
/** 134 producers fill the 4 KB of a condition. */
const GROUP_PRODUCERS = 100;
/** A tail of this length takes no more before it is rolled. */
export const TAIL_LIMIT = 96;

interface Clause {
  when: 'known' | 'epoch' | 'absent';
  first: { epoch: number; sequence: number };
  /** The sequence after the group's last batch of this producer. */
  next: number;
  /** Records of the group before that batch. */
  before: number;
}

export interface Plan {
  /** What goes into the update, in order. A producer's batches are contiguous in sequence. */
  group: Slot[];
  producers: ReadonlyMap<number, Clause>;
  /** What the head already decides. */
  decided: { slot: Slot; verdict: Exclude<Verdict, { status: 'accept' }> | { status: 'stale' } }[];
}

/** Producers of these slots that the head does not know. */
export function absentees(slots: readonly Slot[], head: HeadItem): number[] {
  const ids = slots.flatMap(({ entry }) => (entry.producer ? [entry.producer.id] : []));
  return [...new Set(ids)].filter((id) => !head.producers.has(producerAttribute(id)));
}

/** Takes slots from the front until one has to wait for the next group. `spilled` has the state of each absentee. */
export function plan(
  slots: readonly Slot[],
  head: HeadItem,
  spilled: ReadonlyMap<number, ProducerState | undefined>,
): Plan {
  const group: Slot[] = [];
  const producers = new Map<number, Clause>();
  const decided: Plan['decided'] = [];
  let records = 0;
  for (const slot of slots) {
    const { entry, call, index } = slot;
    const { producer } = entry;
    if (index > call.stale) {
      decided.push({ slot, verdict: { status: 'stale' } });
      continue;
    }
    const clause = producer && producers.get(producer.id);
    if (clause && (producer.epoch !== clause.first.epoch || producer.sequence !== clause.next)) break;
    let when = clause?.when;
    if (producer && !clause) {
      const known = head.producers.get(producerAttribute(producer.id));
      const verdict = judge(known === undefined ? spilled.get(producer.id) : unpack(known), producer, entry.count);
      if (verdict.status !== 'accept') {
        decided.push({ slot, verdict });
        continue;
      }
      if (producers.size === GROUP_PRODUCERS) break;
      when = known === undefined ? 'absent' : verdict.when;
    }
    if (timeOf(entry.id) <= head.head.floor) {
      call.stale = index;
      decided.push({ slot, verdict: { status: 'stale' } });
      continue;
    }
    if (producer && when) {
      const next = sequenceAfter(producer.sequence, entry.count);
      producers.set(producer.id, { when, first: clause?.first ?? producer, next, before: records });
    }
    group.push(slot);
    records += entry.count;
  }
  return { group, producers, decided };
}

export function recordsOf(group: readonly Slot[]): number {
  return group.reduce((sum, { entry }) => sum + entry.count, 0);
}

export interface Mark {
  /** The attribute that names this process. */
  name: string;
  number: number;
  /** Whether the append itself raises the mark to its number, so that it is applied at most once however often it is sent. */
  self: boolean;
}

/** Right-hand sides see old values, so `hw` below is the group's base offset. Nothing is conditioned on it. */
export function appendRequest(at: TopicIdPartition, { group, producers }: Plan, head: HeadItem, mark: Mark): Update {
  const set = ['hw = hw + :n', 't = list_append(t, :l)'];
  const conditions = ['(attribute_not_exists(#X) OR #X < :a)', 'size(t) < :max', 'gc < :time'];
  const names: Record<string, string> = { '#X': mark.name };
  const values: Record<string, Value> = {
    ':n': recordsOf(group),
    ':l': group.map((slot) => slot.wire),
    ':a': mark.number,
    ':max': TAIL_LIMIT,
    ':time': Math.min(...group.map(({ entry }) => timeOf(entry.id))),
  };
  if (mark.self) set.push('#X = :a');
  let i = 0;
  let absent = false;
  for (const [id, { when, first, next, before }] of producers) {
    const [p, c, l, h] = [`#p${i}`, `:c${i}`, `:l${i}`, `:h${i}`] as const;
    names[p] = producerAttribute(id);
    values[c] = pack({ epoch: first.epoch, next, base: before });
    set.push(`${p} = ${c} + hw`);
    const { low, high } = statesBefore(first);
    if (when === 'absent') {
      conditions.push(`attribute_not_exists(${p})`);
      absent = true;
    } else if (when === 'epoch') {
      conditions.push(`${p} < ${l}`);
      values[l] = low;
    } else {
      conditions.push(`${p} BETWEEN ${l} AND ${h}`);
      values[l] = low;
      values[h] = high;
    }
    i += 1;
  }
  if (absent) {
    // What was read of spilled producers holds as long as nobody was evicted since.
    conditions.push('n = :at');
    values[':at'] = head.evictions;
  }
  return { key: key.head(at), update: `SET ${set.join(', ')}`, condition: conditions.join(' AND '), names, values };
}
