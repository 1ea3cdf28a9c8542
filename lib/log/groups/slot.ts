import { VarveError } from '../../errors.ts';
import type { Lease } from '../../stores/catalog/leases.ts';
import { ownerName, takeUnder } from './group-lease.ts';
import { type KeptLease, keepLease, LEASE_MS, type LeaseDeps, TAKEN } from './kept-lease.ts';

/** One lease under which a process holds all its groups, however many: only that is renewed, and only while there are any. */
export interface Slot {
  /** NON_EMPTY_GROUP when another has the group, or the slot. */
  hold(group: string): Promise<KeptLease>;
}

interface Held {
  lease: Lease;
  kept: KeptLease;
}

/**
 * The first time that it is needed the slot is taken from whoever has it: two live under one name only when the earlier one was
 * killed, or is about to end. That one finds out by its next renewal, or by a write that is fenced, and never takes it back. Then
 * `onDisplaced` is called, once until the slot is held again.
 */
export function createSlot(deps: LeaseDeps, number: number, onDisplaced: () => void): Slot {
  const { leases, clock } = deps;
  const name = `slot#${number}`;
  let own: Promise<Held> | undefined;
  let left: Promise<void> = Promise.resolve();
  let isFirst = true;
  /** That are held, or about to be. */
  let groups = 0;
  let isDisplaced = false;

  function displaced(): void {
    if (!isDisplaced) onDisplaced();
    isDisplaced = true;
  }

  async function take(): Promise<Held> {
    await left;
    const owner = ownerName('gateway:', deps.random);
    let sent = clock.monotonic();
    const acquire = () => leases.acquire(name, owner, clock.now(), clock.now() + LEASE_MS);
    let lease = await acquire();
    if (!lease && isFirst) {
      const before = await leases.get(name);
      if (before) await leases.release(before);
      sent = clock.monotonic();
      lease = await acquire();
    }
    if (!lease) {
      displaced();
      throw new VarveError(
        'NON_EMPTY_GROUP',
        `Another gateway has the slot ${number}: give each a node.id of its own.`,
      );
    }
    isFirst = false;
    isDisplaced = false;
    const kept = keepLease(deps, lease, sent);
    kept.lost.addEventListener('abort', () => kept.lost.reason === TAKEN && displaced(), { once: true });
    return { lease, kept };
  }

  async function ours(): Promise<Held> {
    const taken = own ?? take();
    own = taken;
    const forget = () => {
      if (own === taken) own = undefined;
    };
    const held = await taken.catch((error) => {
      forget();
      throw error;
    });
    held.kept.lost.addEventListener('abort', forget, { once: true });
    if (held.kept.holds()) return held;
    forget();
    return ours();
  }

  /** Called once for each group. The last one takes the slot with it. */
  function leave(): void {
    groups--;
    if (groups > 0) return;
    const last = own;
    own = undefined;
    left = Promise.resolve(last).then(
      (held) => held?.kept.release(),
      () => {},
    );
  }

  return {
    async hold(group) {
      groups++;
      try {
        const { lease: slot, kept } = await ours();
        const lease = await takeUnder(deps, slot, group);
        const end = new AbortController();
        end.signal.addEventListener('abort', leave, { once: true });
        kept.lost.addEventListener('abort', () => end.abort(), { signal: end.signal });
        if (kept.lost.aborted) end.abort();
        let released: Promise<void> | undefined;
        return {
          generation: lease.epoch,
          lost: end.signal,
          holds: () => !end.signal.aborted && kept.holds(),
          release() {
            released ??= leases.release({ ...lease, expires: clock.now() }).catch(() => {});
            end.abort();
            return released;
          },
        };
      } catch (error) {
        leave();
        throw error;
      }
    },
  };
}
