import { sleep } from '../../lib/clock.ts';
import { openEngine } from '../../lib/stores/catalog/sqlite/engine.ts';
import { inlineTransport } from '../../lib/stores/catalog/sqlite/inline.ts';
import { catalogOver } from '../../lib/stores/catalog/sqlite/sqlite.ts';
import { openMemory } from '../../lib/stores/objects/memory.ts';
import { aloneWith } from './alone.ts';
import { audit, auditGroup, checkReachable } from './audit.ts';
import type { Bug } from './bugs/bug.ts';
import { ask, type Client, type World } from './client.ts';
import { admin } from './clients/admin.ts';
import { appender } from './clients/appender.ts';
import { consumer, GROUP } from './clients/consumer.ts';
import { follower } from './clients/follower.ts';
import { producer } from './clients/producer.ts';
import { reader } from './clients/reader.ts';
import { resender } from './clients/resender.ts';
import { compactor, sweeper } from './clients/upkeep.ts';
import { createClock } from './clock.ts';
import { createDice } from './dice.ts';
import { createGroupTruth } from './group-truth.ts';
import { createHost, type Host } from './host.ts';
import { createModel } from './model.ts';
import { CALM, createNetwork, LATE_AT_MOST_MS } from './network.ts';
import { observeCatalog, observeEngine, observeObjects } from './observe.ts';
import { createProcess } from './process.ts';
import { createSettings } from './settings.ts';
import { FLEETING, GROWING, STEADY } from './topics.ts';
import { createTrace } from './trace.ts';
import { createTruth, describe } from './truth.ts';
import type { Check, Violation } from './verdict.ts';

export interface SimulationOptions {
  seed: number;
  /** Of virtual time under faults; what was begun is then finished without. */
  minutes: number;
  bug?: Bug;
  /** Whether several processes share the catalog; by default the seed decides. */
  shared?: boolean;
  /** Lines of the trace that are kept. */
  keep?: number;
}

export interface Outcome {
  seed: number;
  violations: Violation[];
  /** How often what happened. */
  counts: Map<string, number>;
  /** Milliseconds of virtual time. */
  elapsed: number;
  /** Timers that fired. */
  steps: number;
  /** The same for the same seed. */
  hash: string;
  trace: readonly string[];
}

/** Long enough for every time-out, lease and late request. */
const HEALING_MS = 300_000;
const LAST_CALLS_MS = 600_000;
const LAST_ANSWERS_MS = 60_000;
const LONGEST_FREEZE_MS = 60_000;
const CHECK_EVERY_MS = 5_000;

