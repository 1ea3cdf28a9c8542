import pLimit from 'p-limit';
import { type Clock, sleep } from '../../clock.ts';
import { VarveError } from '../../errors.ts';
import type { Catalog } from '../../stores/catalog/catalog.ts';
import type { TopicIdPartition } from '../../stores/catalog/partitions.ts';
import { type Heads, NOW } from '../heads.ts';
import { MAX_WAIT_MS, type Reader } from '../reader.ts';
import { unknownTopic } from '../topic-name.ts';
import type { ConsumedBatch, ConsumerOptions } from './consumer.ts';
import type { KeptLease } from './kept-lease.ts';

export interface SessionDeps {
  catalog: Catalog;
  reader: Pick<Reader, 'poll'>;
  heads: Pick<Heads, 'get' | 'wait'>;
  clock: Clock;
}

/** What a consumer does while it holds its group: reads all partitions from the committed offsets on, and commits. */
export interface Session {
  /** Reads until the signal aborts or the group is lost; rejects with what cannot be overcome by trying again. */
  run(): Promise<void>;
  /** The next batch that was read, if there is one and the group is still held. */
  take(): ConsumedBatch | undefined;
  /** Resolves when the commits that were asked for are decided. */
  settled(): Promise<void>;
}

/** Batches that wait for the caller, of all partitions together. A partition queues for its next turn behind the others. */
const BATCHES_READY = 16;
const LOOK_UPS_AT_ONCE = 16;
const MAX_BATCH_BYTES = 1024 * 1024;
/** How often new partitions, and topics that were made anew, are looked for. */
const REFRESH_MS = 3_000;
const RETRY_FIRST_MS = 50;
const RETRY_LAST_MS = 2_000;
/** A partition that cannot be read for this long ends the consumer. */
const PATIENCE_MS = 60_000;

/** One partition and its place in it. */
interface Lane {
  topic: string;
  of: TopicIdPartition;
  /** The offset that is known to be committed; -1 when none. */
  committed: number;
  /** False when that lies beyond the partition's end: then the next commit goes back. */
  forward: boolean;
  committing: Promise<void>;
  /** Aborts when the partition is no longer read. */
  signal: AbortSignal;
  stop(): void;
}

