import { VarveError } from '../../errors.ts';
import type { Groups } from '../../stores/catalog/groups.ts';
import { leaseName, withGroup } from '../groups/group-lease.ts';
import type { LeaseDeps } from '../groups/kept-lease.ts';
import { eachAtOnce } from './places.ts';

export interface ExpiryDeps extends LeaseDeps {
  groups: Groups;
  /** Whether others share the catalog, so that several are asked for at once. */
  shared: boolean;
}

const GROUPS = 1_000;

/**
 * Forgets the groups that nobody has held for `retention` milliseconds (KIP-211), counted from `since` at the earliest. Whoever coordinates a
 * group, consumes in it or commits for it holds its lease, so when that was last to expire is when the group was left, or the last
 * commit of those that only commit. A group that was taken since it was looked at stays. How many were forgotten.
 */
export async function expireGroups(
  deps: ExpiryDeps,
  retention: number,
  since: number,
  goesOn: () => boolean,
): Promise<number> {
  const { groups, leases, clock } = deps;
  let expired = 0;

  async function look(group: string): Promise<void> {
    if (!goesOn()) return;
    const last = await leases.last(leaseName(group));
    const begun = last && last.expires < Number.MAX_SAFE_INTEGER;
    if (begun && Math.max(last.expires, since) + retention > clock.now()) return;
    // Where nobody is known to have held it, or its gateway fell silent, the time begins with this look.
    const forgotten = await withGroup(deps, group, async (generation) => {
      return begun && generation === last.epoch + 1 && groups.delete(group);
    }).catch(passIfHeld);
    if (forgotten) expired += 1;
  }

  for (let after = ''; goesOn(); ) {
    const page = await groups.list({ after, limit: GROUPS });
    await eachAtOnce(page, deps.shared, look);
    if (page.length < GROUPS) break;
    after = page.at(-1)!;
  }
  return expired;
}

function passIfHeld(error: unknown): false {
  if (error instanceof VarveError && error.code === 'NON_EMPTY_GROUP') return false;
  throw error;
}
