import type { Clock } from '../clock.ts';
import { VarveError } from '../errors.ts';
import { segmentName } from '../format/segments/names.ts';
import { buildSegment } from '../format/segments/segment.ts';
import { type Random, timeId } from '../ids.ts';
import {
  type Head,
  type NewEntry,
  type Partitions,
  partitionKey,
  type TopicIdPartition,
} from '../stores/catalog/partitions.ts';
import type { ObjectStore } from '../stores/objects/objects.ts';
import { createCommits, notStored, type Written } from './commits.ts';
import type { Meter } from './meter.ts';
import { type Prices, place } from './placement.ts';
import { assemble, type Outgoing, type Pending } from './sealed.ts';

/** Collects appends into segments. One a process. */
export interface Writer {
  /** The base offset, once the content is durable and visible. Calls for one partition are appended in the order they were made. */
  append(pending: Omit<Pending, 'settle'>): Promise<number>;
  /** Refuses new work; resolves when all that was accepted is answered. */
  close(): Promise<void>;
}

export interface WriterLimits {
  /** A flush begins when this much waits, bytes. */
  flushBytes: number;
  /** or when the first of it has waited this long, milliseconds. */
  linger: number;
  /**
   * For stores whose requests cost nothing but their time: who comes alone goes at once, and where several come together they are
   * waited for half as long as the store last took, at most the linger.
   */
  eager: boolean;
  /** Accepted and not yet answered, bytes: beyond it appends wait their turn. */
  maxBuffered: number;
  /** Appends that wait their turn: beyond it they are refused with THROTTLING_QUOTA_EXCEEDED. */
  maxWaiting: number;
  /** Segments on their way at the same time. */
  maxPuts: number;
}

export const DEFAULT_WRITER_LIMITS: WriterLimits = {
  flushBytes: 8 * 1024 * 1024,
  linger: 5,
  eager: false,
  maxBuffered: 64 * 1024 * 1024,
  maxWaiting: 10_000,
  maxPuts: 4,
};

export interface WriterDeps {
  partitions: Partitions;
  objects: ObjectStore;
  clock: Clock;
  random: Random;
  meter: Meter;
  prices: Prices;
  limits: WriterLimits;
  onHead(at: TopicIdPartition, head: Head | undefined, asked: number): void;
  onAppended(entry: NewEntry, batch: Outgoing, base: number): void;
}

const PUT_TIMEOUT_MS = 60_000;
/** What an append costs beside its bytes, so that many small ones are counted too. */
const APPEND_OVERHEAD = 256;

