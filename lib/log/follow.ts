import { setImmediate } from 'node:timers/promises';
import { type Clock, sleep } from '../clock.ts';
import { VarveError } from '../errors.ts';
import type { Topic } from '../stores/catalog/topics.ts';
import type { From, ReadOptions, ReadRecord } from './event-log.ts';
import type { Heads } from './heads.ts';
import { DEFAULT_MAX_BYTES, MAX_WAIT_MS, type Reader } from './reader.ts';

export interface FollowDeps {
  reader: Reader;
  heads: Heads;
  clock: Clock;
  /** How many partitions the topic has now; as many as were seen when it is gone. */
  partitionsOf(topic: Topic): Promise<number>;
  /** The offset that `from` means for a partition, and its high watermark. */
  resolve(topic: Topic, partition: number, from: From): Promise<{ offset: number; latest: number }>;
  /** Aborts when the log closes. */
  closing: AbortSignal;
}

/** Chunks of records that may wait for the caller at the same time. */
const CHUNKS_READY = 16;
/** How often an endless read of a topic looks for partitions that were added. Kafka's consumers look every five minutes. */
export const GROWTH_MS = 3_000;

/**
 * Reads partitions side by side, each in its order; those that are added meanwhile from their beginning. All together they read at most CHUNKS_READY chunks ahead of the caller, and
 * take turns in that, so a slow caller costs no memory and no partition starves another.
 */
export async function* follow(deps: FollowDeps, topic: Topic, options: ReadOptions): AsyncGenerator<ReadRecord> {
  const {
    partition,
    from = 'earliest',
    positions = {},
    follow: endless = true,
    maxBytes = DEFAULT_MAX_BYTES,
  } = options;
  const stop = new AbortController();
  const signals = [stop.signal, deps.closing, ...(options.signal ? [options.signal] : [])];
  const signal = AbortSignal.any(signals);
  const partitions = partition === undefined ? Array.from({ length: topic.partitions }, (_, i) => i) : [partition];

  const ready: ReadRecord[][] = [];
  const turns: (() => void)[] = [];
  let free = CHUNKS_READY;
  let running = 0;
  let failure: unknown;
  let wake = () => {};

  async function slot(): Promise<void> {
    if (free > 0) free--;
    else await new Promise<void>((resolve) => turns.push(resolve));
  }

  function release(): void {
    const next = turns.shift();
    if (next) next();
    else free++;
  }

  async function pump(at: number, start: From): Promise<void> {
    const of = { topicId: topic.id, partition: at };
    const begin = await deps.resolve(topic, at, start);
    for (let offset = begin.offset; !signal.aborted && (endless || offset < begin.latest); ) {
      if (endless) {
        const head = await deps.heads.get(of);
        if (head && offset >= head.highWatermark) {
          await deps.heads.wait([{ of, offset }], MAX_WAIT_MS, signal);
          if (signal.aborted) return;
        }
      }
      await slot();
      if (signal.aborted) return release();
      const { records, next } = await deps.reader.poll(of, offset, { maxBytes, signal }).catch((error) => {
        release();
        throw error;
      });
      const wanted = endless ? records : records.filter((record) => record.offset < begin.latest);
      offset = next;
      if (wanted.length === 0) {
        release();
        continue;
      }
      ready.push(wanted.map((record) => ({ ...record, partition: at })));
      wake();
    }
  }

  /** A question that fails is asked again at the next look: what is known is still read. */
  async function grow(): Promise<void> {
    for (let known = topic.partitions; !signal.aborted; ) {
      await sleep(deps.clock, GROWTH_MS, signal);
      if (signal.aborted) return;
      const now = await deps.partitionsOf(topic).catch(() => known);
      for (; known < now; known++) run(pump(known, 'earliest'));
    }
  }

  function run(work: Promise<void>): void {
    running++;
    work
      .catch((error) => {
        failure ??= error;
      })
      .finally(() => {
        running--;
        wake();
      });
  }

  for (const at of partitions) run(pump(at, positions[at] ?? from));
  if (endless && partition === undefined) run(grow());
  const onAbort = () => wake();
  signal.addEventListener('abort', onAbort);
  try {
    while (true) {
      const chunk = ready.shift();
      if (chunk) {
        for (const record of chunk) {
          if (signal.aborted) break;
          yield record;
        }
        // Released only now: what the caller is working on counts.
        release();
        // What is cached is read without waiting for anything: the rest of the process must have its turn.
        await setImmediate();
        continue;
      }
      if (failure) throw failure;
      if (deps.closing.aborted) throw new VarveError('LOG_CLOSED', 'the log is closing; connect again and read on');
      if (signal.aborted || running === 0) return;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  } finally {
    stop.abort();
    for (const turn of turns.splice(0)) turn();
  }
}
