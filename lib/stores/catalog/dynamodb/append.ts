import { LRUCache } from 'lru-cache';
import pLimit from 'p-limit';
import { VarveError } from '../../../errors.ts';
import type { AppendOutcome, Head, NewEntry, Partitions, TopicIdPartition } from '../partitions.ts';
import { attempt, type Marks } from './attempt.ts';
import { backOff, type Engine, forEach, insist, throttled } from './engine.ts';
import { encodeEntry } from './entry.ts';
import { findBatch } from './find.ts';
import { absentees, GROUP_ENTRIES, type Plan, plan, type Slot, TAIL_LIMIT } from './group.ts';
import { type HeadItem, producerAttribute, readHead } from './head.ts';
import { key } from './keys.ts';
import { crossed, overdue, roll } from './roll.ts';
import { type ProducerState, unpack } from './sequence.ts';
import { readSpilled } from './spill.ts';

/** Entries a call may bring. */
const CALL_ENTRIES = 200;
/** Above this a batch's bytes are dearer in the head than as an item of their own. */
const INLINE_BYTES = 300;
const CARRY_BYTES = 64 * 1_024;
/** What may wait for one partition; beyond, callers are told to come back. */
const WAITING_ENTRIES = 2_000;
const WAITING_BYTES = 16 * 1_024 * 1_024;
/** After this what is undecided is answered `unknown`. Within the 29 s that API Gateway gives a function. */
const DEADLINE_MS = 20_000;
/** An older head is read again before it is appended to: it bounds the pages that are searched after an unanswered request. */
const HEAD_AGE_MS = 60_000;
const HEADS = 1_000;
const CHUNK_PUTS = 32;
const LOOKUPS = 16;

/** A head, and the tick before it was asked for: it may refuse what came before that tick. */
interface SeenHead {
  item: HeadItem;
  tick: number;
  /** Monotonic milliseconds. */
  time: number;
}

/** What waits for one partition. One update of its head is in flight at a time, and carries what has gathered. */
interface Lane {
  at: TopicIdPartition;
  queue: Slot[];
  bytes: number;
  head: SeenHead | undefined;
  /** Attempts since the last one that was applied. */
  tries: number;
  /** The last attempt was turned away, and none is on its way since. */
  throttled: boolean;
  /** Resolves when the queue is empty. */
  drained: Promise<void>;
}

export interface Appender {
  append: Partitions['append'];
  /** Resolves when nothing is on its way. */
  drained(): Promise<void>;
}

