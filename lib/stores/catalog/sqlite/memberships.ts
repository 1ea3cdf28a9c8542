import { MEMBERS, type Membership, type Memberships } from '../memberships.ts';
import type { Database } from './database.ts';
import type { Sync } from './sync.ts';

/** Of a row that members hold: `plan` as it is, `members` with the expiry of each as JSON. */
export function openMemberships(db: Database): Sync<Memberships> {
  function get(lease: string): Membership | undefined {
    const row = db.get<{ epoch: number; plan: string; members: string }>(
      'SELECT epoch, plan, members FROM leases WHERE name = ? AND owner = ?',
      lease,
      MEMBERS,
    );
    return row && { generation: row.epoch, plan: row.plan, expires: JSON.parse(row.members) as Membership['expires'] };
  }

  return {
    get,

    begin(lease, { plan, present, until }, now) {
      const begun = db.run(
        `INSERT INTO leases (name, owner, epoch, expires, plan, members) VALUES (?, ?, 1, ?, ?, ?)
         ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, epoch = epoch + 1, expires = excluded.expires,
           plan = excluded.plan, members = excluded.members
         WHERE owner IS NULL OR expires < ?`,
        lease,
        MEMBERS,
        until,
        plan,
        JSON.stringify(present),
        now,
      );
      return begun ? get(lease) : undefined;
    },

    change(lease, generation, { plan, present, gone = [], until }) {
      const before = get(lease);
      if (before?.generation !== generation) return undefined;
      const members = new Map([...Object.entries(before.expires), ...Object.entries(present)]);
      for (const member of gone) members.delete(member);
      db.run(
        'UPDATE leases SET epoch = epoch + 1, expires = ?, plan = ?, members = ? WHERE name = ?',
        until,
        plan,
        JSON.stringify(Object.fromEntries(members)),
        lease,
      );
      return get(lease);
    },

    renew(lease, member, expires, until) {
      const before = get(lease);
      if (!before || !Object.hasOwn(before.expires, member)) return undefined;
      db.run(
        'UPDATE leases SET expires = ?, members = ? WHERE name = ?',
        until,
        JSON.stringify({ ...before.expires, [member]: expires }),
        lease,
      );
      return get(lease);
    },
  };
}
