import { timeOf } from '../../../ids.ts';
import type { TopicIdPartition } from '../partitions.ts';
import { type Engine, fraction, insist } from './engine.ts';
import { decodeHead, type HeadItem } from './head.ts';
import { key } from './keys.ts';
import { endOf, maxTimestampOf, putRun } from './runs.ts';
import { type Eviction, evictable, spill } from './spill.ts';

/** Moving the tail into a page: the page is put if absent, then the tail is cut if it still begins where it began. */

/** No signed request lives longer, so what a mark of this age cancelled can no longer arrive. */
const MARK_LIFE_MS = 15 * 60_000;
/** What the condition of one update has room for, beside the producers. */
const MARKS = 60;
const OVERDUE_MS = 300;
const OVERDUE_CHANCE = 0.15;
const UNIT_BYTES = 1_024;
/** The next entries may be a little longer than those seen. */
const SPARE_BYTES = 24;
/** How long a roll takes: what is appended meanwhile has to fit as well. */
const ROLL_MS = 20;
const ROLL_AT_LEAST = 2;
const ROLL_AT_MOST = 48;
/** A roller that cannot get ahead leaves the rest to the next appender. */
const ROUNDS = 8;

/** Whether an append of `added` entries took the tail across its limit: exactly one appender sees that. */
export function crossed({ wire, rollAt }: HeadItem, added: number): boolean {
  return wire.length >= rollAt && wire.length - added < rollAt;
}

/** Whether to roll in place of whoever should have: sometimes, once the entry at the limit is old. */
export function overdue({ head, rollAt }: HeadItem, { clock, random }: Engine): boolean {
  const limit = head.tail.entries[rollAt - 1];
  return limit !== undefined && clock.now() - timeOf(limit.id) > OVERDUE_MS && fraction(random) < OVERDUE_CHANCE;
}

/** Rolls until the tail is short. The last head seen; undefined when the partition is gone. */
export async function roll(engine: Engine, at: TopicIdPartition, seen: HeadItem): Promise<HeadItem | undefined> {
  let head = seen;
  for (let round = 0; round < ROUNDS && head.wire.length > 0; round += 1) {
    const { trimmed, item } = await rollOnce(engine, at, head);
    if (!item) return undefined;
    head = item;
    if (!trimmed || head.wire.length < head.rollAt) break;
  }
  return head;
}

async function rollOnce(engine: Engine, at: TopicIdPartition, seen: HeadItem) {
  const { tail } = seen.head;
  const page = putRun(key.page(at, endOf(tail) - 1), tail, seen.wire, seen.rolledMaxTimestamp);
  await insist(engine, () => engine.table.put(page));
  const now = engine.clock.now();
  const old = [...seen.marks].filter(([, mark]) => mark < now - MARK_LIFE_MS);
  const marks = old.slice(0, MARKS).map(([name]) => name);
  const eviction = evictable(seen, now);
  if (eviction) await spill(engine, at, eviction, now);
  const answer = await trim(engine, at, seen, now, { marks, eviction });
  const cleaned = marks.length > 0 || eviction !== undefined;
  // A mark was raised or a producer came back: cut the tail, and leave them to the next roll.
  if (!answer.trimmed && cleaned && answer.item?.head.tail.base === tail.base) {
    return trim(engine, at, seen, now, { marks: [], eviction: undefined });
  }
  return answer;
}

async function trim(
  engine: Engine,
  at: TopicIdPartition,
  seen: HeadItem,
  now: number,
  { marks, eviction }: { marks: string[]; eviction: Eviction | undefined },
): Promise<{ trimmed: boolean; item: HeadItem | undefined }> {
  const { tail } = seen.head;
  const set = ['tb = :new', 'r = :r', 'mt = :mt', 'rb = :rb'];
  // Descending: one of the test engines shifts the list while it removes.
  const remove = seen.wire.map((_, i) => `t[${seen.wire.length - 1 - i}]`);
  const conditions = ['tb = :old'];
  const names: Record<string, string> = {};
  const values: Record<string, bigint | number> = {
    ':old': tail.base,
    ':new': endOf(tail),
    ':r': nextRollAt(seen),
    ':mt': Math.max(seen.rolledMaxTimestamp, maxTimestampOf(tail)),
    ':rb': seen.head.bytes,
  };
  if (marks.length > 0) values[':lim'] = now - MARK_LIFE_MS;
  for (const [i, name] of marks.entries()) {
    names[`#x${i}`] = name;
    remove.push(`#x${i}`);
    conditions.push(`#x${i} < :lim`);
  }
  for (const [i, [name, state]] of (eviction?.producers ?? []).entries()) {
    names[`#p${i}`] = name;
    values[`:p${i}`] = state;
    remove.push(`#p${i}`);
    conditions.push(`#p${i} = :p${i}`);
  }
  if (eviction && eviction.producers.length > 0) {
    set.push('n = n + :one');
    values[':one'] = 1;
  }
  if (eviction?.tick) {
    set.push('e0 = hw', 'e1 = :now');
    values[':now'] = now;
  }
  // Repeated when unanswered: the tail begins elsewhere once it is applied.
  const answer = await insist(engine, () =>
    engine.table.update({
      key: key.head(at),
      update: `SET ${set.join(', ')} REMOVE ${remove.join(', ')}`,
      condition: conditions.join(' AND '),
      names,
      values,
    }),
  );
  const item = answer.status === 'ok' ? answer.value : answer.item;
  return { trimmed: answer.status === 'ok', item: item && decodeHead(item) };
}

/**
 * As many entries as make an append cheapest, its share of page and trim included: a long tail makes appends dearer, a short one
 * rolls often. At least so many that a roller gets ahead of what arrives meanwhile.
 */
function nextRollAt({ head, wire, tailBytes, otherBytes }: HeadItem): number {
  const times = head.tail.entries.map((entry) => timeOf(entry.id));
  const span = Math.max(1, Math.max(...times) - Math.min(...times));
  const arriving = ((wire.length - 1) / span) * ROLL_MS;
  const meanwhile = Math.round(arriving);
  const entryBytes = tailBytes / wire.length;
  const unitsOf = (entries: number) => Math.ceil((otherBytes + entries * entryBytes + SPARE_BYTES) / UNIT_BYTES);
  let best = Math.min(ROLL_AT_MOST, Math.max(ROLL_AT_LEAST, Math.ceil(1.5 * arriving)));
  let cheapest = Number.POSITIVE_INFINITY;
  for (let entries = best; entries <= ROLL_AT_MOST; entries += 1) {
    let units = unitsOf(entries + meanwhile) + unitsOf(entries);
    for (let i = 1; i <= entries; i += 1) units += unitsOf(meanwhile + i);
    if (units / entries >= cheapest) continue;
    cheapest = units / entries;
    best = entries;
  }
  return best;
}
