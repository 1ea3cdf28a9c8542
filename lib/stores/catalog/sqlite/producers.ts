import type { Producers } from '../producers.ts';
import type { Database } from './database.ts';
import { readMeta } from './schema.ts';
import type { Sync } from './sync.ts';

export function openProducers(db: Database): Sync<Producers> {
  return {
    allocate() {
      const id = Number(readMeta(db, 'next producer id'));
      db.run("UPDATE meta SET value = ? WHERE name = 'next producer id'", String(id + 1));
      return id;
    },
  };
}
