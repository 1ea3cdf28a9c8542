import type { Lease, Leases } from '../leases.ts';
import type { Database } from './database.ts';
import type { Sync } from './sync.ts';

type Row = Omit<Lease, 'owner' | 'expires'> & { owner: string | null; expires: number | null };

export function openLeases(db: Database): Sync<Leases> {
  const rowOf = (name: string) => db.get<Row>('SELECT * FROM leases WHERE name = ?', name);
  const get = (name: string): Lease | undefined => {
    const row = rowOf(name);
    if (!row || row.owner === null || row.expires === null) return undefined;
    return { name, owner: row.owner, epoch: row.epoch, expires: row.expires };
  };

  return {
    acquire(name, owner, now, expires) {
      const changed = db.run(
        `INSERT INTO leases (name, owner, epoch, expires) VALUES (?, ?, 1, ?)
         ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, epoch = epoch + 1, expires = excluded.expires
         WHERE owner IS NULL OR expires < ?`,
        name,
        owner,
        expires,
        now,
      );
      return changed ? get(name) : undefined;
    },

    renew(lease, expires) {
      const changed = db.run(
        'UPDATE leases SET expires = ? WHERE name = ? AND owner = ? AND epoch = ?',
        expires,
        lease.name,
        lease.owner,
        lease.epoch,
      );
      return changed ? { ...lease, expires } : undefined;
    },

    release(lease) {
      db.run(
        'UPDATE leases SET owner = NULL, expires = ? WHERE name = ? AND owner = ? AND epoch = ?',
        lease.expires,
        lease.name,
        lease.owner,
        lease.epoch,
      );
    },

    get,

    last(name) {
      const row = rowOf(name);
      // Earlier versions forgot the expiry with the release.
      return row && row.expires !== null ? { name, epoch: row.epoch, expires: row.expires } : undefined;
    },
  };
}
