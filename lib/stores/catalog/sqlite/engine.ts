import type { ErrorCode } from '../../../errors.ts';
import type { Groups } from '../groups.ts';
import type { Leases } from '../leases.ts';
import type { Producers } from '../producers.ts';
import type { Topics } from '../topics.ts';
import { asVarveError, type Database } from './database.ts';
import { openGroups } from './groups.ts';
import { openLeases } from './leases.ts';
import { openPartitions, type SyncPartitions } from './partitions.ts';
import { openProducers } from './producers.ts';
import { openDatabase, readMeta } from './schema.ts';
import type { Sync } from './sync.ts';
import { openTopics } from './topics.ts';
import { openUpkeep } from './upkeep.ts';

/** The catalog as it is inside the connection's thread. */
export interface Core {
  topics: Sync<Topics>;
  partitions: SyncPartitions;
  groups: Sync<Groups>;
  leases: Sync<Leases>;
  producers: Sync<Producers>;
}

/** What each method does to the data: a read need not wait for the commit of the writes that came with it. */
export const EFFECTS = {
  topics: { create: 'write', get: 'read', list: 'read', update: 'write', delete: 'write' },
  partitions: {
    append: 'write',
    head: 'read',
    peek: 'read',
    find: 'read',
    findTimestamp: 'read',
    chunk: 'read',
    raiseLogStart: 'write',
    raiseFloor: 'write',
    refers: 'read',
    advanceFrontier: 'write',
    replaceIndex: 'write',
  },
  groups: { claim: 'write', commit: 'write', offsets: 'read', list: 'read', delete: 'write' },
  leases: { acquire: 'write', renew: 'write', release: 'write', get: 'read' },
  producers: { allocate: 'write' },
} as const satisfies { [Port in keyof Core]: Record<keyof Core[Port], 'read' | 'write'> };

/** A call of a port's method; everything in it can be cloned into another thread. */
export interface Request {
  port: keyof Core;
  method: string;
  args: readonly unknown[];
}

export type Answer = { value: unknown } | { error: { code: ErrorCode; message: string } };

export interface Engine {
  readonly clusterId: string;
  read(requests: readonly Request[]): Answer[];
  /**
   * Runs the requests one after the other and commits them together: durable when it returns. One that fails changes nothing
   * and leaves the others alone; when the commit fails, all fail and whether they took place is not known.
   */
  write(requests: readonly Request[], now: number): Answer[];
  /** Does a little of the upkeep that waits, by the time of the last write; true when there is more. For when nothing else is to do. */
  tidy(): boolean;
  close(): void;
}

/** `clusterId` is used when the catalog is made. Errors as `openDatabase`. */
export function openEngine(path: string, clusterId: string): Engine {
  return engineOver(openDatabase(path, clusterId));
}

export function engineOver(db: Database): Engine {
  let time = 0;
  const now = () => time;
  const core: Core = {
    topics: openTopics(db),
    partitions: openPartitions(db, now),
    groups: openGroups(db),
    leases: openLeases(db),
    producers: openProducers(db),
  };
  const upkeep = openUpkeep(db, now);

  const perform = ({ port, method, args }: Request): Answer => {
    const methods = core[port] as unknown as Record<string, (...args: readonly unknown[]) => unknown>;
    return { value: methods[method]?.(...args) };
  };

  /** Whatever fails in `run` leaves no trace in the transaction; throws when the transaction itself is lost. */
  function isolated(run: () => Answer): Answer {
    db.run('SAVEPOINT request');
    try {
      const answer = run();
      db.run('RELEASE request');
      return answer;
    } catch (error) {
      if (!db.inTransaction) throw error;
      db.run('ROLLBACK TO request');
      db.run('RELEASE request');
      return failure(error);
    }
  }

  function transact(requests: readonly Request[]): Answer[] {
    try {
      db.run('BEGIN IMMEDIATE');
      const answers = requests.map((request) => isolated(() => perform(request)));
      if (upkeep.isDue()) {
        isolated(() => {
          upkeep.step();
          return { value: undefined };
        });
      }
      db.run('COMMIT');
      return answers;
    } catch (error) {
      if (db.inTransaction) db.run('ROLLBACK');
      const answer = failure(error);
      return requests.map(() => answer);
    }
  }

  return {
    clusterId: readMeta(db, 'cluster id'),

    read(requests) {
      return requests.map((request) => {
        try {
          return perform(request);
        } catch (error) {
          return failure(error);
        }
      });
    },

    write(requests, at) {
      time = at;
      return transact(requests);
    },

    tidy() {
      if (time === 0 || !upkeep.isDue()) return false;
      transact([]);
      return upkeep.isDue();
    },

    close: () => db.close(),
  };
}

function failure(error: unknown): Answer {
  const { code, message } = asVarveError(error);
  return { error: { code, message } };
}
