import { afterAll, beforeAll, describe } from 'vitest';
import type { Clock } from '../../lib/clock.ts';
import type { Catalog } from '../../lib/stores/catalog/catalog.ts';
import { travelClock } from '../support/clock.ts';
import { carriedContract } from './catalog/carried.ts';
import { deletionContract } from './catalog/deletion.ts';
import { floorContract } from './catalog/floor.ts';
import { groupsContract } from './catalog/groups.ts';
import { idempotenceContract } from './catalog/idempotence.ts';
import { leasesContract } from './catalog/leases.ts';
import { lookupContract } from './catalog/lookup.ts';
import { partitionsContract } from './catalog/partitions.ts';
import { producersContract } from './catalog/producers.ts';
import type { Subject } from './catalog/subject.ts';
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

/** What every adapter of the Catalog port must do, in the port's own words. Time, where it matters, is `clock`'s. */
export function catalogContract(name: string, open: OpenCatalog): void {
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

    topicsContract(subject);
    partitionsContract(subject);
    idempotenceContract(subject);
    lookupContract(subject);
    timestampsContract(subject);
    floorContract(subject);
    deletionContract(subject);
    carriedContract(subject);
    producersContract(subject);
    groupsContract(subject);
    leasesContract(subject);
  });
}
