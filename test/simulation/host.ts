import type { BrokerConfig } from '../../lib/log/broker-config.ts';
import type { EventLog } from '../../lib/log/event-log.ts';
import { createLog } from '../../lib/log/log.ts';
import type { Prices } from '../../lib/log/placement.ts';
import type { UpkeepRules } from '../../lib/log/upkeep/upkeep.ts';
import type { WriterLimits } from '../../lib/log/writer.ts';
import type { Catalog } from '../../lib/stores/catalog/catalog.ts';
import type { ObjectStore } from '../../lib/stores/objects/objects.ts';
import type { Dice } from './dice.ts';
import type { Process } from './process.ts';

/** A process with a log in it, and its way to the stores, for upkeep. */
export interface Host {
  process: Process;
  log: EventLog;
  catalog: Catalog;
  objects: ObjectStore;
}

export interface HostSettings {
  brokerConfig: BrokerConfig;
  prices: Prices;
  writer: Partial<WriterLimits>;
  cacheBytes: number;
  upkeep: UpkeepRules;
  /** Whether the log does its upkeep by itself. */
  selfUpkeep: boolean;
}

export function createHost(
  process: Process,
  dice: Dice,
  stores: { catalog: Catalog; objects: ObjectStore },
  settings: HostSettings,
): Host {
  const { selfUpkeep, ...options } = settings;
  const { catalog, objects } = stores;
  const { clock } = process;
  const log = createLog({
    catalog,
    objects,
    clock,
    random: dice.bytes,
    ...options,
    ...(selfUpkeep && { selfUpkeep: { clock } }),
  });
  return { process, log, catalog, objects };
}
