import { afterAll, beforeAll, describe } from 'vitest';
import type { Clock } from '../../lib/clock.ts';
import type { Catalog } from '../../lib/stores/catalog/catalog.ts';
import { travelClock } from '../support/clock.ts';
import { carriedContract } from './catalog/carried.ts';
import { deletionContract } from './catalog/deletion.ts';
import { floorContract } from './catalog/floor.ts';
import { groupsContract } from './catalog/groups.ts';
import { idempotenceContract } from './catalog/idempotence.ts';
import { instancesContract } from './catalog/instances.ts';
import { leasesContract } from './catalog/leases.ts';
import { lookupContract } from './catalog/lookup.ts';
import { membershipsContract } from './catalog/memberships.ts';
import { partitionsContract } from './catalog/partitions.ts';
import { producersContract } from './catalog/producers.ts';
import type { Subject } from './catalog/subject.ts';
import { subscriptionsContract } from './catalog/subscriptions.ts';
import { timestampsContract } from './catalog/timestamps.ts';
import { topicsContract } from './catalog/topics.ts';

/** What a suite run works on: a fresh, empty catalog. */
export interface OpenedCatalog {
  catalog: Catalog;
  /** Another process on the same data, when the engine allows one. Closed by `cleanup`. */
  another?: () => Promise<Catalog>;
  /** Closes `catalog` and opens the same data again, when the engine keeps data. */
  reopen?: () => Promise<Catalog>;
  /** Closes and removes everything. */
  cleanup(): Promise<void>;
}

export type OpenCatalog = (clock: Clock) => Promise<OpenedCatalog>;

/** One of an engine that any number of processes use: each opens it by `open`. `remove`: what is to be done when all have closed it. */
export async function openShared(open: () => Promise<Catalog>, remove: () => Promise<unknown>): Promise<OpenedCatalog> {
  const catalogs: Catalog[] = [];
  async function another(): Promise<Catalog> {
    const catalog = await open();
    catalogs.push(catalog);
    return catalog;
  }
  const closeAll = () => Promise.all(catalogs.splice(0).map((catalog) => catalog.close()));
  return {
    catalog: await another(),
    another,
    async reopen() {
      await closeAll();
      return another();
    },
    async cleanup() {
      await closeAll();
      await remove();
    },
  };
}

const PARTS = {
  topics: topicsContract,
  partitions: partitionsContract,
  idempotence: idempotenceContract,
  lookup: lookupContract,
  timestamps: timestampsContract,
  floor: floorContract,
  deletion: deletionContract,
  carried: carriedContract,
  producers: producersContract,
  groups: groupsContract,
  leases: leasesContract,
  memberships: membershipsContract,
  instances: instancesContract,
  subscriptions: subscriptionsContract,
};

/**
 * What every adapter of the Catalog port must do, in the port's own words, or chosen parts of it. Time, where it matters, is
 * `clock`'s.
 */
export function catalogContract(
  name: string,
  open: OpenCatalog,
  parts = Object.keys(PARTS) as (keyof typeof PARTS)[],
): void {
  describe(`the Catalog contract: ${name}`, () => {
    const clock = travelClock();
    let opened: OpenedCatalog;

    beforeAll(async () => {
      opened = await open(clock);
    });
    afterAll(() => opened?.cleanup());

    const subject = (): Subject => ({
      clock,
      catalog: opened.catalog,
      another: async () => (await opened.another?.()) ?? opened.catalog,
      reopen: async () => {
        if (opened.reopen) opened.catalog = await opened.reopen();
        return opened.catalog;
      },
    });

    for (const part of parts) PARTS[part](subject);
  });
}
