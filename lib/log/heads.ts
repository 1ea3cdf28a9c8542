import { LRUCache } from 'lru-cache';
import { type Clock, sleep } from '../clock.ts';
import { VarveError } from '../errors.ts';
import type { Catalog } from '../stores/catalog/catalog.ts';
import type { Head, Run, TopicIdPartition } from '../stores/catalog/partitions.ts';

/** What this process knows of partitions' heads, and who waits for one to move. */
export interface Heads {
  /** `exact`: as it is now. Otherwise it may be a moment old where other processes write; never draw a negative answer from that. */
  get(of: TopicIdPartition, exact?: boolean): Promise<Head | undefined>;
  /** Takes in a head that a commit answered; `asked`: when it was sent, by the monotonic clock. */
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

interface Waiter {
  offset: number;
  wake(): void;
}

interface Awaited {
  of: TopicIdPartition;
  waiters: Set<Waiter>;
}

export function createHeads(catalog: Catalog, clock: Clock, maxAge = 1_000): Heads {
  /** `asked`: when the question was sent. The answer may have been long on its way, or the process frozen when it came. */
  const known = new LRUCache<string, { head: Head; asked: number }>({
    maxSize: KNOWN_ENTRIES,
    sizeCalculation: ({ head }) => HEAD_SIZE + head.tail.entries.length,
  });
  const awaited = new Map<string, Awaited>();
  const closing = new AbortController();
  let waiting = 0;
  let polling = false;

  const keyOf = (of: TopicIdPartition) => `${of.topicId}#${of.partition}`;

  function learn(of: TopicIdPartition, head: Head, asked: number): Head {
    const key = keyOf(of);
    const old = known.get(key);
    // Answers overtake each other; the high watermark never goes back, nor what else only rises.
    if (old && old.head.highWatermark > head.highWatermark) return old.head;
    if (old && old.head.highWatermark === head.highWatermark && old.asked > asked) return old.head;
    const learned = old ? { ...head, tail: joined(old.head.tail, head.tail, head.frontier) } : head;
    known.set(key, { head: learned, asked: Math.max(asked, old?.asked ?? asked) });
    for (const waiter of awaited.get(key)?.waiters ?? []) {
      if (head.highWatermark > waiter.offset) waiter.wake();
    }
    return learned;
  }

  function forget(of: TopicIdPartition): void {
    const key = keyOf(of);
    known.delete(key);
    for (const waiter of awaited.get(key)?.waiters ?? []) waiter.wake();
  }

  async function get(of: TopicIdPartition, exact = false): Promise<Head | undefined> {
    const cached = known.get(keyOf(of));
    if (cached && (!catalog.shared || (!exact && clock.monotonic() - cached.asked < maxAge))) return cached.head;
    return refresh(of);
  }

  async function refresh(of: TopicIdPartition): Promise<Head | undefined> {
    const asked = clock.monotonic();
    const head = await catalog.partitions.head(of);
    if (!head) {
      forget(of);
      return undefined;
    }
    return learn(of, head, asked);
  }

  /** One poll for all that is awaited, and only while something is. */
  async function poll(): Promise<void> {
    polling = true;
    let pause = POLL_FIRST_MS;
    while (awaited.size > 0 && !closing.signal.aborted) {
      await sleep(clock, pause, closing.signal);
      const all = [...awaited.values()];
      let moved = false;
      for (let i = 0; i < all.length; i += PEEK_AT_ONCE) {
        const some = all.slice(i, i + PEEK_AT_ONCE).map(({ of }) => of);
        // A poll that fails is only late: the waiters have deadlines of their own.
        const asked = clock.monotonic();
        const heads = await catalog.partitions.peek(some).catch(() => []);
        heads.forEach((head, j) => {
          const of = some[j]!;
          if (!head) return;
          const before = known.get(keyOf(of))?.head.highWatermark ?? -1;
          if (learn(of, head, asked).highWatermark > before) moved = true;
        });
      }
      pause = moved ? POLL_FIRST_MS : Math.min(pause * 2, POLL_LAST_MS);
    }
    polling = false;
  }

  function wait(positions: readonly Position[], ms: number, signal?: AbortSignal): Promise<void> {
    if (closing.signal.aborted || signal?.aborted || ms <= 0) return Promise.resolve();
    for (const { of, offset } of positions) {
      const cached = known.get(keyOf(of))?.head;
      // Forgotten since the caller looked: it must look again.
      if (!cached || cached.highWatermark > offset) return Promise.resolve();
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
        waiting -= positions.length;
        cancel();
        signal?.removeEventListener('abort', wake);
        resolve();
      };
      for (const { of, offset } of positions) {
        const key = keyOf(of);
        const group = awaited.get(key) ?? { of, waiters: new Set() };
        awaited.set(key, group);
        const waiter: Waiter = { offset, wake };
        group.waiters.add(waiter);
        joined.push({ key, group, waiter });
      }
      const cancel = clock.schedule(ms, wake);
      signal?.addEventListener('abort', wake, { once: true });
      if (catalog.shared && !polling) void poll();
    });
  }

  return {
    get,
    refresh,
    learn,
    forget,
    wait,
    close() {
      closing.abort();
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
