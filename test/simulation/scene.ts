import type { Catalog } from '../../lib/stores/catalog/catalog.ts';
import { openEngine } from '../../lib/stores/catalog/sqlite/engine.ts';
import { inlineTransport } from '../../lib/stores/catalog/sqlite/inline.ts';
import { catalogOver } from '../../lib/stores/catalog/sqlite/sqlite.ts';
import { openMemory } from '../../lib/stores/objects/memory.ts';
import { aloneWith } from './alone.ts';
import type { Stores } from './audit.ts';
import type { Bug } from './bugs/bug.ts';
import { createClock, type VirtualClock } from './clock.ts';
import { createDice, type Dice } from './dice.ts';
import { createGroupTruth, type GroupTruth } from './group-truth.ts';
import { createHost, type Host } from './host.ts';
import { createModel, type Model } from './model.ts';
import { createNetwork, type Network } from './network.ts';
import { observeCatalog, observeEngine, observeObjects } from './observe.ts';
import { createProcess } from './process.ts';
import { createSettings, type Settings } from './settings.ts';
import { createTrace, type Trace } from './trace.ts';
import { createTruth, type Truth } from './truth.ts';
import type { Check, Violation } from './verdict.ts';

export interface SceneOptions {
  seed: number;
  /** Whether several processes share the catalog; by default the seed decides. */
  shared?: boolean;
  bug?: Bug;
  /** Lines of the trace that are kept. */
  keep?: number;
}

/** Where a run takes place: the stores, the processes that use them through the network, and those who judge. */
export interface Scene {
  settings: Settings;
  dice: Dice;
  clock: VirtualClock;
  trace: Trace;
  truth: Truth;
  groups: GroupTruth;
  model: Model;
  network: Network;
  /** As they are, without a network. */
  stores: Stores;
  /** What comes in here is seen by those who judge. */
  observed: Stores;
  violations: Violation[];
  /** How often what happened. */
  counts: Map<string, number>;
  count(what: string): void;
  violate(check: Check, detail: string): void;
  /** A new process with a log in it. */
  start(): void;
  /** Those that are alive. */
  hosts(): Host[];
  close(): Promise<void>;
}

/** Whoever asks for one of these leases gets it. */
function withoutLease(catalog: Catalog, names: readonly string[]): Catalog {
  const { leases } = catalog;
  return {
    ...catalog,
    leases: {
      acquire: async (name, owner, now, expires) =>
        names.includes(name) ? { name, owner, epoch: 1, expires } : leases.acquire(name, owner, now, expires),
      renew: (lease, expires) => leases.renew(lease, expires),
      release: async (lease) => (names.includes(lease.name) ? undefined : leases.release(lease)),
      get: (name) => leases.get(name),
      last: (name) => leases.last(name),
    },
  };
}

export function createScene({ seed, shared, bug, keep = 0 }: SceneOptions): Scene {
  const dice = createDice(seed);
  const clock = createClock();
  const trace = createTrace(clock.monotonic, keep);
  // Bugs are planted into the way to a shared catalog.
  const drawn = createSettings(dice.fork(), { shared: bug ? true : shared });
  const settings = bug?.settings?.(drawn) ?? drawn;
  const counts = new Map<string, number>();
  const violations: Violation[] = [];
  const now = clock.monotonic;
  const { note } = trace;
  const count = (what: string) => void counts.set(what, (counts.get(what) ?? 0) + 1);
  const violate = (check: Check, detail: string) => {
    note(`VIOLATION ${check}: ${detail}`);
    violations.push({ check, detail, at: now() });
  };

  const truth = createTruth({ now, wall: () => clock.now() + settings.skew, violate, note, count });
  const groups = createGroupTruth({ truth, now, violate, note, count });
  const model = createModel(truth, settings, violate);
  const reach = { clock, dice: dice.fork(), trace, count };
  const network = createNetwork(reach);

  const bugDice = dice.fork();
  const engine = openEngine(':memory:', 'simulated');
  const sqlite = catalogOver(inlineTransport(engine, clock), clock);
  const memory = openMemory();
  const stores: Stores = {
    catalog: bug?.catalog?.(sqlite, bugDice) ?? sqlite,
    objects: bug?.objects?.(memory, bugDice) ?? memory,
  };
  const observed: Stores = {
    catalog: observeCatalog(stores.catalog, truth, groups),
    objects: observeObjects(stores.objects, truth),
  };
  const observedEngine = observeEngine(engine, truth, groups);

  const hosts: Host[] = [];
  const hostDice = dice.fork();
  function start(): void {
    const name = `host${hosts.length}`;
    const skew = hostDice.int(-settings.skew, settings.skew);
    const process = createProcess(name, clock, { wall: skew, monotonic: hostDice.int(0, 1_000_000) });
    const catalog = settings.shared
      ? network.catalog(process, observed.catalog)
      : aloneWith(observedEngine, process, () => network.weather, reach);
    const objects = network.objects(process, observed.objects);
    const ownCatalog = settings.upkeepBeside ? withoutLease(catalog, ['upkeep', 'sweep']) : catalog;
    const own: Stores = {
      catalog: bug?.usesCatalog?.(ownCatalog, bugDice) ?? ownCatalog,
      objects: bug?.usesObjects?.(objects, bugDice) ?? objects,
    };
    const host = createHost(process, hostDice.fork(), own, settings.host);
    hosts.push(bug?.log ? { ...host, log: bug.log(host.log, bugDice) } : host);
    note(`${name} starts`);
  }

  return {
    settings,
    dice,
    clock,
    trace,
    truth,
    groups,
    model,
    network,
    stores,
    observed,
    violations,
    counts,
    count,
    violate,
    start,
    hosts: () => hosts.filter(({ process }) => process.alive),
    close: () => sqlite.close(),
  };
}