export function createWriter(deps: WriterDeps): Writer {
  const { clock, random, limits } = deps;
  const commits = createCommits(deps);
  const turns: { size: number; go(): void }[] = [];
  let pending: Pending[] = [];
  let pendingBytes = 0;
  let buffered = 0;
  let puts = 0;
  /** Appends that a flush has taken and that are not answered yet. */
  let underway = 0;
  /** Of the last flush: when it began, how long it took, whether it carried a single append. */
  let begun = 0;
  let took = 0;
  let alone = true;
  let due = false;
  let cancelLinger: (() => void) | undefined;
  let closed = false;
  let onIdle = () => {};

  async function append(content: Omit<Pending, 'settle'>): Promise<number> {
    if (closed) throw new VarveError('LOG_CLOSED', 'the log is closing; connect again and send it again');
    const size = content.size + APPEND_OVERHEAD;
    // Whoever comes later never overtakes one who waits: order per partition is the order of the calls.
    if (turns.length > 0 || !fits(size)) {
      if (turns.length >= limits.maxWaiting) {
        throw new VarveError('THROTTLING_QUOTA_EXCEEDED', 'too many appends wait for storage; send it again later');
      }
      await new Promise<void>((go) => turns.push({ size, go }));
    } else {
      buffered += size;
    }
    try {
      return await new Promise<number>((resolve, reject) => {
        pending.push({
          ...content,
          settle: (outcome) => (typeof outcome === 'number' ? resolve : reject)(outcome as never),
        });
        pendingBytes += content.size;
        if (pendingBytes >= limits.flushBytes) flushWhenPossible();
        else cancelLinger ??= clock.schedule(patience(), flushWhenPossible);
      });
    } finally {
      buffered -= size;
      underway--;
      if (underway === 0) rest();
      for (let next = turns[0]; next && fits(next.size); next = turns[0]) {
        turns.shift();
        buffered += next.size;
        next.go();
      }
      if (isIdle()) onIdle();
    }
  }

  /** Milliseconds that what comes now waits for company. Whatever comes in the same moment goes along even with 0. */
  function patience(): number {
    if (!limits.eager || underway > 0) return limits.linger;
    return alone ? 0 : Math.min(limits.linger, took / 2);
  }

  /** All that was under way is answered: what came meanwhile waits for those who were just answered, who may come again. */
  function rest(): void {
    took = clock.monotonic() - begun;
    if (!limits.eager || pending.length === 0) return;
    alone = false;
    cancelLinger?.();
    cancelLinger = clock.schedule(patience(), flushWhenPossible);
  }

  const isIdle = () => buffered === 0 && turns.length === 0;

  /** What is larger than the whole buffer may pass alone. */
  function fits(size: number): boolean {
    return buffered === 0 || buffered + size <= limits.maxBuffered;
  }

  function flushWhenPossible(): void {
    cancelLinger?.();
    cancelLinger = undefined;
    if (puts >= limits.maxPuts) due = true;
    else flush();
  }

  function flush(): void {
    due = false;
    const taken = pending;
    pending = [];
    pendingBytes = 0;
    if (taken.length === 0) return;
    underway += taken.length;
    alone = taken.length === 1;
    begun = clock.monotonic();

    const batches: { at: TopicIdPartition; batch: Outgoing }[] = [];
    for (const group of Map.groupBy(taken, ({ at }) => partitionKey(at)).values()) {
      try {
        for (const batch of assemble(group)) batches.push({ at: group[0]!.at, batch });
      } catch (error) {
        for (const { settle } of group) settle(error as Error);
      }
    }
    if (batches.length === 0) return;

    const placed = clock.monotonic();
    const where = place(
      batches.map(({ batch }) => batch.bytes.length),
      deps.prices,
    );
    const { written, ready } = where === 'carried' ? carry(batches) : put(batches);
    ready.then(
      () => {
        const bytes = batches.reduce((sum, { batch }) => sum + batch.bytes.length, 0);
        deps.meter.flushed(where, bytes, (clock.monotonic() - placed) / 1000);
      },
      () => {},
    );
    const byPartition = Map.groupBy(written, ({ at }) => at);
    for (const [at, group] of byPartition) commits.enqueue(at, group, ready);
  }

  function carry(batches: readonly { at: TopicIdPartition; batch: Outgoing }[]) {
    const now = clock.now();
    const written = batches.map(({ at, batch }) => ({
      at,
      batch,
      entry: { ...entryOf(batch), id: timeId(now, random), position: 0, bytes: batch.bytes },
    }));
    return { written, ready: Promise.resolve() };
  }

  function put(batches: readonly { at: TopicIdPartition; batch: Outgoing }[]) {
    const id = timeId(clock.now(), random);
    const built = buildSegment(
      batches.map(({ at, batch }) => ({ ...at, ...batch })),
      { level: 0 },
    );
    const written: (Written & { at: TopicIdPartition })[] = batches.map(({ at, batch }, i) => ({
      at,
      batch,
      entry: { ...entryOf(batch), id, position: built.positions[i]! },
    }));
    return { written, ready: putSegment(segmentName(id), built.parts) };
  }

  async function putSegment(name: string, parts: readonly Uint8Array[]): Promise<void> {
    const deadline = new AbortController();
    const cancel = clock.schedule(PUT_TIMEOUT_MS, () => deadline.abort());
    puts++;
    try {
      await deps.objects.put(name, parts, { signal: deadline.signal });
    } catch (error) {
      throw notStored(error);
    } finally {
      cancel();
      puts--;
      if (due) flush();
    }
  }

  return {
    append,
    close() {
      closed = true;
      const { promise, resolve } = Promise.withResolvers<void>();
      onIdle = resolve;
      if (isIdle()) resolve();
      else flushWhenPossible();
      return promise;
    },
  };
}

function entryOf(batch: Outgoing): Omit<NewEntry, 'id' | 'position'> {
  return {
    length: batch.bytes.length,
    crc: batch.crc,
    count: batch.count,
    maxTimestamp: batch.maxTimestamp,
    ...(batch.producer && { producer: batch.producer }),
  };
}
