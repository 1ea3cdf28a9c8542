import { parseBrokerConfig } from '../../lib/log/broker-config.ts';
import { awsPrices, embeddedPrices, type Prices } from '../../lib/log/placement.ts';
import type { UpkeepRules } from '../../lib/log/upkeep/upkeep.ts';
import { DEFAULT_WRITER_LIMITS } from '../../lib/log/writer.ts';
import type { Dice } from './dice.ts';
import type { HostSettings } from './host.ts';
import { CALM, type Weather } from './network.ts';

/** What one run is like. Every seed leaves out some of the faults, so that those that are left meet alone too. */
export interface Settings {
  /** Whether several processes use the catalog; else one has it for itself, and nothing is compacted. */
  shared: boolean;
  hosts: number;
  storm: Weather;
  /** Milliseconds between two freezes of some process, and how long one lasts, on average. Infinity: none. */
  freezeEvery: number;
  freezeFor: number;
  killEvery: number;
  /** How far wall clocks are off, milliseconds. */
  skew: number;
  /** How long a segment outlives its last entry, for readers with plans, milliseconds. */
  grace: number;
  /** Whether nobody minds who holds the lease of the upkeep: as if every holder were frozen until after its end. */
  upkeepBeside: boolean;
  /** What topics are configured to keep. */
  retention: Record<string, string>[];
  host: HostSettings;
  clients: { appenders: number; resenders: number; producers: number; readers: number; consumers: number };
}

export const ALWAYS_SEGMENTS: Prices = { put: 0, pointer: 0, carried: () => 1, carryLimit: 0 };

function upkeepRules(dice: Dice, wait: number): UpkeepRules {
  return {
    grace: dice.pick([0, 1_000, 5_000]),
    wait,
    candidates: dice.pick([3, 50, 50_000]),
    sweepEvery: dice.pick([0, 0, 5_000]),
  };
}

/** `shared` decides what the dice else would. */
export function createSettings(dice: Dice, options: { shared?: boolean | undefined } = {}): Settings {
  const maybe = (value: number) => (dice.chance(0.7) ? value * dice.pick([0.3, 1, 3]) : 0);
  const every = (ms: number) => (dice.chance(0.7) ? dice.around(ms) + ms / 5 : Number.POSITIVE_INFINITY);
  const grace = dice.pick([3_000, 10_000]);
  const drawn = dice.chance(0.8);
  const shared = options.shared ?? drawn;
  const hosts = dice.int(2, 4);
  return {
    shared,
    hosts: shared ? hosts : 1,
    storm: {
      ...CALM,
      refused: maybe(0.02),
      answerLost: maybe(0.02),
      late: maybe(0.02),
      lateBy: dice.pick([100, 3_000, 20_000]),
      slow: maybe(0.04),
      slowBy: dice.pick([300, 3_000, 15_000]),
      latency: dice.pick([1, 10, 50]),
      stalePeek: maybe(0.2),
      full: maybe(0.01),
    },
    freezeEvery: every(20_000),
    freezeFor: dice.pick([500, 5_000, 20_000]),
    killEvery: every(30_000),
    skew: dice.pick([0, 0, 300, 5_000]),
    grace,
    upkeepBeside: dice.chance(0.5),
    retention: [
      { 'retention.ms': String(dice.pick([3_000, 20_000])) },
      { 'retention.ms': '-1', 'retention.bytes': String(dice.pick([5_000, 100_000])) },
    ].filter(() => dice.chance(0.4)),
    host: {
      brokerConfig: parseBrokerConfig(['log.retention.check.interval.ms=2000']),
      upkeep: upkeepRules(dice, grace),
      selfUpkeep: !shared,
      prices: dice.pick([ALWAYS_SEGMENTS, awsPrices, awsPrices, embeddedPrices]),
      writer: {
        flushBytes: dice.pick([1_000, 20_000, DEFAULT_WRITER_LIMITS.flushBytes]),
        linger: dice.pick([0, 5, 25, 200]),
        eager: !shared,
        maxBuffered: dice.pick([5_000, DEFAULT_WRITER_LIMITS.maxBuffered]),
        maxWaiting: dice.pick([2, DEFAULT_WRITER_LIMITS.maxWaiting]),
        maxPuts: dice.pick([1, 2, 4]),
      },
      cacheBytes: dice.pick([2_000, 100_000, 64 * 1024 * 1024]),
    },
    clients: {
      appenders: dice.int(1, 3),
      resenders: dice.int(1, 3),
      producers: dice.int(1, 2),
      readers: dice.int(1, 3),
      consumers: dice.int(1, 3),
    },
  };
}
