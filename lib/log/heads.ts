import { LRUCache } from 'lru-cache';
import pLimit from 'p-limit';
import type { Clock } from '../clock.ts';
import { VarveError } from '../errors.ts';
import type { Catalog } from '../stores/catalog/catalog.ts';
import { type Head, partitionKey, type Run, type TopicIdPartition } from '../stores/catalog/partitions.ts';

/** What this process knows of partitions' heads, and who waits for one to move. */
export interface Heads {
  /**
   * Where other processes write too, the head as it was asked for at most `maxAge` ms ago (default RECENT_MS), or a moment before
   * when somebody waits for it. Never draw a negative answer from any but NOW.
   */
  get(of: TopicIdPartition, maxAge?: number): Promise<Head | undefined>;
  /** Takes in a head that a commit of this process answered; `asked`: when it was sent, by the monotonic clock. */
  learn(of: TopicIdPartition, head: Head, asked: number): void;
  /** Asks the catalog, whatever is known. */
  refresh(of: TopicIdPartition): Promise<Head | undefined>;
  /** The next `get` asks the catalog; whoever waits looks again. */
  forget(of: TopicIdPartition): void;
  /** Resolves when a high watermark passes its offset, when such a head is forgotten, after `ms`, on abort, or on close. */
  wait(positions: readonly Position[], ms: number, signal?: AbortSignal): Promise<void>;
  close(): void;
}

export interface Position {
  of: TopicIdPartition;
  offset: number;
}

/** What is known of all heads together, in entries; a head itself counts as HEAD_SIZE of them. */
const KNOWN_ENTRIES = 200_000;
const HEAD_SIZE = 4;
const MAX_WAITERS = 20_000;
/** Entries of a known tail; what is older is asked for. */
const TAIL_ENTRIES = 256;
const POLL_FIRST_MS = 50;
const POLL_LAST_MS = 1_000;
const PEEK_AT_ONCE = 100;
const PEEKS_AT_ONCE = 8;
/** The greatest age of a head that is not asked for: as it is now. */
export const NOW = 0;
const RECENT_MS = 1_000;
/** The age of a head that serves who is going to wait at its end: a head that is waited for is always younger, so that waits cost nothing but the poll. */
export const AWAITED_MS = 3 * POLL_LAST_MS;
/** However often it is polled, a head is read strongly consistently once in this time by whoever waits for it. */
const PROVEN_MS = 60_000;

interface Known {
  head: Head;
  /** When the question was sent. The answer may have been long on its way, or the process frozen when it came. */
  asked: number;
  /** When that was last asked strongly consistently: polls alone might show the same old head for as long as a replica lags. */
  proven: number;
  /** When others' records were last found, or looked for again after nobody had waited. */
  moved: number;
}

/** Where a head comes from: an append of this process, a strongly consistent read, or a poll. */
type Origin = 'append' | 'read' | 'poll';

interface Waiter {
  offset: number;
  wake(): void;
}

interface Awaited {
  of: TopicIdPartition;
  waiters: Set<Waiter>;
}

