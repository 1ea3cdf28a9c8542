import { VarveError } from '../../errors.ts';
import type { Catalog } from '../../stores/catalog/catalog.ts';
import { leaseName, withGroup } from '../groups/group-lease.ts';
import type { LeaseDeps } from '../groups/kept-lease.ts';
import { eachAtOnce } from './places.ts';

export interface ExpiryDeps extends Omit<LeaseDeps, 'leases'> {
  catalog: Catalog;
}

const GROUPS = 1_000;

/**
 * Forgets the groups that nobody has held for `retention` milliseconds (KIP-211), counted from `since` at the earliest. Whoever coordinates a
 * group, consumes in it or commits for it holds its lease, so when that was last to expire is when the group was left, or the last
 * commit of those that only commit. A group that was taken since it was looked at stays, and so does that of a subscription, whose
 * deliveries commit without the lease. How many were forgotten.
 */
export async function expireGroups(
  deps: ExpiryDeps,
  retention: number,
  since: number,
  goesOn: () => boolean,
): Promise<number> {
  const { catalog, clock } = deps;
  const { groups, leases, subscriptions } = catalog;
  const leaseDeps = { ...deps, leases };
  let expired = 0;

  async function look(group: string): Promise<void> {
    if (!goesOn()) return;
    const last = await leases.last(leaseName(group));
    const begun = last && last.expires < Number.MAX_SAFE_INTEGER;
    if (begun && Math.max(last.expires, since) + retention > clock.now()) return;
    // Where nobody is known to have held it, or its gateway fell silent, the time begins with this look.
    const forgotten = await withGroup(leaseDeps, group, async (generation) => {
      if (!begun || generation !== last.epoch + 1) return false;
      // Asked last, for those that were made since the run began. Where there is one, the time begins anew.
      const isSubscribed = (await subscriptions.list()).some((one) => one.group === group);
      return !isSubscribed && groups.delete(group);
    }).catch(passIfHeld);
    if (forgotten) expired += 1;
  }

  for (let after: string | undefined; goesOn(); ) {
    const page = await groups.list({ limit: GROUPS, ...(after !== undefined && { after }) });
    await eachAtOnce(page, catalog.shared, ({ id }) => look(id));
    if (page.length < GROUPS) break;
    after = page.at(-1)!.id;
  }
  return expired;
}

function passIfHeld(error: unknown): false {
  if (error instanceof VarveError && error.code === 'NON_EMPTY_GROUP') return false;
  throw error;
}
