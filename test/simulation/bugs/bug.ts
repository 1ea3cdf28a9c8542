import type { EventLog } from '../../../lib/log/event-log.ts';
import type { UpkeepRules } from '../../../lib/log/upkeep/upkeep.ts';
import type { Catalog } from '../../../lib/stores/catalog/catalog.ts';
import type { Partitions } from '../../../lib/stores/catalog/partitions.ts';
import type { ObjectStore } from '../../../lib/stores/objects/objects.ts';
import type { Dice } from '../dice.ts';
import { ALWAYS_SEGMENTS, type Settings } from '../settings.ts';
import type { Check } from '../verdict.ts';

/** Something that is wrong on purpose, so that it is known that the checks can fail. */
export interface Bug {
  name: string;
  /** Each of these can notice; one does first. */
  caughtBy: readonly Check[];
  /** The stores themselves are wrong. */
  catalog?(inner: Catalog, dice: Dice): Catalog;
  objects?(inner: ObjectStore, dice: Dice): ObjectStore;
  /** The processes use them wrongly. */
  usesCatalog?(inner: Catalog, dice: Dice): Catalog;
  usesObjects?(inner: ObjectStore, dice: Dice): ObjectStore;
  /** What they answer is wrong. */
  log?(inner: EventLog, dice: Dice): EventLog;
  /** Brings the faults that the bug needs. */
  settings?(settings: Settings): Settings;
}

export function withPartitions(catalog: Catalog, partitions: Partial<Partitions>): Catalog {
  return { ...catalog, partitions: { ...catalog.partitions, ...partitions } };
}

/** Sweeps early and often while puts are slow. */
export function hasty(settings: Settings, upkeep: Partial<UpkeepRules> = {}): Settings {
  return {
    ...settings,
    storm: { ...settings.storm, slow: 0.03, slowBy: 3_000, latency: 10 },
    upkeepBeside: true,
    host: {
      ...settings.host,
      prices: ALWAYS_SEGMENTS,
      writer: { linger: 5 },
      upkeep: { ...settings.host.upkeep, grace: 0, sweepEvery: 0, ...upkeep },
    },
    clients: { ...settings.clients, appenders: 3, resenders: 3 },
  };
}

export function stormy(settings: Settings, storm: Partial<Settings['storm']>): Settings {
  return { ...settings, storm: { ...settings.storm, ...storm } };
}

export const NEVER = new Promise<never>(() => {});
