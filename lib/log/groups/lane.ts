import { type Clock, sleep } from '../../clock.ts';
import { VarveError } from '../../errors.ts';
import type { TopicIdPartition } from '../../stores/catalog/partitions.ts';
import type { From } from '../event-log.ts';
import { type Heads, NOW } from '../heads.ts';
import { offsetOf } from '../offset-of.ts';
import { MAX_WAIT_MS, type Reader } from '../reader.ts';
import { unknownTopic } from '../topic-name.ts';
import type { Turns } from './turns.ts';

/** One partition of a consumer, and its place in it. */
export interface Lane {
  readonly topic: string;
  readonly of: TopicIdPartition;
  /** Reads on, unless it is paused: from where it was, or from what is committed when somebody else has moved that. */
  goOn(committed: number | undefined): void;
  /** Reads no more, and forgets what it read ahead. What was handed out may still be committed. */
  stop(): void;
  isReading(): boolean;
  /** Nothing is committed any more either. */
  end(): void;
  isOver(): boolean;
  pause(): void;
  resume(): void;
  /** Goes on from there; the next commit after that may set the group back. */
  seek(to: From): void;
  /** Resolves when the commits that were asked for are decided. */
  settled(): Promise<void>;
}

export interface LaneDeps {
  reader: Pick<Reader, 'poll' | 'offsetAt'>;
  heads: Pick<Heads, 'get' | 'wait'>;
  clock: Clock;
  turns: Turns<Lane>;
  lookUps<T>(look: () => Promise<T>): Promise<T>;
  /** Rejects with ILLEGAL_GENERATION when the partition is another's. */
  commit(lane: Lane, offset: number, forward: boolean): Promise<void>;
  onReady(): void;
  /** The partition is said to be gone. */
  onGone(): void;
  onFailure(error: unknown): void;
}

export interface LaneStart {
  topic: string;
  of: TopicIdPartition;
  committed: number | undefined;
  /** Where it begins when nothing is committed, or what was is gone. */
  reset: 'earliest' | 'latest';
  maxRecords: number;
}

const MAX_BATCH_BYTES = 1024 * 1024;
const RETRY_FIRST_MS = 50;
const RETRY_LAST_MS = 2_000;
/** A partition that cannot be read for this long ends the consumer. */
const PATIENCE_MS = 60_000;

/** Begins to read, until `ending` aborts. */
export function createLane(deps: LaneDeps, start: LaneStart, ending: AbortSignal): Lane {
  const { reader, heads, clock, turns, lookUps } = deps;
  const { topic, of, reset, maxRecords } = start;
  /** Where what is handed out next begins; undefined: where `reset` says. */
  let position: From | undefined = start.committed;
  /** What is committed, as far as is known, and what may be, because nobody answered. */
  let known = start.committed ?? -1;
  let tried = known;
  /** No commit below this does anything. */
  let reached = known;
  /** False when the next commit may go back. */
  let forward = true;
  /** Rises with every seek: what was handed out before one no longer says where the consumer is. */
  let era = 0;
  let committing = Promise.resolve();
  let leg: AbortController | undefined;
  let isPaused = false;
  let isOver = false;

  function read(): void {
    if (leg || isPaused || isOver) return;
    leg = new AbortController();
    const signal = AbortSignal.any([ending, leg.signal]);
    readFrom(position, signal).catch((error) => {
      if (!signal.aborted) deps.onFailure(error);
    });
  }

  function stop(): void {
    leg?.abort();
    leg = undefined;
    turns.drop(lane);
  }

  async function readFrom(from: From | undefined, signal: AbortSignal): Promise<void> {
    let where = from;
    let offset: number | undefined;
    let failingSince: number | undefined;
    let pause = RETRY_FIRST_MS;
    while (!signal.aborted) {
      try {
        offset ??= await resolve(where);
        await waitFor(offset, signal);
        await turns.turn();
        offset = await readBatch(offset, signal);
        failingSince = undefined;
        pause = RETRY_FIRST_MS;
      } catch (error) {
        if (signal.aborted) return;
        if (!(error instanceof VarveError)) throw error;
        if (error.code === 'OFFSET_OUT_OF_RANGE') {
          where = undefined;
          offset = undefined;
          continue;
        }
        if (error.code === 'UNKNOWN_TOPIC_OR_PARTITION') deps.onGone();
        else if (error.code !== 'ILLEGAL_GENERATION') {
          failingSince ??= clock.monotonic();
          if (!error.retriable || clock.monotonic() - failingSince > PATIENCE_MS) throw error;
        }
        await sleep(clock, pause, signal);
        pause = Math.min(pause * 2, RETRY_LAST_MS);
      }
    }
  }

  async function resolve(where: From | undefined): Promise<number> {
    if (typeof where === 'number') return where;
    const head = await lookUps(() => heads.get(of, NOW));
    if (!head) throw unknownTopic(topic);
    const offset = await offsetOf(reader, of, head, where ?? reset);
    if (where !== undefined) return offset;
    if (reached > offset) {
      // A committed offset beyond the partition's end must not keep the group from committing what there is.
      reached = offset;
      forward = false;
    }
    // Who takes the partition over before anything else is committed must not begin at a later end.
    if (reset === 'latest') await commit(offset, era);
    return offset;
  }

  /** Holds nothing while it waits: thousands of quiet partitions cost a waiter each. */
  async function waitFor(offset: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const head = await lookUps(() => heads.get(of));
      if (!head) throw unknownTopic(topic);
      if (head.highWatermark !== offset) return;
      await heads.wait([{ of, offset }], MAX_WAIT_MS, signal);
    }
  }

  /** Has a turn, and passes it on with the batch, or gives it back. Answers where to go on. */
  async function readBatch(offset: number, signal: AbortSignal): Promise<number> {
    let isPassedOn = false;
    try {
      if (signal.aborted) return offset;
      const { records, next } = await reader.poll(of, offset, { maxRecords, maxBytes: MAX_BATCH_BYTES, signal });
      if (records.length > 0 && !signal.aborted) {
        isPassedOn = true;
        const readIn = era;
        turns.put({
          owner: lane,
          take() {
            position = next;
            return { topic, partition: of.partition, records, commit: () => commit(next, readIn) };
          },
        });
        deps.onReady();
      }
      return next;
    } finally {
      if (!isPassedOn) turns.give();
    }
  }

  /** One commit at a time, so that none undoes a later one. */
  function commit(next: number, readIn: number): Promise<void> {
    const done = committing.then(async () => {
      if (readIn === era && reached >= next) return;
      tried = next;
      await deps.commit(lane, next, forward || readIn !== era);
      known = next;
      if (readIn !== era) return;
      reached = next;
      forward = true;
    });
    committing = done.catch(() => {});
    return done;
  }

  const lane: Lane = {
    topic,
    of,
    goOn(committed) {
      if (committed !== undefined && committed !== known && committed !== tried) {
        stop();
        position = committed;
        reached = committed;
        forward = true;
      }
      known = committed ?? known;
      read();
    },
    stop,
    isReading: () => leg !== undefined,
    end() {
      stop();
      isOver = true;
    },
    isOver: () => isOver,
    pause() {
      isPaused = true;
      stop();
    },
    resume() {
      isPaused = false;
      read();
    },
    seek(to) {
      stop();
      era++;
      reached = -1;
      forward = false;
      position = to;
      read();
    },
    settled: () => committing,
  };
  read();
  return lane;
}
