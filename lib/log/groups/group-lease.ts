import { type Clock, sleep } from '../../clock.ts';
import { VarveError } from '../../errors.ts';
import type { Random } from '../../ids.ts';
import type { Lease, Leases } from '../../stores/catalog/leases.ts';

/** Milliseconds after which the lease of a holder that fell silent may be taken. */
export const LEASE_MS = 10_000;
/** A holder stops acting this much before that, for what its clock and its requests may be late. */
const MARGIN_MS = 2_000;
const RENEW_MS = LEASE_MS / 3;
const RETRY_MS = 500;
const STAND_BY_FIRST_MS = 100;
const STAND_BY_LAST_MS = 2_000;
/** An administrator holds a group for one request. */
const ADMIN = 'admin:';
const CONSUMER = 'consumer:';
const ADMIN_PATIENCE_MS = 5_000;
const TAKE_PATIENCE_MS = 500;

export interface GroupLeaseDeps {
  leases: Leases;
  clock: Clock;
  random: Random;
}

/** A group that is ours. Fences decide; the lease only says who should try. */
export interface GroupLease {
  /** The lease's epoch: rises with every holder. */
  readonly generation: number;
  /** Aborts when the lease was lost, or can no longer be relied on, or was released. */
  readonly lost: AbortSignal;
  /** Whether the lease can be relied on now, by the holder's own monotonic clock. */
  holds(): boolean;
  /** Sends the release at once. Never rejects: a lease that cannot be released expires. */
  release(): Promise<void>;
}

/** Waits until the group is free, takes it and keeps it. Undefined when the signal aborted first. */
export async function holdGroup(
  deps: GroupLeaseDeps,
  group: string,
  signal: AbortSignal,
): Promise<GroupLease | undefined> {
  const { leases, clock } = deps;
  const owner = ownerName(CONSUMER, deps.random);
  for (let pause = STAND_BY_FIRST_MS; !signal.aborted; pause = Math.min(pause * 2, STAND_BY_LAST_MS)) {
    const sent = clock.monotonic();
    const lease = await leases
      .acquire(nameOf(group), owner, clock.now(), clock.now() + LEASE_MS)
      .catch(passIfRetriable);
    if (lease) return keep(deps, lease, sent);
    await sleep(clock, pause, signal);
  }
  return undefined;
}

/** Takes the group and keeps it. NON_EMPTY_GROUP when it is not free within a moment. */
export async function takeGroup(deps: GroupLeaseDeps, group: string): Promise<GroupLease> {
  const patience = new AbortController();
  const cancel = deps.clock.schedule(TAKE_PATIENCE_MS, () => patience.abort());
  try {
    const lease = await holdGroup(deps, group, patience.signal);
    if (!lease) throw nonEmpty(group);
    return lease;
  } finally {
    cancel();
  }
}

/** Runs `act` under a generation of its own. NON_EMPTY_GROUP while a consumer holds the group. */
export async function withGroup<T>(
  deps: GroupLeaseDeps,
  group: string,
  act: (generation: number) => Promise<T>,
): Promise<T> {
  const { leases, clock } = deps;
  const owner = ownerName(ADMIN, deps.random);
  const until = clock.monotonic() + ADMIN_PATIENCE_MS;
  for (let pause = 10; ; pause = Math.min(pause * 2, 200)) {
    const lease = await leases.acquire(nameOf(group), owner, clock.now(), clock.now() + LEASE_MS);
    if (lease) {
      try {
        return await act(lease.epoch);
      } finally {
        await leases.release(lease).catch(() => {});
      }
    }
    const holder = await leases.get(nameOf(group));
    if (holder && !holder.owner.startsWith(ADMIN)) throw nonEmpty(group);
    if (clock.monotonic() > until) {
      throw new VarveError('REQUEST_TIMED_OUT', `The group "${group}" is being changed by others: try again.`);
    }
    await sleep(clock, pause);
  }
}

export function nonEmpty(group: string): VarveError {
  return new VarveError('NON_EMPTY_GROUP', `A consumer of the group "${group}" is running: close it first.`);
}

function keep({ leases, clock }: GroupLeaseDeps, acquired: Lease, sent: number): GroupLease {
  const end = new AbortController();
  let lease = acquired;
  let released: Promise<void> | undefined;
  let reliableUntil = 0;
  let cancelAlarm = () => {};

  /** An answer that came proves the lease from the moment that the request was sent. */
  function rely(from: number): void {
    reliableUntil = from + LEASE_MS - MARGIN_MS;
    cancelAlarm();
    cancelAlarm = clock.schedule(Math.max(0, reliableUntil - clock.monotonic()), () => end.abort());
  }

  async function renew(): Promise<void> {
    for (let pause = RENEW_MS; ; ) {
      await sleep(clock, pause, end.signal);
      if (end.signal.aborted) return;
      const from = clock.monotonic();
      try {
        const renewed = await leases.renew(lease, clock.now() + LEASE_MS);
        if (end.signal.aborted) return;
        if (!renewed) return end.abort();
        lease = renewed;
        rely(from);
        pause = RENEW_MS;
      } catch {
        // The alarm bounds the attempts.
        pause = RETRY_MS;
      }
    }
  }

  rely(sent);
  end.signal.addEventListener('abort', () => cancelAlarm(), { once: true });
  void renew();
  return {
    generation: acquired.epoch,
    lost: end.signal,
    holds: () => !end.signal.aborted && clock.monotonic() < reliableUntil,
    release() {
      released ??= leases.release(lease).catch(() => {});
      end.abort();
      return released;
    },
  };
}

function passIfRetriable(error: unknown): undefined {
  if (error instanceof VarveError && error.retriable) return undefined;
  throw error;
}

function ownerName(kind: string, random: Random): string {
  return kind + Buffer.from(random(12)).toString('hex');
}

function nameOf(group: string): string {
  return `group#${group}`;
}
