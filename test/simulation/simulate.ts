import { sleep } from '../../lib/clock.ts';
import { audit, auditGroup, auditStorage, checkReachable } from './audit.ts';
import { unleash } from './chaos.ts';
import { ask, type Client, type World } from './client.ts';
import { admin } from './clients/admin.ts';
import { appender } from './clients/appender.ts';
import { consumer, GROUP } from './clients/consumer.ts';
import { follower } from './clients/follower.ts';
import { producer } from './clients/producer.ts';
import { reader } from './clients/reader.ts';
import { resender } from './clients/resender.ts';
import { compactor, reclaim, upkeep } from './clients/upkeep.ts';
import { CALM, LATE_AT_MOST_MS } from './network.ts';
import { createScene, type Scene, type SceneOptions } from './scene.ts';
import { FLEETING, GROWING, STEADY } from './topics.ts';
import { describe } from './truth.ts';
import type { Violation } from './verdict.ts';

export interface SimulationOptions extends SceneOptions {
  /** Of virtual time under faults; what was begun is then finished without. */
  minutes: number;
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

const CHECK_EVERY_MS = 5_000;
const HEALING_MS = 300_000;
const LAST_CALLS_MS = 600_000;
const LAST_ANSWERS_MS = 60_000;
/** Beyond what the lease of a run of upkeep lasts. */
const LONGEST_RUN_MS = 200_000;
/** Where few segments are judged at a time, and each time readers are waited for. */
const LAST_UPKEEP_MS = 24 * 3_600_000;

/** One run, all of it from one seed. It ends at the first violation. */
export async function simulate({ minutes, ...options }: SimulationOptions): Promise<Outcome> {
  const scene = createScene(options);
  const { clock, violations, violate, trace } = scene;
  const failed = () => violations.length > 0;
  const stage = createStage(scene);
  try {
    await createTopics(scene);
    enter(scene, stage);
    const end = minutes * 60_000;
    await clock.run(end, failed);
    stage.phase = 'healing';
    scene.network.weather = CALM;
    trace.note('nothing fails any more');
    await heal(scene, stage, failed);
    if (!failed()) await leave(scene, stage);
    if (!failed()) await free(scene, stage.world, failed);
    if (!failed()) await closeLogs(scene, stage.world);
    if (!failed()) await auditAll(scene);
  } catch (error) {
    violate('errors are known', `the run ended: ${(error as Error).stack}`);
  } finally {
    stage.phase = 'over';
    for (const { process } of scene.hosts()) process.kill();
  }
  await scene.close();
  const { counts } = scene;
  const { lines } = trace;
  const elapsed = clock.monotonic();
  return { seed: options.seed, violations, counts, elapsed, steps: clock.fired, hash: trace.hash(), trace: lines };
}

/** The clients, and what they wait for. */
interface Stage {
  phase: ReturnType<World['phase']>;
  world: World;
  /** Names of clients that are still at work. */
  running: Set<string>;
  goals: (() => string | undefined)[];
  onOver: Set<() => void>;
}

function createStage(scene: Scene): Stage {
  const { clock, truth, groups, model, hosts, violate, count, trace } = scene;
  const onOver = new Set<() => void>();
  const goals = [() => groupLag(scene)];
  const stage: Stage = {
    phase: 'chaos',
    world: {
      clock,
      truth,
      groups,
      model,
      host: (dice) => dice.pick(hosts()),
      phase: () => stage.phase,
      whenOver(run) {
        onOver.add(run);
        return () => onOver.delete(run);
      },
      goal: (missing) => void goals.push(missing),
      violate,
      note: trace.note,
      count,
      retention: scene.settings.retention,
    },
    running: new Set(),
    goals,
    onOver,
  };
  return stage;
}

async function createTopics({ settings, dice, clock, observed, start }: Scene): Promise<void> {
  for (let i = 0; i < settings.hosts; i++) start();
  for (const [name, partitions] of [
    [STEADY, dice.int(1, 3)],
    [GROWING, 1],
    [FLEETING, 1],
  ] as const) {
    const id = `${name}-${Buffer.from(dice.bytes(4)).toString('hex')}`;
    const config = dice.pick([{}, ...settings.retention]);
    await observed.catalog.topics.create({ name, id, partitions, config, created: clock.now() });
  }
}

/** Everybody begins. */
function enter(scene: Scene, stage: Stage): void {
  const { settings, dice, stores, truth, clock, violate } = scene;
  const { clients, grace, shared } = settings;
  const many = (n: number, kind: string, act: (client: Client) => Promise<void>) => {
    for (let i = 0; i < n; i++) {
      const name = `${kind}${i}`;
      stage.running.add(name);
      act({ name, dice: dice.fork(), world: stage.world })
        .catch((error: Error) => violate('errors are known', `${name} ended: ${error.stack}`))
        .finally(() => stage.running.delete(name));
    }
  };
  many(clients.appenders, 'appender', appender);
  many(clients.resenders, 'resender', resender);
  many(clients.producers, 'producer', producer);
  many(clients.readers, 'reader', reader);
  many(clients.consumers, 'consumer', consumer);
  many(1, 'admin', admin);
  many(shared ? 2 : 0, 'compactor', compactor(grace));
  many(shared ? 2 : 0, 'upkeep', upkeep);
  for (const topic of [STEADY, GROWING, FLEETING]) many(1, `follower-${topic}-`, follower(topic));

  const lasts = () => stage.phase === 'chaos';
  unleash(scene, lasts);
  void (async () => {
    while (lasts()) {
      await sleep(clock, CHECK_EVERY_MS);
      await checkReachable(stores, truth, violate);
    }
  })();
}

/** Until what was in doubt is decided and everybody has read everything. */
async function heal({ clock, settings, violate }: Scene, { goals }: Stage, failed: () => boolean): Promise<void> {
  const begun = clock.monotonic();
  const decided = begun + (settings.storm.late > 0 ? LATE_AT_MOST_MS : 0);
  const missing = () => goals.map((goal) => goal()).find((what) => what !== undefined);
  while (!failed() && (clock.monotonic() < decided || missing() !== undefined)) {
    if (clock.monotonic() > begun + HEALING_MS) return violate('all is read', missing()!);
    await clock.run(clock.monotonic() + CHECK_EVERY_MS, failed);
  }
}

/** What the group has still to commit. */
function groupLag({ truth, groups }: Scene): string | undefined {
  for (const at of truth.partitions()) {
    const end = at.records.length;
    if (at.topic === FLEETING || at.logStarts.at(-1)!.offset === end) continue;
    const committed = groups.offset(GROUP, at) ?? 0;
    if (committed < end) return `the group is at ${committed} of ${describe(at)}, which ends at ${end}`;
  }
  return undefined;
}

/** Everybody ends. */
async function leave({ clock, violate }: Scene, stage: Stage): Promise<void> {
  stage.phase = 'over';
  for (const run of [...stage.onOver]) run();
  const ended = await clock.run(clock.monotonic() + LAST_CALLS_MS, () => stage.running.size === 0);
  if (!ended) violate('calls end', `${[...stage.running].join(', ')} never end`);
}

/** What nothing needs any more goes, once all that takes time has had it. */
async function free({ clock, dice, stores, truth, settings, violate }: Scene, world: World, failed: () => boolean) {
  const { grace, skew, host } = settings;
  // By the clock of any process, and that no lease is held by one that died.
  await clock.run(clock.monotonic() + 2 * (grace + skew + host.upkeep.grace) + LONGEST_RUN_MS, failed);
  const client: Client = { name: 'last upkeep', dice: dice.fork(), world };
  let isOver = false;
  const over = reclaim(client).finally(() => {
    isOver = true;
  });
  await clock.run(clock.monotonic() + LAST_UPKEEP_MS, () => isOver || failed());
  if (failed()) return;
  if (!isOver) return violate('calls end', 'the last upkeep does not end');
  await over;
  await auditStorage(stores, truth, settings, clock.now(), violate);
}

async function closeLogs({ clock, dice, hosts, network, violate }: Scene, world: World): Promise<void> {
  const closer: Client = { name: 'closer', dice: dice.fork(), world };
  const options = { errors: [], limit: LAST_CALLS_MS + 1 };
  let open = hosts().length;
  for (const host of hosts()) void ask(closer, host, 'close', options, (log) => log.close()).finally(() => open--);
  const isClosed = await clock.run(clock.monotonic() + LAST_CALLS_MS, () => open === 0);
  if (!isClosed) violate('nothing held', 'a log does not close');
  // What was asked when it closed, such as a lease's release, is still answered.
  const quiet = () => hosts().every(({ process }) => network.pending(process) === 0);
  await clock.run(clock.monotonic() + LAST_ANSWERS_MS, quiet);
  for (const { process } of hosts()) {
    const timers = process.timers();
    const requests = network.pending(process);
    if (timers + requests === 0) continue;
    violate('nothing held', `${process.name} is closed and has ${timers} timers and ${requests} requests`);
  }
}

async function auditAll({ model, stores, truth, groups, clock, settings, violate }: Scene): Promise<void> {
  model.finish();
  await clock.outcome(
    audit(stores, truth, clock, settings.host, violate).then(() => auditGroup(stores, truth, groups, GROUP, violate)),
  );
}
