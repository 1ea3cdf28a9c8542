import { type Clock, systemClock } from '../clock.ts';
import { type Random, systemRandom } from '../ids.ts';
import { parseBrokerConfig } from '../log/broker-config.ts';
import type { EventLog } from '../log/event-log.ts';
import { createLog } from '../log/log.ts';
import { embeddedPrices } from '../log/placement.ts';
import type { UpkeepRules } from '../log/upkeep/upkeep.ts';
import { openSqlite } from '../stores/catalog/sqlite/sqlite.ts';
import { openMemory as openMemoryObjects } from '../stores/objects/memory.ts';

export interface MemoryOptions {
  /** Kafka's broker configuration as `key=value`. */
  config?: readonly string[];
  clock?: Clock;
  random?: Random;
  upkeep?: Partial<UpkeepRules>;
}

/** A log that is gone when it is closed. Its upkeep is done when it is asked for. */
export async function openMemory(options: MemoryOptions = {}): Promise<EventLog> {
  const { clock = systemClock, random = systemRandom } = options;
  return createLog({
    catalog: await openSqlite({ path: ':memory:', clock, random }),
    objects: openMemoryObjects(),
    clock,
    random,
    brokerConfig: parseBrokerConfig(options.config ?? []),
    prices: embeddedPrices,
    upkeep: { wait: 0, ...options.upkeep },
  });
}
