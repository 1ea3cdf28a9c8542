import type { ErrorCode } from '../../../errors.ts';
import type { Groups } from '../groups.ts';
import type { Instances } from '../instances.ts';
import type { Leases } from '../leases.ts';
import type { Memberships } from '../memberships.ts';
import type { Producers } from '../producers.ts';
import type { Subscriptions } from '../subscriptions.ts';
import type { Topics } from '../topics.ts';
import { asVarveError, type Database } from './database.ts';
import { openGroups } from './groups.ts';
import { openInstances } from './instances.ts';
import { openLeases } from './leases.ts';
import { openMemberships } from './memberships.ts';
import { openPartitions, type SyncPartitions } from './partitions.ts';
import { openProducers } from './producers.ts';
import { openDatabase, readMeta } from './schema.ts';
import { openSubscriptions } from './subscriptions.ts';
import type { Sync } from './sync.ts';
import { openTopics } from './topics.ts';
import { openUpkeep } from './upkeep.ts';

/** The catalog as it is inside the connection's thread. */
export interface Core {
  topics: Sync<Topics>;
  partitions: SyncPartitions;
  groups: Sync<Groups>;
  leases: Sync<Leases>;
  memberships: Sync<Memberships>;
  instances: Sync<Instances>;
  producers: Sync<Producers>;
  subscriptions: Sync<Subscriptions>;
}

/** What each method does to the data: a read need not wait for the commit of the writes that came with it. */
export const EFFECTS = {
  topics: { create: 'write', get: 'read', list: 'read', update: 'write', delete: 'write', purge: 'read' },
  partitions: {
    append: 'write',
    head: 'read',
    peek: 'read',
    producers: 'read',
    find: 'read',
    findTimestamp: 'read',
    chunks: 'read',
    raiseLogStart: 'write',
    raiseFloor: 'write',
    references: 'read',
    trim: 'read',
    dropChunks: 'read',
    advanceFrontier: 'write',
    replaceIndex: 'write',
  },
  groups: {
    claim: 'write',
    commit: 'write',
    advance: 'write',
    forget: 'write',
    offsets: 'read',
    keep: 'write',
    kept: 'write',
    list: 'read',
    find: 'read',
    delete: 'write',
  },
  leases: { acquire: 'write', renew: 'write', release: 'write', get: 'read', last: 'read' },
  memberships: { get: 'read', begin: 'write', change: 'write', renew: 'write' },
  instances: { get: 'read', list: 'read', swap: 'write' },
  producers: { allocate: 'write' },
  subscriptions: { put: 'write', list: 'read', delete: 'write', state: 'read', swap: 'write' },
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
   * and leaves the others alone; when the disk fails or is full, all fail, and whether they took place is not known.
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
    memberships: openMemberships(db),
    instances: openInstances(db),
    producers: openProducers(db),
    subscriptions: openSubscriptions(db),
  };
  const upkeep = openUpkeep(db, now);

  const perform = ({ port, method, args }: Request): Answer => {
    const methods = core[port] as unknown as Record<string, (...args: readonly unknown[]) => unknown>;
    return { value: methods[method]?.(...args) };
  };

  /** Commits what `run` does; a failure undoes all of it and is thrown. */
  function transact<T>(run: () => T): T {
    db.run('BEGIN IMMEDIATE');
    try {
      const result = run();
      db.run('COMMIT');
      return result;
    } catch (error) {
      if (db.inTransaction) db.run('ROLLBACK');
      throw error;
    }
  }

  /** A request that fails leaves no trace in the transaction; throws when the transaction itself is lost. */
  function isolated(request: Request): Answer {
    db.run('SAVEPOINT request');
    try {
      const answer = perform(request);
      db.run('RELEASE request');
      return answer;
    } catch (error) {
      if (!db.inTransaction) throw error;
      db.run('ROLLBACK TO request');
      db.run('RELEASE request');
      return failure(error);
    }
  }

  /** Savepoints cost as much as a small request: they are for the batch in which something failed. */
  function writeAll(requests: readonly Request[]): Answer[] {
    let isCommitting = false;
    try {
      return transact(() => {
        const answers = requests.map(perform);
        if (upkeep.isDue()) upkeep.step();
        isCommitting = true;
        return answers;
      });
    } catch (error) {
      if (isCommitting) throw error;
      return transact(() => requests.map(isolated));
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
      try {
        return writeAll(requests);
      } catch (error) {
        const answer = failure(error);
        return requests.map(() => answer);
      }
    },

    tidy() {
      try {
        if (time === 0 || !upkeep.isDue()) return false;
        transact(upkeep.step);
        return upkeep.isDue();
      } catch {
        // A full or failing disk tells whoever writes next; the upkeep waits until a write succeeds.
        return false;
      }
    },

    close: () => db.close(),
  };
}

function failure(error: unknown): Answer {
  const { code, message } = asVarveError(error);
  return { error: { code, message } };
}