export function appender(engine: Engine, marks: Marks): Appender {
  const lanes = new Map<string, Lane>();
  const heads = new LRUCache<string, SeenHead>({ max: HEADS });
  const chunkPuts = pLimit(CHUNK_PUTS);
  let ticks = 0;

  async function append(
    to: TopicIdPartition,
    entries: readonly NewEntry[],
    { signal }: { signal?: AbortSignal } = {},
  ): Promise<{ outcomes: AppendOutcome[]; head?: Head }> {
    check(entries);
    if (entries.length === 0) return { outcomes: [] };
    const name = key.head(to).pk;
    const lane = lanes.get(name) ?? {
      at: to,
      queue: [],
      bytes: 0,
      head: heads.get(name),
      tries: 0,
      throttled: false,
      drained: Promise.resolve(),
    };
    const bytes = entries.reduce((sum, entry) => sum + (entry.bytes?.length ?? 0), 0);
    if (lane.queue.length + entries.length > WAITING_ENTRIES || lane.bytes + bytes > WAITING_BYTES) {
      const cause = new VarveError(
        'THROTTLING_QUOTA_EXCEEDED',
        'Too much waits for this partition; send it again later.',
      );
      return { outcomes: entries.map(() => ({ status: 'unknown', cause })) };
    }
    const call = openCall(to, entries);
    const timedOut = () => {
      const late = new VarveError('REQUEST_TIMED_OUT', 'The append took too long; send it again.');
      call.giveUp(lane.throttled ? throttled(late) : late);
    };
    const aborted = () => call.giveUp(signal?.reason);
    const cancel = engine.clock.schedule(DEADLINE_MS, timedOut);
    signal?.addEventListener('abort', aborted, { once: true });
    if (signal?.aborted) aborted();
    lane.bytes += bytes;
    lane.queue.push(...call.slots);
    if (!lanes.has(name)) {
      lanes.set(name, lane);
      lane.drained = drain(name, lane);
    }
    await call.done;
    lane.bytes -= bytes;
    cancel();
    signal?.removeEventListener('abort', aborted);
    return call.result;
  }

  /** A call's entries as slots, and what they come to. */
  function openCall(at: TopicIdPartition, entries: readonly NewEntry[]) {
    const result: { outcomes: AppendOutcome[]; head?: Head } = { outcomes: [] };
    const { promise: done, resolve } = Promise.withResolvers<void>();
    let left = entries.length;
    const arrived = ++ticks;
    const call = { stale: Number.POSITIVE_INFINITY };
    const slots = entries.map((entry, i): Slot => {
      const place = !entry.bytes ? 'segment' : entry.bytes.length <= INLINE_BYTES ? 'inline' : 'chunk';
      const { promise: ready, resolve: isReady } = Promise.withResolvers<void>();
      const slot: Slot = {
        entry,
        wire: encodeEntry(entry, place),
        call,
        index: i,
        arrived,
        ready,
        settled: false,
        settle(outcome, head) {
          if (slot.settled) return;
          slot.settled = true;
          isReady();
          result.outcomes[i] = outcome;
          if (head) result.head = head;
          left -= 1;
          if (left === 0) resolve();
        },
      };
      if (place !== 'chunk') isReady();
      else {
        const put = async () => slot.settled || (await putChunk(at, entry));
        chunkPuts(put).then(
          () => isReady(),
          (cause) => slot.settle({ status: 'unknown', cause }),
        );
      }
      return slot;
    });
    const giveUp = (cause: unknown) => {
      for (const slot of slots) slot.settle({ status: 'unknown', cause });
    };
    return { slots, result, done, giveUp };
  }

  async function putChunk(at: TopicIdPartition, { id, bytes }: NewEntry): Promise<void> {
    await insist(engine, () => engine.table.put({ item: { ...key.chunk(at, id), b: bytes! } }));
  }

  async function drain(name: string, lane: Lane): Promise<void> {
    for (;;) {
      lane.queue = lane.queue.filter((slot) => !slot.settled);
      if (lane.queue.length === 0) {
        lanes.delete(name);
        heads.set(name, lane.head);
        return;
      }
      try {
        await step(lane);
      } catch (cause) {
        for (const slot of lane.queue) slot.settle({ status: 'unknown', cause });
      }
    }
  }

  /** Judges what is at the front of the queue by the head at hand, appends what may be, and settles what is decided. */
  async function step(lane: Lane): Promise<void> {
    const front = lane.queue.slice(0, GROUP_ENTRIES);
    await Promise.all(front.map((slot) => slot.ready));
    const slots = front.filter((slot) => !slot.settled);
    if (slots.length === 0) return;
    let head = fresh(lane.head) ?? (await look(lane));
    if (!head) return;
    let judged = await judgeBy(head.item, lane.at, slots);
    // Nobody is turned away by a head that is older than the question.
    const { tick } = head;
    if (judged.decided.some(({ slot, verdict }) => verdict.status === 'refused' && slot.arrived > tick)) {
      head = await look(lane);
      if (!head) return;
      judged = await judgeBy(head.item, lane.at, slots);
    }
    for (const { slot, verdict } of judged.decided) await settle(lane.at, slot, verdict, head.item, judged.spilled);
    if (judged.group.length === 0) return;
    if (head.item.wire.length < TAIL_LIMIT) return send(lane, judged, head);
    await backOff(engine, lane.tries++);
    if (overdue(head.item, engine)) await rollQuietly(lane, head.item);
    await look(lane);
  }

  /** Spilled producers are read after the head that lacks them. */
  async function judgeBy(head: HeadItem, at: TopicIdPartition, slots: readonly Slot[]) {
    const spilled = new Map<number, ProducerState | undefined>();
    await forEach(absentees(slots, head), LOOKUPS, async (id) => spilled.set(id, await readSpilled(engine, at, id)));
    return { ...plan(slots, head, spilled), spilled };
  }

  async function send(lane: Lane, planned: Plan, seen: SeenHead): Promise<void> {
    const tick = ++ticks;
    lane.throttled = false;
    const result = await attempt(engine, marks, lane.at, planned, seen.item);
    if (result.status === 'gone') return gone(lane, tick);
    if (result.status === 'unknown') {
      lane.head = undefined;
      for (const slot of planned.group) slot.settle(result);
      return;
    }
    if (result.status === 'busy') {
      lane.throttled = true;
      return backOff(engine, lane.tries++);
    }
    lane.head = { item: result.head, tick, time: engine.clock.monotonic() };
    if (result.status === 'refused') {
      lane.tries += 1;
      // Twice is a wrong guess about a producer or a full tail; more is a crowd.
      if (lane.tries > 2) await backOff(engine, lane.tries);
      return;
    }
    lane.tries = 0;
    const due = crossed(result.head, planned.group.length) || overdue(result.head, engine);
    const rolling = due ? rollQuietly(lane, result.head) : undefined;
    // A process that lives on answers first; a function may be frozen once it has answered.
    if (!marks.self) await rolling;
    let base = result.base;
    for (const slot of planned.group) {
      slot.settle({ status: 'appended', base }, result.head.head);
      base += slot.entry.count;
    }
    await rolling;
  }

  /** The append has succeeded whatever becomes of the roll: the next appender that finds it overdue does it. */
  async function rollQuietly(lane: Lane, head: HeadItem): Promise<void> {
    const tick = ++ticks;
    const item = await roll(engine, lane.at, head).catch(() => undefined);
    if (item) lane.head = { item, tick, time: engine.clock.monotonic() };
  }

  async function look(lane: Lane): Promise<SeenHead | undefined> {
    const tick = ++ticks;
    const item = await readHead(engine, lane.at);
    if (!item) return gone(lane, tick);
    lane.head = { item, tick, time: engine.clock.monotonic() };
    return lane.head;
  }

  function fresh(head: SeenHead | undefined): SeenHead | undefined {
    return head && engine.clock.monotonic() - head.time < HEAD_AGE_MS ? head : undefined;
  }

  /** The partition was not there at `tick`. */
  function gone(lane: Lane, tick: number): undefined {
    lane.head = undefined;
    for (const slot of lane.queue) {
      if (slot.arrived <= tick) slot.settle({ status: 'refused', code: 'UNKNOWN_TOPIC_OR_PARTITION' });
    }
  }

  async function settle(
    at: TopicIdPartition,
    slot: Slot,
    verdict: Plan['decided'][number]['verdict'],
    head: HeadItem,
    spilled: ReadonlyMap<number, ProducerState | undefined>,
  ): Promise<void> {
    if (verdict.status === 'stale') return slot.settle({ status: 'stale', floor: head.head.floor });
    if (verdict.status !== 'older') return slot.settle(verdict);
    const producer = slot.entry.producer!;
    const known = head.producers.get(producerAttribute(producer.id));
    const state = known === undefined ? spilled.get(producer.id) : unpack(known);
    const base = await findBatch(engine, at, head, producer, state!.base);
    slot.settle(
      base === undefined ? { status: 'refused', code: 'DUPLICATE_SEQUENCE_NUMBER' } : { status: 'duplicate', base },
    );
  }

  return {
    append,
    async drained() {
      await Promise.all([...lanes.values()].map((lane) => lane.drained));
    },
  };
}

function check(entries: readonly NewEntry[]): void {
  if (entries.length > CALL_ENTRIES) {
    throw new VarveError('INVALID_REQUEST', `At most ${CALL_ENTRIES} entries can be appended at once; split them.`);
  }
  if (entries.some((entry) => (entry.bytes?.length ?? 0) > CARRY_BYTES)) {
    throw new VarveError(
      'INVALID_REQUEST',
      `The catalog carries at most ${CARRY_BYTES} bytes an entry; put them in a segment.`,
    );
  }
}
