import type { Clock } from '../../../clock.ts';
import { VarveError } from '../../../errors.ts';
import type { Random } from '../../../ids.ts';
import { type Catalog, DATA_FORMAT_VERSION } from '../catalog.ts';
import { appender } from './append.ts';
import type { Marks } from './attempt.ts';
import { type Engine, insist } from './engine.ts';
import { groups } from './groups.ts';
import { instances } from './instances.ts';
import { key } from './keys.ts';
import { leases } from './leases.ts';
import { memberships } from './memberships.ts';
import { partitions } from './partitions.ts';
import { producers } from './producers.ts';
import { subscriptions } from './subscriptions.ts';
import { openTable, type Table, type TableOptions } from './table.ts';
import { topics } from './topics.ts';

export interface CatalogOptions {
  clock: Clock;
  random: Random;
  /**
   * How a request that was not answered is kept from being applied late. `cancel` (default) writes only when that happens: for
   * functions. `self` writes with each append, 15 bytes of head a process, and survives requests sent twice on their way: for
   * processes that live long.
   */
  mark?: 'cancel' | 'self';
}

export type DynamodbOptions = CatalogOptions & TableOptions;

/** Opens the catalog in a DynamoDB table that is there. DATA_FORMAT_TOO_NEW, KAFKA_STORAGE_ERROR. */
export async function openDynamodb(options: DynamodbOptions): Promise<Catalog> {
  return openCatalog(openTable(options), options);
}

/** The catalog over a table that the caller opened; closes it. */
export async function openCatalog(table: Table, { clock, random, mark = 'cancel' }: CatalogOptions): Promise<Catalog> {
  const engine: Engine = { table, clock, random };
  const clusterId = await checkFormat(engine).catch((cause) => {
    table.close();
    throw cause;
  });
  const appends = appender(engine, marks(clock, random, mark === 'self'));
  return {
    clusterId,
    shared: true,
    topics: topics(engine),
    partitions: partitions(engine, appends),
    groups: groups(engine),
    leases: leases(engine),
    memberships: memberships(engine),
    instances: instances(engine),
    producers: producers(engine),
    subscriptions: subscriptions(engine),
    async close() {
      await appends.drained();
      table.close();
    },
  };
}

/** The format item, made when it is not there. */
async function checkFormat(engine: Engine): Promise<string> {
  const clusterId = Buffer.from(engine.random(16)).toString('base64url');
  const item = { ...key.format(), version: DATA_FORMAT_VERSION, clusterId };
  const found = await insist(engine, () => engine.table.get(key.format(), { consistent: true }));
  let stored = found.status === 'ok' ? found.value : undefined;
  if (!stored) {
    const answer = await insist(engine, () => engine.table.put({ item, condition: 'attribute_not_exists(pk)' }));
    if (answer.status === 'ok') return clusterId;
    stored = answer.item;
  }
  if (Number(stored?.version) > DATA_FORMAT_VERSION) {
    throw new VarveError(
      'DATA_FORMAT_TOO_NEW',
      `The table has data format ${stored?.version}, this process knows ${DATA_FORMAT_VERSION}; upgrade it.`,
    );
  }
  return stored!.clusterId as string;
}

/** Two processes that draw the same name cancel each other's requests now and then, which costs them a second try. */
function marks(clock: Clock, random: Random, self: boolean): Marks {
  let last = 0;
  return {
    name: `X${Buffer.from(random(3)).toString('base64url')}`,
    self,
    next(seen = 0) {
      last = Math.max(last + 1, clock.now(), seen + 1);
      return last;
    },
  };
}