/** One run: several processes with a log each over the same stores, clients, upkeep and faults, all from one seed. */
export async function simulate({ seed, minutes, shared, bug, keep = 0 }: SimulationOptions): Promise<Outcome> {
  const dice = createDice(seed);
  const clock = createClock();
  const trace = createTrace(clock.monotonic, keep);
  // Bugs are planted into the way to a shared catalog.
  const drawn = createSettings(dice.fork(), { shared: bug ? true : shared });
  const settings = bug?.settings?.(drawn) ?? drawn;
  const counts = new Map<string, number>();
  const violations: Violation[] = [];
  const now = clock.monotonic;
  const note = trace.note;
  const count = (what: string) => void counts.set(what, (counts.get(what) ?? 0) + 1);
  const violate = (check: Check, detail: string) => {
    note(`VIOLATION ${check}: ${detail}`);
    violations.push({ check, detail, at: now() });
  };

  const truth = createTruth({ now, violate, note, count });
  const groups = createGroupTruth({ truth, now, violate, note, count });
  const model = createModel(truth, settings, violate);
  const reach = { clock, dice: dice.fork(), trace, count };
  const network = createNetwork(reach);
  const bugDice = dice.fork();
  const engine = openEngine(':memory:', 'simulated');
  const sqlite = catalogOver(inlineTransport(engine, clock), clock);
  const memory = openMemory();
  const stores = {
    catalog: bug?.catalog?.(sqlite, bugDice) ?? sqlite,
    objects: bug?.objects?.(memory, bugDice) ?? memory,
  };
  const observed = {
    catalog: observeCatalog(stores.catalog, truth, groups),
    objects: observeObjects(stores.objects, truth),
    engine: observeEngine(engine, truth, groups),
  };

  const hosts: Host[] = [];
  const hostDice = dice.fork();
  function start(): void {
    const name = `host${hosts.length}`;
    const skew = hostDice.int(-settings.skew, settings.skew);
    const process = createProcess(name, clock, { wall: skew, monotonic: hostDice.int(0, 1_000_000) });
    const catalog = settings.shared
      ? network.catalog(process, observed.catalog)
      : aloneWith(observed.engine, process, () => network.weather, reach);
    const objects = network.objects(process, observed.objects);
    const own = {
      catalog: bug?.usesCatalog?.(catalog, bugDice) ?? catalog,
      objects: bug?.usesObjects?.(objects, bugDice) ?? objects,
    };
    const host = createHost(process, hostDice.fork(), own, settings.host);
    hosts.push(bug?.log ? { ...host, log: bug.log(host.log, bugDice) } : host);
    note(`${name} starts`);
  }
  const living = () => hosts.filter(({ process }) => process.alive);

  let phase: ReturnType<World['phase']> = 'chaos';
  const onOver = new Set<() => void>();
  const goals: (() => string | undefined)[] = [groupLag];
  function groupLag(): string | undefined {
    for (const at of truth.partitions()) {
      const { topicId, topic, partition, records, logStarts } = at;
      if (topic === FLEETING || logStarts.at(-1)!.offset === records.length) continue;
      const committed = groups.offset(GROUP, { topicId, partition }) ?? 0;
      if (committed < records.length)
        return `the group is at ${committed} of ${describe(at)}, which ends at ${records.length}`;
    }
    return undefined;
  }
  const world: World = {
    clock,
    truth,
    groups,
    model,
    host: (own) => own.pick(living()),
    phase: () => phase,
    whenOver(run) {
      onOver.add(run);
      return () => onOver.delete(run);
    },
    goal: (missing) => void goals.push(missing),
    violate,
    note,
    count,
  };

  const running = new Set<string>();
  function spawn(name: string, act: (client: Client) => Promise<void>): void {
    running.add(name);
    act({ name, dice: dice.fork(), world })
      .catch((error: unknown) => violate('errors are known', `${name} ended: ${(error as Error).stack}`))
      .finally(() => running.delete(name));
  }

  const failures = dice.fork();
  async function weather(): Promise<void> {
    while (phase === 'chaos') {
      network.weather = failures.chance(0.3) ? CALM : settings.storm;
      await sleep(clock, failures.around(15_000));
    }
  }
  async function freezes(): Promise<void> {
    for (;;) {
      await sleep(clock, failures.around(settings.freezeEvery));
      if (phase !== 'chaos') return;
      const { process } = failures.pick(living());
      const ms = Math.min(failures.around(settings.freezeFor), LONGEST_FREEZE_MS);
      note(`${process.name} freezes for ${ms.toFixed(0)}`);
      count('freezes');
      process.freeze(ms);
    }
  }
  async function kills(): Promise<void> {
    for (;;) {
      await sleep(clock, failures.around(settings.killEvery));
      if (phase !== 'chaos') return;
      const { process } = failures.pick(living());
      note(`${process.name} is killed`);
      count('kills');
      process.kill();
      // The others may be dead or frozen for a while: clients always find one that runs.
      start();
    }
  }
  async function checks(): Promise<void> {
    while (phase === 'chaos') {
      await sleep(clock, CHECK_EVERY_MS);
      await checkReachable(stores, truth, violate);
    }
  }

  try {
    while (hosts.length < settings.hosts) start();
    const { topics } = observed.catalog;
    for (const [name, partitions] of [
      [STEADY, failures.int(1, 3)],
      [GROWING, 1],
      [FLEETING, 1],
    ] as const) {
      const id = `${name}-${Buffer.from(dice.bytes(4)).toString('hex')}`;
      await topics.create({ name, id, partitions, config: {}, created: clock.now() });
    }

    const { clients, sweep, grace } = settings;
    const many = (n: number, name: string, act: (client: Client) => Promise<void>) => {
      for (let i = 0; i < n; i++) spawn(`${name}${i}`, act);
    };
    many(clients.appenders, 'appender', appender);
    many(clients.resenders, 'resender', resender);
    many(clients.producers, 'producer', producer);
    many(clients.readers, 'reader', reader);
    many(clients.consumers, 'consumer', consumer);
    many(1, 'admin', admin);
    many(settings.shared ? 2 : 0, 'compactor', compactor(grace));
    many(settings.shared ? 2 : 0, 'sweeper', sweeper(sweep));
    for (const topic of [STEADY, GROWING, FLEETING]) many(1, `follower-${topic}-`, follower(topic));
    for (const act of [weather, freezes, kills, checks]) void act();

    const end = minutes * 60_000;
    await clock.run(end, () => violations.length > 0);
    phase = 'healing';
    note('nothing fails any more');
    network.weather = CALM;
    await heal();
    if (violations.length === 0) await finish();
  } catch (error) {
    violate('errors are known', `the run ended: ${(error as Error).stack}`);
  } finally {
    phase = 'over';
    for (const { process } of hosts) process.kill();
  }

  /** Until what was in doubt is decided and everybody has read everything. */
  async function heal(): Promise<void> {
    const begun = now();
    const decided = begun + (settings.storm.late > 0 ? LATE_AT_MOST_MS : 0);
    while (violations.length === 0 && now() < begun + HEALING_MS) {
      await clock.run(now() + CHECK_EVERY_MS, () => violations.length > 0);
      if (now() >= decided && goals.every((missing) => missing() === undefined)) return;
    }
    for (const goal of goals) {
      const missing = goal();
      if (missing && violations.length === 0) violate('all is read', missing);
    }
  }

  async function finish(): Promise<void> {
    phase = 'over';
    for (const run of [...onOver]) run();
    const last = now() + LAST_CALLS_MS;
    if (!(await clock.run(last, () => running.size === 0))) {
      return violate('calls end', `${[...running].join(', ')} never end`);
    }
    let closed = 0;
    const closer: Client = { name: 'closer', dice: dice.fork(), world };
    for (const host of living()) {
      void ask(closer, host, 'close', { errors: [], limit: LAST_CALLS_MS + 1 }, (log) => log.close()).finally(
        () => closed++,
      );
    }
    if (!(await clock.run(last, () => closed === living().length))) violate('nothing held', 'a log does not close');
    // What was asked when it closed, such as a lease's release, is still answered.
    await clock.run(now() + LAST_ANSWERS_MS, () => living().every(({ process }) => network.pending(process) === 0));
    for (const { process } of living()) {
      if (process.timers() + network.pending(process) === 0) continue;
      const left = `${process.timers()} timers and ${network.pending(process)} requests`;
      violate('nothing held', `${process.name} is closed and has ${left}`);
    }
    model.finish();
    let audited = false;
    const done = audit(stores, truth, clock, settings.host, violate)
      .then(() => auditGroup(stores, truth, groups, GROUP, violate))
      .finally(() => {
        audited = true;
      });
    await clock.run(Number.POSITIVE_INFINITY, () => audited);
    await done;
  }

  await sqlite.close();
  return { seed, violations, counts, elapsed: now(), steps: clock.fired, hash: trace.hash(), trace: trace.lines };
}
