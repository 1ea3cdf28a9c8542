import type { Clock } from '../../clock.ts';
import { VarveError } from '../../errors.ts';
import type { Random } from '../../ids.ts';
import type { Catalog } from '../../stores/catalog/catalog.ts';
import type { Lease } from '../../stores/catalog/leases.ts';
import type { Head, TopicIdPartition } from '../../stores/catalog/partitions.ts';
import type { ObjectStore } from '../../stores/objects/objects.ts';
import { type BrokerConfig, brokerValue } from '../broker-config.ts';
import { topicRetention } from '../topic-config.ts';
import { expireGroups } from './expire.ts';
import { eachAtOnce, grouped, type Place, placesOf } from './places.ts';
import { dueLogStart } from './retain.ts';
import { createSweeper, type SweepRules, type Swept } from './sweep.ts';

/** What one run did. */
export interface UpkeepReport {
  /** Whether someone else is at it, so that nothing was done. */
  elsewhere: boolean;
  /** Partitions that were looked at. */
  partitions: number;
  /** Partitions whose log start was raised. */
  raised: number;
  /** Groups that were forgotten, because nobody was in them for `offsets.retention.minutes`. */
  expired: number;
  /** Level-0 segments that were old enough to be looked at, and how many of them were deleted, because nothing points to them. */
  candidates: number;
  deleted: number;
  /** Failures; what they kept from being done the next run does. The first of them. */
  failed: number;
  failure?: unknown;
  /** False: time was up, or the signal came; the next run goes on. */
  done: boolean;
}

export interface UpkeepOptions {
  /** Milliseconds that the run may take, about; default 14 minutes. */
  budget?: number;
  signal?: AbortSignal;
}

export interface UpkeepRules extends SweepRules {
  /** Between two sweeps, milliseconds, where they cost requests; default 0: one a run. */
  sweepEvery: number;
}

/** `log.segment.delete.delay.ms`, where it is set, is the grace. */
export function upkeepRules({ values }: BrokerConfig, rules: Partial<UpkeepRules> = {}): UpkeepRules {
  const delay = values['log.segment.delete.delay.ms'];
  return { ...DEFAULT_UPKEEP_RULES, ...rules, ...(delay !== undefined && { grace: Number(delay) }) };
}

const DEFAULT_UPKEEP_RULES: UpkeepRules = { grace: 3_600_000, wait: 10_000, candidates: 50_000, sweepEvery: 0 };

export interface UpkeepDeps {
  catalog: Catalog;
  objects: ObjectStore;
  clock: Clock;
  random: Random;
  brokerConfig: BrokerConfig;
  rules: UpkeepRules;
  /** A log start was raised. */
  onRaised(of: TopicIdPartition): Promise<unknown>;
}

export interface Upkeep {
  /** Never rejects for what the stores do: the report says it. */
  run(options?: UpkeepOptions): Promise<UpkeepReport>;
}

const BUDGET_MS = 14 * 60_000;
/** Beyond its budget a run ends the step that it is in. */
const LEASE_MARGIN_MS = 60_000;
/** The port's limit. */
const PEEK_AT_ONCE = 100;
/** A run that meets more is over: the store is down. */
const MAX_FAILURES = 20;

/**
 * Deletes what nothing needs any more: what deleted topics left, orphans, what retention gives up. In this order: what is given up
 * by one run is deleted by the next, so that readers with plans have the time between. A lease keeps one process at it; two are
 * slower and no danger.
 */
