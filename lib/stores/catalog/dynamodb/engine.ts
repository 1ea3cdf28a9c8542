import { type Clock, sleep } from '../../../clock.ts';
import { VarveError } from '../../../errors.ts';
import type { Random } from '../../../ids.ts';
import { type Answer, nameOf } from './answer.ts';
import type { Item, Key, Query, Table } from './table.ts';

/** What every part of the adapter works with. */
export interface Engine {
  table: Table;
  clock: Clock;
  random: Random;
}

/** Eight tries with waits of up to 20 ms, 40 ms .. 1 s: at most about 20 s, most of it time-outs. */
const TRIES = 8;

/** Waits a random time (full jitter) of at most 10 ms doubled `tries` times, and at most 1 s. */
export function backOff({ clock, random }: Engine, tries: number, signal?: AbortSignal): Promise<void> {
  return sleep(clock, fraction(random) * Math.min(1_000, 10 * 2 ** tries), signal);
}

/** Evenly distributed in [0, 1). */
export function fraction(random: Random): number {
  const bytes = random(4);
  return (bytes[0]! * 2 ** 24 + bytes[1]! * 2 ** 16 + bytes[2]! * 2 ** 8 + bytes[3]!) / 2 ** 32;
}

/** `again`: an earlier try stayed unanswered, so a refusal may be its doing. */
export type Settled<T> = Extract<Answer<T>, { status: 'ok' | 'refused' }> & { again: boolean };

/**
 * Repeats a request **that may be applied twice** until it is answered. KAFKA_STORAGE_ERROR when it stays unanswered or is rejected,
 * CLUSTER_AUTHORIZATION_FAILED when there is no right to it, THROTTLING_QUOTA_EXCEEDED when there is no getting through.
 */
export async function insist<T>(engine: Engine, request: () => Promise<Answer<T>>): Promise<Settled<T>> {
  let again = false;
  for (let tries = 1; ; tries += 1) {
    const answer = await request();
    if (answer.status === 'ok' || answer.status === 'refused') return { ...answer, again };
    again ||= answer.status === 'ambiguous';
    if (answer.status === 'busy' && tries === TRIES) throw throttled(answer.cause);
    if (answer.status === 'rejected' || tries === TRIES) throw storageError(answer.cause);
    await backOff(engine, tries);
  }
}

/** `insist` for requests without a condition. */
export async function obtain<T>(engine: Engine, request: () => Promise<Answer<T>>): Promise<T> {
  const answer = await insist(engine, request);
  if (answer.status === 'refused') throw storageError(undefined);
  return answer.value;
}

/** Every item of a query, request by request. */
export async function* scan(engine: Engine, query: Query): AsyncGenerator<Item, void> {
  let left = query.limit ?? Number.POSITIVE_INFINITY;
  let after: string | undefined;
  do {
    const limited = left === Number.POSITIVE_INFINITY ? query : { ...query, limit: left };
    const page = await obtain(engine, () => engine.table.query(limited, after));
    yield* page.items;
    left -= page.items.length;
    after = page.after;
  } while (after !== undefined && left > 0);
}

export async function first(engine: Engine, query: Query): Promise<Item | undefined> {
  for await (const item of scan(engine, { ...query, limit: 1 })) return item;
  return undefined;
}

/** The items that exist, of at most 100 different keys, in any order. */
export async function batchGet(engine: Engine, keys: readonly Key[], consistent: boolean): Promise<Item[]> {
  const items: Item[] = [];
  let left = keys;
  for (let fruitless = 0; left.length > 0; ) {
    const asked = left;
    const page = await obtain(engine, () => engine.table.batchGet(asked, { consistent }));
    items.push(...page.items);
    left = page.missed;
    if (left.length < asked.length) continue;
    fruitless += 1;
    if (fruitless === TRIES) throw storageError(undefined);
    await backOff(engine, fruitless);
  }
  return items;
}

export function throttled(cause?: unknown): VarveError {
  const message = 'DynamoDB takes no more requests at the moment; send it again later.';
  return new VarveError('THROTTLING_QUOTA_EXCEEDED', message, { cause });
}

/** The SDK's messages may quote what was sent, so only the failure's name is told. */
export function storageError(cause: unknown): VarveError {
  if (cause instanceof VarveError) return cause;
  const name = nameOf(cause) ?? 'no answer';
  if (name === 'AccessDeniedException') {
    const message = 'This process has no right to what it asked of the table: check the policy of its role.';
    return new VarveError('CLUSTER_AUTHORIZATION_FAILED', message, { cause });
  }
  return new VarveError(
    'KAFKA_STORAGE_ERROR',
    `DynamoDB did not do it (${name}); try again, and check the table and its rights.`,
    {
      cause,
    },
  );
}

/** Runs `work` over the items, at most `width` at a time. A failure is thrown once those under way have ended; no more begin. */
export async function forEach<T>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<unknown>,
): Promise<void> {
  const rest = items.values();
  let failed = false;
  const worker = async () => {
    for (const item of rest) {
      if (failed) return;
      await work(item).catch((cause) => {
        failed = true;
        throw cause;
      });
    }
  };
  const done = await Promise.allSettled(Array.from({ length: Math.min(width, items.length) }, worker));
  for (const one of done) if (one.status === 'rejected') throw one.reason;
}
