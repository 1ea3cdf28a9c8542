import { type Clock, systemClock } from '../../../lib/clock.ts';
import { systemRandom } from '../../../lib/ids.ts';
import { parseBrokerConfig } from '../../../lib/log/broker-config.ts';
import type { EventLog } from '../../../lib/log/event-log.ts';
import { createLog } from '../../../lib/log/log.ts';
import { type Meter, silentMeter } from '../../../lib/log/meter.ts';
import { embeddedPrices } from '../../../lib/log/placement.ts';
import type { Catalog } from '../../../lib/stores/catalog/catalog.ts';
import { openSqlite } from '../../../lib/stores/catalog/sqlite/sqlite.ts';
import { openMemory } from '../../../lib/stores/objects/memory.ts';

export interface ProcessOptions {
  clock?: Clock;
  /** Lets this process's own access to the catalog fail. */
  around?(catalog: Catalog): Partial<Catalog>;
  meter?: Meter;
}

/** Several processes, each with a log and a clock of its own, over one catalog and one object store. */
export interface Processes {
  start(options?: ProcessOptions): EventLog;
  close(): Promise<void>;
}

export async function startProcesses(): Promise<Processes> {
  const catalog = await openSqlite({ path: ':memory:', clock: systemClock, random: systemRandom });
  const objects = openMemory();
  const logs: EventLog[] = [];
  return {
    start({ clock = systemClock, around = () => ({}), meter = silentMeter } = {}) {
      const log = createLog({
        catalog: { ...catalog, shared: true, ...around(catalog), close: async () => {} },
        objects: { ...objects, close: async () => {} },
        clock,
        random: systemRandom,
        brokerConfig: parseBrokerConfig([]),
        prices: embeddedPrices,
        meter,
      });
      logs.push(log);
      return log;
    },
    async close() {
      await Promise.all(logs.map((log) => log.close()));
      await catalog.close();
      await objects.close();
    },
  };
}
