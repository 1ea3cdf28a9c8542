import pLimit from 'p-limit';
import { type Clock, sleep } from '../clock.ts';
import { asFailure, type VarveError } from '../errors.ts';
import type { Head, TopicIdPartition } from '../stores/catalog/partitions.ts';
import type { FetchAllOptions, Fetched, Wanted } from './event-log.ts';
import type { Heads } from './heads.ts';
import { MAX_FETCH_BYTES, MAX_WAIT_MS, nextOffset, type Reader } from './reader.ts';
import { isUnknownTopic } from './topic-name.ts';

export interface FetchAllDeps {
  reader: Reader;
  heads: Heads;
  clock: Clock;
  /**
   * The partition, with `offset` in its range: UNKNOWN_TOPIC_OR_PARTITION, UNKNOWN_TOPIC_ID, OFFSET_OUT_OF_RANGE. `waits`: as
   * `Reader.head` has it.
   */
  look(wanted: Wanted, offset: number, waits: boolean): Promise<{ of: TopicIdPartition; head: Head }>;
}

/** Partitions whose batches are loaded at the same time. */
const AT_ONCE = 16;
const LOOKS_AT_ONCE = 64;

/** One partition's part of the answer, as it grows. */
interface Lane {
  wanted: Wanted;
  of?: TopicIdPartition;
  answer: Fetched;
  failure?: VarveError;
  /** Where to go on. */
  next: number;
  /** Bytes that it may still add. */
  room: number;
  /** Its next batch does not fit any more. */
  full: boolean;
}

/**
 * Fetches from many partitions together. What was found is kept while more is waited for, so that a wait for many bytes reads
 * each batch once.
 */
export async function fetchAll(
  deps: FetchAllDeps,
  wanted: readonly Wanted[],
  { maxBytes, minBytes, wait, memory, signal }: FetchAllOptions,
): Promise<(Fetched | VarveError)[]> {
  const { reader, heads, clock } = deps;
  const until = clock.monotonic() + Math.min(wait, MAX_WAIT_MS);
  const lanes = wanted.map((one): Lane => {
    const room = Math.min(one.maxBytes, MAX_FETCH_BYTES);
    const answer = { batches: [], highWatermark: -1, logStart: -1 };
    return { wanted: one, answer, next: one.offset, room, full: room <= 0 };
  });
  const most = Math.min(maxBytes, MAX_FETCH_BYTES);
  /** Bytes that may still be read before the next wait, and those that have been found. */
  let left = 0;
  let found = 0;

  async function look(lane: Lane): Promise<void> {
    if (lane.failure) return;
    try {
      const { of, head } = await deps.look(lane.wanted, lane.next, wait > 0);
      lane.of = of;
      lane.answer.highWatermark = head.highWatermark;
      lane.answer.logStart = head.logStart;
    } catch (error) {
      lane.failure = asFailure(error);
    }
  }

  async function load(lane: Lane, granted: number, strict: boolean): Promise<void> {
    left -= granted;
    let taken = 0;
    const read = () => reader.fetch(lane.of!, lane.next, { maxBytes: granted, strict });
    try {
      const { batches } = await read().catch(async (error) => {
        // Deleted since it was looked at, and perhaps made anew: then it is the new topic that has the name.
        if (!isUnknownTopic(error) || lane.answer.batches.length > 0) throw error;
        await look(lane);
        return read();
      });
      for (const batch of batches) {
        lane.answer.batches.push(batch);
        taken += batch.length;
      }
      lane.full = batches.length === 0;
      const last = batches.at(-1);
      if (last) lane.next = nextOffset(last);
    } catch (error) {
      // What was read before it is an answer too; the failure will be met again.
      if (lane.answer.batches.length === 0) lane.failure = asFailure(error);
      else lane.full = true;
    }
    lane.room -= taken;
    left += granted - taken;
    found += taken;
  }

  const hasMore = (lane: Lane) => !lane.failure && !lane.full && lane.next < lane.answer.highWatermark;

  /** Adds what there is. */
  async function gather(): Promise<void> {
    await pLimit(LOOKS_AT_ONCE).map(lanes, look);
    const underway = new Set<Promise<void>>();
    for (const lane of lanes.filter(hasMore)) {
      while ((left <= 0 || underway.size >= AT_ONCE) && underway.size > 0) await Promise.race(underway);
      if (left <= 0) break;
      const loading = load(lane, Math.min(lane.room, left), true).finally(() => underway.delete(loading));
      underway.add(loading);
    }
    await Promise.all(underway);
    if (found > 0) return;
    const first = lanes.find((lane) => !lane.failure && lane.next < lane.answer.highWatermark);
    if (first) await load(first, 1, false);
  }

  for (;;) {
    left = memory ? memory.take(most - found) : most - found;
    await gather();
    memory?.give(left);
    const ms = until - clock.monotonic();
    const isDone = found >= minBytes || left <= 0 || lanes.some(({ failure }) => failure);
    if (isDone || ms <= 0 || signal?.aborted || lanes.some(hasMore)) break;
    const waiting = lanes.filter((lane) => !lane.full);
    if (waiting.length === 0 && lanes.length > 0) break;
    if (lanes.length === 0) await sleep(clock, ms, signal);
    else
      await heads.wait(
        waiting.map(({ of, next }) => ({ of: of!, offset: next })),
        ms,
        signal,
      );
  }
  return lanes.map(({ failure, answer }) => failure ?? answer);
}
