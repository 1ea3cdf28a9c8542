import { encodeBatch } from '../../../lib/format/records/batch.ts';
import { systemRandom } from '../../../lib/ids.ts';
import { parseBrokerConfig } from '../../../lib/log/broker-config.ts';
import type { EventLog } from '../../../lib/log/event-log.ts';
import { createLog, type LogDeps } from '../../../lib/log/log.ts';
import { embeddedPrices, type Prices } from '../../../lib/log/placement.ts';
import type { Catalog } from '../../../lib/stores/catalog/catalog.ts';
import { openSqlite } from '../../../lib/stores/catalog/sqlite/sqlite.ts';
import { openMemory } from '../../../lib/stores/objects/memory.ts';
import type { ObjectStore } from '../../../lib/stores/objects/objects.ts';
import { type TravelClock, travelClock } from '../../support/clock.ts';

/** Every flush is a segment. */
export const SEGMENTS: Prices = { put: 0, pointer: 0, carried: () => 1, carryLimit: 0 };
/** None is. */
export const CARRIED: Prices = { ...embeddedPrices, put: Number.POSITIVE_INFINITY };

/** Stores that outlive the logs over them, and a clock that jumps. */
export interface Place {
  clock: TravelClock;
  catalog: Catalog;
  objects: ObjectStore;
  /** `shared`: as one of several processes. */
  open(options?: Partial<LogDeps> & { shared?: boolean; config?: readonly string[] }): EventLog;
  close(): Promise<void>;
}

export async function openPlace(): Promise<Place> {
  const clock = travelClock();
  const catalog = await openSqlite({ path: ':memory:', clock, random: systemRandom });
  const objects = openMemory();
  const logs: EventLog[] = [];
  return {
    clock,
    catalog,
    objects,
    open({ shared = false, config = [], ...options } = {}) {
      const log = createLog({
        catalog: { ...catalog, shared, close: async () => {} },
        objects: { ...objects, close: async () => {} },
        clock,
        random: systemRandom,
        brokerConfig: parseBrokerConfig(config),
        prices: SEGMENTS,
        writer: { linger: 0 },
        ...options,
        upkeep: { wait: 0, ...options.upkeep },
      });
      logs.push(log);
      return log;
    },
    async close() {
      await Promise.all(logs.map((log) => log.close()));
      await catalog.close();
    },
  };
}

/** Names of the level-0 segments. */
export async function segments({ objects }: Place): Promise<string[]> {
  return (await objects.list('segments/')).map(({ name }) => name);
}

/** The values that can be read, from the log start on. */
export async function valuesOf(log: EventLog, topic: string, partition = 0): Promise<string[]> {
  const values: string[] = [];
  for await (const { value } of log.read(topic, { partition, follow: false }))
    values.push(Buffer.from(value!).toString());
  return values;
}

/** One batch whose records have no time. */
export function timelessBatch(value: string): Uint8Array {
  return encodeBatch([{ key: null, value: Buffer.from(value), headers: [], timestamp: -1 }]);
}
