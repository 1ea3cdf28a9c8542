import type { Instance, Instances } from '../instances.ts';
import type { Database } from './database.ts';
import type { Sync } from './sync.ts';

export function openInstances(db: Database): Sync<Instances> {
  return {
    get: (group, name) =>
      db.get<Instance>('SELECT name, version, state FROM instances WHERE group_id = ? AND name = ?', group, name),

    list: (group) =>
      db.all<Instance>('SELECT name, version, state FROM instances WHERE group_id = ? ORDER BY name', group),

    swap(group, name, version, to) {
      const where = 'WHERE group_id = ? AND name = ? AND version = ?';
      if (to === undefined) return db.run(`DELETE FROM instances ${where}`, group, name, version) > 0;
      if (version > 0) {
        return db.run(`UPDATE instances SET version = version + 1, state = ? ${where}`, to, group, name, version) > 0;
      }
      const insert =
        'INSERT INTO instances (group_id, name, version, state) VALUES (?, ?, 1, ?) ON CONFLICT DO NOTHING';
      return db.run(insert, group, name, to) > 0;
    },
  };
}
