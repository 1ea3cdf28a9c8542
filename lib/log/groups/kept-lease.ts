import { type Clock, sleep } from '../../clock.ts';
import type { Random } from '../../ids.ts';
import type { Lease, Leases } from '../../stores/catalog/leases.ts';

/** Milliseconds after which the lease of a holder that fell silent may be taken. */
export const LEASE_MS = 10_000;
/** A holder stops acting this much before that, for what its clock and its requests may be late. */
const MARGIN_MS = 2_000;
const RENEW_MS = LEASE_MS / 3;
const RETRY_MS = 500;
export const TAKEN = 'taken by another';

export interface LeaseDeps {
  leases: Leases;
  clock: Clock;
  random: Random;
}

/** A lease that is renewed as long as it is held. */
export interface KeptLease {
  /** The lease's epoch: rises with every holder. */
  readonly generation: number;
  /** Aborts when the lease was lost, or can no longer be relied on, or was released. Its reason is TAKEN when another is known to have it. */
  readonly lost: AbortSignal;
  /** Whether the lease can be relied on now, by the holder's own monotonic clock. */
  holds(): boolean;
  /** Sends the release at once. Never rejects: a lease that cannot be released expires. */
  release(): Promise<void>;
}

/** `sent`: when the lease was asked for, by the monotonic clock. */
export function keepLease({ leases, clock }: LeaseDeps, acquired: Lease, sent: number): KeptLease {
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
        if (!renewed) return end.abort(TAKEN);
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
