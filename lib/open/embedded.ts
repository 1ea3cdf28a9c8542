import { dirname, join, resolve } from 'node:path';
import { backgroundClock, systemClock } from '../clock.ts';
import { systemRandom } from '../ids.ts';
import { parseBrokerConfig } from '../log/broker-config.ts';
import { type SelfDelivery, selfDelivery } from '../log/delivery/driver.ts';
import type { EventLog } from '../log/event-log.ts';
import { createLog } from '../log/log.ts';
import type { Meter } from '../log/meter.ts';
import { embeddedPrices } from '../log/placement.ts';
import type { UpkeepReport, UpkeepRules } from '../log/upkeep/upkeep.ts';
import type { WriterLimits } from '../log/writer.ts';
import { urlTarget } from '../runtime/url-target.ts';
import { openSqlite } from '../stores/catalog/sqlite/sqlite.ts';
import { type FileSystem, nodeFileSystem } from '../stores/objects/file-system.ts';
import { openFilesystem } from '../stores/objects/filesystem.ts';

export interface EmbeddedOptions {
  /** The data folder; made when there is none. One process at a time: DATA_FOLDER_IN_USE otherwise. */
  data: string;
  /** Kafka's broker configuration as `key=value`, such as `num.partitions=4`. */
  config?: readonly string[];
  meter?: Meter;
  writer?: Partial<WriterLimits>;
  cacheBytes?: number;
  /** Told what each run of the upkeep did. */
  onUpkeep?: (report: UpkeepReport) => void;
  /** How subscriptions are delivered. */
  delivery?: Partial<Omit<SelfDelivery, 'clock'>>;
  /** For tests that make a disk full or lose its power. */
  fs?: FileSystem;
}

/** Where nothing is far away, appends that are still under way are younger, and readers look again at once. */
const UPKEEP: Partial<UpkeepRules> = { grace: 60_000, wait: 0 };

/**
 * The log on this machine: SQLite and files. Until it is closed it does its upkeep by itself, every `log.retention.check.interval.ms`,
 * and delivers records to the URLs that subscribe to them.
 */
export async function openEmbedded(options: EmbeddedOptions): Promise<EventLog> {
  const brokerConfig = parseBrokerConfig(options.config ?? []);
  await makeFolder(options.fs ?? nodeFileSystem, resolve(options.data));
  // The catalog first: its lock is the folder's.
  const catalog = await openSqlite({
    path: join(options.data, 'catalog.sqlite'),
    clock: systemClock,
    random: systemRandom,
  });
  try {
    const objects = await openFilesystem(join(options.data, 'objects'), options.fs ? { fs: options.fs } : {});
    const { meter, writer, cacheBytes, onUpkeep, delivery } = options;
    return createLog({
      catalog,
      objects,
      clock: systemClock,
      random: systemRandom,
      brokerConfig,
      prices: embeddedPrices,
      readAhead: true,
      upkeep: UPKEEP,
      selfUpkeep: { clock: backgroundClock, ...(onUpkeep && { onRun: onUpkeep }) },
      selfDelivery: selfDelivery({ clock: backgroundClock, target: (signal) => urlTarget(signal), ...delivery }),
      ...(meter && { meter }),
      writer: { eager: true, ...writer },
      ...(cacheBytes !== undefined && { cacheBytes }),
    });
  } catch (error) {
    await catalog.close();
    throw error;
  }
}

/** Makes the folder, and those above it that are missing. Each survives a loss of power, or all that comes to lie in it would not. */
async function makeFolder(fs: FileSystem, folder: string): Promise<void> {
  const first = await fs.mkdir(folder, { recursive: true });
  if (first === undefined) return;
  for (let made = folder; made.length >= first.length; made = dirname(made)) await fs.syncFolder(dirname(made));
}

export { openMemory } from './memory.ts';
