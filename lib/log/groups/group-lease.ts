import { sleep } from '../../clock.ts';
import { VarveError } from '../../errors.ts';
import type { Random } from '../../ids.ts';
import type { Lease } from '../../stores/catalog/leases.ts';
import { LEASE_MS, type LeaseDeps } from './kept-lease.ts';

const TAKE_FIRST_MS = 100;
/** An administrator holds a group for one request. */
const ADMIN = 'admin:';
const UNDER = /^under:(\d+):(.+):/;
const ADMIN_PATIENCE_MS = 5_000;
const TAKE_PATIENCE_MS = 500;

/**
 * Takes the group for the holder of another lease, its slot: as long as that is held, or was not taken since, the group is, and
 * nobody renews it. NON_EMPTY_GROUP when it is not free within a moment.
 */
export async function takeUnder(deps: LeaseDeps, slot: Lease, group: string): Promise<Lease> {
  const until = deps.clock.monotonic() + TAKE_PATIENCE_MS;
  const owner = ownerName(`under:${slot.epoch}:${slot.name}:`, deps.random);
  for (let pause = TAKE_FIRST_MS; ; pause *= 2) {
    const lease = await acquireGroup(deps, group, owner, Number.MAX_SAFE_INTEGER);
    if (lease) return lease;
    if (deps.clock.monotonic() > until) throw nonEmpty(group);
    await sleep(deps.clock, pause);
  }
}

/** Undefined while somebody holds it. */
async function acquireGroup(deps: LeaseDeps, group: string, owner: string, expires: number) {
  const { leases, clock } = deps;
  const acquire = () => leases.acquire(leaseName(group), owner, clock.now(), expires);
  const lease = await acquire();
  if (lease) return lease;
  return (await freeGroup(deps, group)) ? acquire() : undefined;
}

/** Frees a group that was taken under a slot which is gone; its epoch goes on rising. False where it was not. */
export async function freeGroup({ leases, clock }: Omit<LeaseDeps, 'random'>, group: string): Promise<boolean> {
  const holder = await leases.get(leaseName(group));
  const under = holder && (await slotOf(leases, holder));
  if (!holder || !under || isLive(under, clock.now())) return false;
  const { slot, epoch } = under;
  await leases.release({ ...holder, expires: slot?.epoch === epoch ? slot.expires : clock.now() });
  return true;
}

/** Whether who has, or had, a group's lease is a coordinator that lives. */
export async function isCoordinated({ leases, clock }: Omit<LeaseDeps, 'random'>, holder: Lease): Promise<boolean> {
  const under = await slotOf(leases, holder);
  return under !== undefined && isLive(under, clock.now());
}

/** The slot under which a group was taken, by whom the epoch says; undefined when it was not taken under one. */
async function slotOf(leases: LeaseDeps['leases'], { owner }: Lease) {
  const [, epoch, name] = UNDER.exec(owner) ?? [];
  return name === undefined ? undefined : { slot: await leases.get(name), epoch: Number(epoch) };
}

function isLive({ slot, epoch }: { slot: Lease | undefined; epoch: number }, now: number): boolean {
  return slot?.epoch === epoch && slot.expires >= now;
}

/** Runs `act` under a generation of its own. NON_EMPTY_GROUP while a consumer holds the group. */
export async function withGroup<T>(
  deps: LeaseDeps,
  group: string,
  act: (generation: number) => Promise<T>,
): Promise<T> {
  const { leases, clock } = deps;
  const owner = ownerName(ADMIN, deps.random);
  const until = clock.monotonic() + ADMIN_PATIENCE_MS;
  for (let pause = 10; ; pause = Math.min(pause * 2, 200)) {
    const lease = await acquireGroup(deps, group, owner, clock.now() + LEASE_MS);
    if (lease) {
      try {
        return await act(lease.epoch);
      } finally {
        await leases.release({ ...lease, expires: clock.now() }).catch(() => {});
      }
    }
    const holder = await leases.get(leaseName(group));
    if (holder && !holder.owner.startsWith(ADMIN)) throw nonEmpty(group);
    if (clock.monotonic() > until) {
      throw new VarveError('REQUEST_TIMED_OUT', `The group "${group}" is being changed by others: try again.`);
    }
    await sleep(clock, pause);
  }
}

/** Has the group count as held until `until`, for who acts in it without its lease. No effect while somebody holds it. */
export async function countAsHeld({ leases, clock, random }: LeaseDeps, group: string, until: number): Promise<void> {
  const now = clock.now();
  const lease = await leases.acquire(leaseName(group), ownerName(ADMIN, random), now, now + LEASE_MS);
  if (lease) await leases.release({ ...lease, expires: until });
}

export function nonEmpty(group: string): VarveError {
  return new VarveError('NON_EMPTY_GROUP', `A consumer of the group "${group}" is running: close it first.`);
}

export function ownerName(kind: string, random: Random): string {
  return kind + Buffer.from(random(12)).toString('hex');
}

/** Of the lease that whoever holds a group has. */
export function leaseName(group: string): string {
  return `group#${group}`;
}