export function createSession(
  deps: SessionDeps,
  options: Required<Omit<ConsumerOptions, 'signal'>>,
  held: KeptLease,
  signal: AbortSignal,
  onReady: () => void,
): Session {
  const { catalog, reader, heads, clock } = deps;
  const { group, topics, maxRecords } = options;
  const lanes = new Map<string, Lane>();
  const ready: ConsumedBatch[] = [];
  const turns: (() => void)[] = [];
  const failed = new AbortController();
  const ending = AbortSignal.any([signal, held.lost, failed.signal]);
  const lookUps = pLimit(LOOK_UPS_AT_ONCE);
  let free = BATCHES_READY;

  async function turn(): Promise<void> {
    if (free > 0) free--;
    else await new Promise<void>((resolve) => turns.push(resolve));
  }

  function giveTurn(): void {
    const next = turns.shift();
    if (next) next();
    else free++;
  }

  /** Takes up partitions that are new and drops those that are gone. */
  async function refresh(known: boolean): Promise<void> {
    const found = await Promise.all(topics.map((name) => catalog.topics.get(name)));
    const missing = found.indexOf(undefined);
    if (missing >= 0 && !known) throw unknownTopic(topics[missing]!);
    const ids = new Set(found.map((topic) => topic?.id));
    for (const lane of lanes.values()) if (!ids.has(lane.of.topicId)) drop(lane);

    const fresh = found.flatMap((topic) =>
      Array.from({ length: topic?.partitions ?? 0 }, (_, partition) => ({
        topic: topic!.name,
        of: { topicId: topic!.id, partition },
      })).filter(({ of }) => !lanes.has(keyOf(of))),
    );
    if (fresh.length === 0) return;
    const claimed = await catalog.groups.claim(
      group,
      held.generation,
      fresh.map(({ of }) => of),
    );
    if (claimed === 'fenced') throw illegalGeneration(group);
    if (ending.aborted) return;
    const committed = new Map(claimed.map((offset) => [keyOf(offset), offset.offset]));
    for (const { topic, of } of fresh) begin(topic, of, committed.get(keyOf(of)), known);
  }

  function begin(topic: string, of: TopicIdPartition, committed: number | undefined, late: boolean): void {
    const stop = new AbortController();
    const lane: Lane = {
      topic,
      of,
      committed: committed ?? -1,
      forward: true,
      committing: Promise.resolve(),
      signal: AbortSignal.any([ending, stop.signal]),
      stop: () => stop.abort(),
    };
    lanes.set(keyOf(of), lane);
    // A partition that appears under a running consumer holds nothing that was there before it: all of it is new.
    read(lane, committed, late ? 'earliest' : options.autoOffsetReset).catch((error) => {
      if (!lane.signal.aborted) failed.abort(error);
    });
  }

  function drop(lane: Lane): void {
    lane.stop();
    lanes.delete(keyOf(lane.of));
  }

  async function read(lane: Lane, committed: number | undefined, reset: 'earliest' | 'latest'): Promise<void> {
    let offset = committed;
    let failingSince: number | undefined;
    let pause = RETRY_FIRST_MS;
    while (!lane.signal.aborted) {
      try {
        offset ??= await resetOffset(lane, reset);
        await waitFor(lane, offset);
        await turn();
        offset = await readBatch(lane, offset);
        failingSince = undefined;
        pause = RETRY_FIRST_MS;
      } catch (error) {
        if (lane.signal.aborted) return;
        if (!(error instanceof VarveError)) throw error;
        if (error.code === 'UNKNOWN_TOPIC_OR_PARTITION') return drop(lane);
        if (error.code === 'OFFSET_OUT_OF_RANGE') {
          offset = undefined;
          continue;
        }
        failingSince ??= clock.monotonic();
        if (!error.retriable || clock.monotonic() - failingSince > PATIENCE_MS) throw error;
        await sleep(clock, pause, lane.signal);
        pause = Math.min(pause * 2, RETRY_LAST_MS);
      }
    }
  }

  async function resetOffset(lane: Lane, reset: 'earliest' | 'latest'): Promise<number> {
    const head = await lookUps(() => heads.get(lane.of, NOW));
    if (!head) throw unknownTopic(lane.topic);
    const offset = reset === 'earliest' ? head.logStart : head.highWatermark;
    if (lane.committed > offset) {
      // A committed offset beyond the partition's end must not keep the group from committing what there is.
      lane.committed = offset;
      lane.forward = false;
    }
    return offset;
  }

  /** Holds nothing while it waits: thousands of quiet partitions cost a waiter each. */
  async function waitFor({ of, topic, signal }: Lane, offset: number): Promise<void> {
    while (!signal.aborted) {
      const head = await lookUps(() => heads.get(of));
      if (!head) throw unknownTopic(topic);
      if (head.highWatermark !== offset) return;
      await heads.wait([{ of, offset }], MAX_WAIT_MS, signal);
    }
  }

  /** Has a turn, and passes it on with the batch, or gives it back. Answers where to go on. */
  async function readBatch(lane: Lane, offset: number): Promise<number> {
    let passed = false;
    try {
      if (lane.signal.aborted) return offset;
      const { records, next } = await reader.poll(lane.of, offset, {
        maxRecords,
        maxBytes: MAX_BATCH_BYTES,
        signal: lane.signal,
      });
      if (records.length > 0 && !lane.signal.aborted) {
        passed = true;
        const { topic, of } = lane;
        ready.push({ topic, partition: of.partition, records, commit: () => commit(lane, next) });
        onReady();
      }
      return next;
    } finally {
      if (!passed) giveTurn();
    }
  }

  /** One commit at a time per partition, so that none undoes a later one. */
  function commit(lane: Lane, next: number): Promise<void> {
    const done = lane.committing.then(async () => {
      if (lane.committed >= next) return;
      if (!held.holds()) throw illegalGeneration(group);
      const offset = { topic: lane.topic, ...lane.of, offset: next };
      const { forward } = lane;
      const outcome = await catalog.groups.commit(group, held.generation, [offset], { forward });
      if (outcome === 'fenced') throw illegalGeneration(group);
      lane.committed = next;
      lane.forward = true;
    });
    lane.committing = done.catch(() => {});
    return done;
  }

  return {
    async run() {
      let known = false;
      try {
        while (!ending.aborted) {
          try {
            await refresh(known);
            known = true;
          } catch (error) {
            if (ending.aborted) break;
            if (!(error instanceof VarveError && error.retriable)) throw error;
          }
          await sleep(clock, known ? REFRESH_MS : RETRY_LAST_MS, ending);
        }
        if (failed.signal.aborted) throw failed.signal.reason;
      } finally {
        for (const lane of lanes.values()) lane.stop();
        ready.length = 0;
        for (const next of turns.splice(0)) next();
      }
    },

    take() {
      if (!held.holds() || ending.aborted) return undefined;
      const batch = ready.shift();
      if (batch) giveTurn();
      return batch;
    },

    async settled() {
      await Promise.all([...lanes.values()].map(({ committing }) => committing));
    },
  };
}

function keyOf({ topicId, partition }: TopicIdPartition): string {
  return `${topicId}#${partition}`;
}

function illegalGeneration(group: string): VarveError {
  return new VarveError(
    'ILLEGAL_GENERATION',
    `This consumer no longer holds the group "${group}": its records since the last commit are delivered again.`,
  );
}
