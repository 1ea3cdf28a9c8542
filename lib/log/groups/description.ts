import type { Clock } from '../../clock.ts';
import type { Catalog } from '../../stores/catalog/catalog.ts';
import { MEMBERS } from '../../stores/catalog/memberships.ts';
import { isCoordinated, leaseName } from './group-lease.ts';
import type { DescribedMember, GroupDescription } from './groups.ts';
import { type PlannedMember, parsePlan } from './plan.ts';

/** The protocol type of consumers. */
const CONSUMER = 'consumer';

/**
 * A group as the catalog shows it, which does not know the members that a coordinator leads; `isHeldHere`: the one of this process,
 * which has none. Undefined when it has no members and never committed.
 */
export async function describeGroup(
  deps: { catalog: Catalog; clock: Clock },
  id: string,
  isHeldHere: boolean,
): Promise<GroupDescription | undefined> {
  const { groups, leases, memberships } = deps.catalog;
  const lease = leaseName(id);
  const holder = await leases.get(lease);
  if (holder?.owner === MEMBERS) {
    const shared = await memberships.get(lease);
    const present = [...(shared ? parsePlan(shared.plan).members : [])].filter(
      ([member]) => (shared?.expires[member] ?? 0) >= deps.clock.now(),
    );
    if (present.length > 0) {
      return { id, state: 'Stable', protocolType: CONSUMER, assignor: '', members: present.map(memberOf) };
    }
  }
  const found = await groups.find(id);
  if (!found) return undefined;
  const isElsewhere = holder && !isHeldHere && (await isCoordinated({ leases, clock: deps.clock }, holder));
  const state = isElsewhere ? 'Unknown' : 'Empty';
  return { id, state, protocolType: found.protocolType ?? '', assignor: '', members: [] };
}

function memberOf([id, { has }]: readonly [string, PlannedMember]): DescribedMember {
  const partitions = [...has].flatMap(([topic, all]) => all.map((partition) => ({ topic, partition })));
  return { id, clientId: '', host: '', partitions };
}