export function createHeads(catalog: Catalog, clock: Clock): Heads {
  const known = new LRUCache<string, Known>({
    maxSize: KNOWN_ENTRIES,
    sizeCalculation: ({ head }) => HEAD_SIZE + head.tail.entries.length,
  });
  const awaited = new Map<string, Awaited>();
  let closed = false;
  let waiting = 0;
  let polling = false;
  let pause = POLL_FIRST_MS;
  let polled = Number.NEGATIVE_INFINITY;
  let next = { at: Number.POSITIVE_INFINITY, cancel() {} };

  function take(of: TopicIdPartition, head: Head, asked: number, origin: Origin): Head {
    const key = partitionKey(of);
    const old = known.get(key);
    // Answers overtake each other; the high watermark never goes back, nor what else only rises.
    if (old && old.head.highWatermark > head.highWatermark) return old.head;
    if (old && old.head.highWatermark === head.highWatermark && old.asked > asked) return old.head;
    const learned = old ? { ...head, tail: joined(old.head.tail, head.tail, head.frontier) } : head;
    // What this process appends says nothing of how soon others will.
    const isNews = origin !== 'append' && head.highWatermark > (old?.head.highWatermark ?? -1);
    const moved = !old || isNews || asked - old.asked > AWAITED_MS ? asked : old.moved;
    const proven = origin === 'poll' ? (old?.proven ?? Number.NEGATIVE_INFINITY) : asked;
    known.set(key, { head: learned, asked: Math.max(asked, old?.asked ?? asked), proven, moved });
    for (const waiter of awaited.get(key)?.waiters ?? []) {
      if (head.highWatermark > waiter.offset) waiter.wake();
    }
    return learned;
  }

  function forget(of: TopicIdPartition): void {
    const key = partitionKey(of);
    known.delete(key);
    for (const waiter of awaited.get(key)?.waiters ?? []) waiter.wake();
  }

  async function get(of: TopicIdPartition, maxAge = RECENT_MS): Promise<Head | undefined> {
    const cached = known.get(partitionKey(of));
    if (cached && !catalog.shared) return cached.head;
    const now = clock.monotonic();
    if (cached && now - cached.asked < maxAge && now - cached.proven < PROVEN_MS) return cached.head;
    return refresh(of);
  }

  async function refresh(of: TopicIdPartition): Promise<Head | undefined> {
    const asked = clock.monotonic();
    const head = await catalog.partitions.head(of);
    if (!head) {
      forget(of);
      return undefined;
    }
    return take(of, head, asked, 'read');
  }

  /** When an awaited head is to be looked at: the longer nothing has come, the later. */
  function dueAt(key: string): number {
    const cached = known.peek(key);
    if (!cached) return clock.monotonic();
    const { asked, moved } = cached;
    return asked + Math.min(Math.max(asked - moved, POLL_FIRST_MS), POLL_LAST_MS);
  }

  /** Polls at that time, or sooner if that was arranged before. */
  function arrange(due: number): void {
    const at = Math.max(due, polled + pause);
    if (!catalog.shared || polling || closed || at >= next.at) return;
    next.cancel();
    next = { at, cancel: clock.schedule(Math.max(0, at - clock.monotonic()), () => void poll()) };
  }

  function disarrange(): void {
    next.cancel();
    next = { at: Number.POSITIVE_INFINITY, cancel() {} };
  }

  /** One poll for all that is awaited and due, and only while something is. */
  async function poll(): Promise<void> {
    disarrange();
    polling = true;
    polled = clock.monotonic();
    const due = [...awaited].filter(([key]) => dueAt(key) <= polled).map(([, { of }]) => of);
    const some = Array.from({ length: Math.ceil(due.length / PEEK_AT_ONCE) }, (_, i) =>
      due.slice(i * PEEK_AT_ONCE, (i + 1) * PEEK_AT_ONCE),
    );
    // A poll that fails is only late: the waiters have deadlines of their own.
    const went = await pLimit(PEEKS_AT_ONCE).map(some, (few) =>
      peek(few).then(
        () => true,
        () => false,
      ),
    );
    pause = went.every(Boolean) ? POLL_FIRST_MS : Math.min(pause * 2, POLL_LAST_MS);
    polling = false;
    for (const key of awaited.keys()) arrange(dueAt(key));
  }

  async function peek(some: readonly TopicIdPartition[]): Promise<void> {
    const asked = clock.monotonic();
    const heads = await catalog.partitions.peek(some);
    for (const [i, head] of heads.entries()) {
      if (head) take(some[i]!, head, asked, 'poll');
      // Deleted, or so it seems.
      else await refresh(some[i]!);
    }
  }

  function wait(positions: readonly Position[], ms: number, signal?: AbortSignal): Promise<void> {
    if (closed || signal?.aborted || ms <= 0) return Promise.resolve();
    for (const { of, offset } of positions) {
      const cached = known.get(partitionKey(of))?.head;
      // Forgotten since the caller looked: where nobody polls it must look again.
      if (cached ? cached.highWatermark > offset : !catalog.shared) return Promise.resolve();
    }
    if (waiting + positions.length > MAX_WAITERS) {
      return Promise.reject(
        new VarveError('THROTTLING_QUOTA_EXCEEDED', `${MAX_WAITERS} reads wait already; try again later`),
      );
    }
    waiting += positions.length;
    return new Promise((resolve) => {
      const joined: { key: string; group: Awaited; waiter: Waiter }[] = [];
      let done = false;
      const wake = () => {
        if (done) return;
        done = true;
        for (const { key, group, waiter } of joined) {
          group.waiters.delete(waiter);
          if (group.waiters.size === 0 && awaited.get(key) === group) awaited.delete(key);
        }
        if (awaited.size === 0) disarrange();
        waiting -= positions.length;
        cancel();
        signal?.removeEventListener('abort', wake);
        resolve();
      };
      for (const { of, offset } of positions) {
        const key = partitionKey(of);
        const group = awaited.get(key) ?? { of, waiters: new Set() };
        awaited.set(key, group);
        const waiter: Waiter = { offset, wake };
        group.waiters.add(waiter);
        joined.push({ key, group, waiter });
        arrange(dueAt(key));
      }
      const cancel = clock.schedule(ms, wake);
      signal?.addEventListener('abort', wake, { once: true });
    });
  }

  return {
    get,
    refresh,
    learn: (of, head, asked) => void take(of, head, asked, 'append'),
    forget,
    wait,
    close() {
      closed = true;
      disarrange();
      for (const { waiters } of [...awaited.values()]) for (const waiter of [...waiters]) waiter.wake();
    },
  };
}

/**
 * The tail that is known when `newer` follows: both, where they adjoin or overlap, at most TAIL_ENTRIES. Nothing below the
 * frontier: there only the index counts, and level-0 segments may be gone.
 */
function joined(older: Run, newer: Run, frontier: number): Run {
  let end = older.base;
  let kept = 0;
  while (kept < older.entries.length && end < newer.base) end += older.entries[kept++]!.count;
  if (end !== newer.base) return newer;
  const entries = [...older.entries.slice(0, kept), ...newer.entries];
  let base = kept > 0 ? older.base : newer.base;
  let dropped = 0;
  while (dropped < entries.length && (base < frontier || entries.length - dropped > TAIL_ENTRIES)) {
    base += entries[dropped++]!.count;
  }
  return { base, entries: entries.slice(dropped), level: 0 };
}