export function createUpkeep(deps: UpkeepDeps): Upkeep {
  const { catalog, clock, random, brokerConfig, rules } = deps;
  const { partitions, leases, topics } = catalog;
  const sweeper = createSweeper(deps);
  const owner = Buffer.from(random(8)).toString('hex');
  /** What no process could be asked for before this log was opened must not count as silence where no other process writes. */
  const since = catalog.shared ? 0 : clock.now();
  const offsetsRetention = Number(brokerValue(brokerConfig, 'offsets.retention.minutes')) * 60_000;
  let isBusy = false;

  async function run({ budget = BUDGET_MS, signal }: UpkeepOptions = {}): Promise<UpkeepReport> {
    const until = clock.monotonic() + budget;
    const report: UpkeepReport = {
      elsewhere: false,
      partitions: 0,
      raised: 0,
      expired: 0,
      candidates: 0,
      deleted: 0,
      failed: 0,
      done: true,
    };
    const goesOn = () => {
      if (!signal?.aborted && clock.monotonic() < until && report.failed < MAX_FAILURES) return true;
      report.done = false;
      return false;
    };
    const attempt = async (work: () => Promise<void>) => {
      await work().catch((error: unknown) => {
        report.failure ??= error;
        report.failed += 1;
      });
    };

    if (isBusy) return { ...report, elsewhere: true };
    isBusy = true;
    await attempt(async () => {
      const lease = catalog.shared ? await take('upkeep', budget + LEASE_MARGIN_MS) : undefined;
      if (catalog.shared && !lease) {
        report.elsewhere = true;
        return;
      }
      await attempt(() => purge(goesOn));
      await attempt(() => sweepWhenDue(report, goesOn, attempt, signal));
      await attempt(() => visitAll(report, goesOn, attempt));
      if (lease) await leases.release(lease);
    });
    isBusy = false;
    return report;
  }

  function take(name: string, ms: number): Promise<Lease | undefined> {
    const now = clock.now();
    return leases.acquire(name, owner, now, now + ms);
  }

  async function purge(goesOn: () => boolean): Promise<void> {
    while (goesOn() && (await topics.purge(clock.now() - rules.grace)));
  }

  /** What costs a request for each segment, partition or group. */
  async function sweepWhenDue(
    report: UpkeepReport,
    goesOn: () => boolean,
    attempt: (work: () => Promise<void>) => Promise<void>,
    signal?: AbortSignal,
  ): Promise<void> {
    if (!goesOn()) return;
    // It is kept: its expiry is when the next sweep is due, whoever does it.
    const lease = rules.sweepEvery > 0 ? await take('sweep', rules.sweepEvery) : undefined;
    if (!lease && rules.sweepEvery > 0) return;
    let swept: Swept | undefined;
    await attempt(async () => {
      report.expired = await expireGroups({ catalog, clock, random }, offsetsRetention, since, goesOn);
    });
    try {
      swept = await sweeper.sweep(rules, goesOn, signal);
      report.candidates = swept.candidates;
      report.deleted = swept.deleted;
    } finally {
      if (lease && !swept?.done) await leases.release(lease);
    }
  }

  async function visitAll(
    report: UpkeepReport,
    goesOn: () => boolean,
    attempt: (work: () => Promise<void>) => Promise<void>,
  ): Promise<void> {
    for await (const places of grouped(placesOf(catalog), PEEK_AT_ONCE)) {
      if (!goesOn()) return;
      const heads = await partitions.peek(places.map(({ of }) => of));
      const pairs = places.map((place, i) => ({ place, head: heads[i] }));
      await eachAtOnce(pairs, catalog.shared, async ({ place, head }) => {
        if (!head || !goesOn()) return;
        report.partitions += 1;
        // One that is damaged must not keep the others from being looked after.
        await attempt(async () => {
          if (await visit(place, head, goesOn)) report.raised += 1;
        });
      });
    }
  }

  /** Whether its log start was raised. */
  async function visit({ of, topic }: Place, head: Head, goesOn: () => boolean): Promise<boolean> {
    if (head.trimmed < head.logStart) while (goesOn() && (await partitions.trim(of)));
    const retention = topicRetention(topic.config, brokerConfig);
    if (!retention) return false;
    const due = await dueLogStart(partitions, of, head, retention, clock.now(), goesOn);
    if (due <= head.logStart) return false;
    const raised = await partitions.raiseLogStart(of, due);
    if (raised === 'out of range') {
      throw new VarveError('KAFKA_STORAGE_ERROR', `offset ${due} is above the high watermark; verify the log`);
    }
    await deps.onRaised(of);
    return raised === due;
  }

  return { run };
}
