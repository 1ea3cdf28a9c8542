import { sleep } from '../../lib/clock.ts';
import { type ErrorCode, VarveError } from '../../lib/errors.ts';
import type { EventLog } from '../../lib/log/event-log.ts';
import type { VirtualClock } from './clock.ts';
import type { Dice } from './dice.ts';
import type { GroupTruth } from './group-truth.ts';
import type { Host } from './host.ts';
import type { Interval, Model } from './model.ts';
import { createPayload, type Payload } from './payload.ts';
import { Lost } from './process.ts';
import type { Truth } from './truth.ts';
import type { Check } from './verdict.ts';

/** The world as clients see it. */
export interface World {
  clock: VirtualClock;
  truth: Truth;
  groups: GroupTruth;
  model: Model;
  /** A process that is alive. */
  host(dice: Dice): Host;
  /** `chaos`: work. `healing`: nothing fails any more, finish what was begun. `over`: stop. */
  phase(): 'chaos' | 'healing' | 'over';
  /** Calls `run` when the phase is `over`; the answer cancels it. */
  whenOver(run: () => void): () => void;
  /** Healing is over when all goals are reached. Answers what is still missing. */
  goal(missing: () => string | undefined): void;
  violate(check: Check, detail: string): void;
  note(line: string): void;
  count(what: string): void;
  /** What a topic may be configured to keep. */
  retention: readonly Record<string, string>[];
}

/** Somebody outside of the processes who uses the log through any of them. */
export interface Client {
  name: string;
  dice: Dice;
  world: World;
}

export type Answer<T> = Interval & ({ value: T } | { error: VarveError | Lost });

const WRITE_ERRORS: readonly ErrorCode[] = [
  'KAFKA_STORAGE_ERROR',
  'REQUEST_TIMED_OUT',
  'THROTTLING_QUOTA_EXCEEDED',
  'UNKNOWN_TOPIC_OR_PARTITION',
];
export const READ_ERRORS: readonly ErrorCode[] = [...WRITE_ERRORS, 'OFFSET_OUT_OF_RANGE'];
export const APPEND_ERRORS = WRITE_ERRORS;
export const PRODUCER_ERRORS: readonly ErrorCode[] = [
  ...WRITE_ERRORS,
  'DUPLICATE_SEQUENCE_NUMBER',
  'INVALID_PRODUCER_EPOCH',
  'OUT_OF_ORDER_SEQUENCE_NUMBER',
  'UNKNOWN_PRODUCER_ID',
];

/** What a call that names no deadline may take: some slow requests, one after the other. */
export const PATIENCE_MS = 300_000;

/** Makes the call in the host and judges how it ends: within `limit` milliseconds of the process's life, and how it may. */
export async function ask<T>(
  { world, name }: Client,
  host: Host,
  what: string,
  options: { limit?: number; errors: readonly ErrorCode[] },
  call: (log: EventLog) => Promise<T>,
): Promise<Answer<T>> {
  const { limit = PATIENCE_MS, errors } = options;
  const { process } = host;
  const from = world.clock.monotonic();
  const frozenBefore = process.frozen();
  let cancel = () => {};
  const watch = (ms: number) => {
    cancel = world.clock.schedule(ms, () => {
      const lived = world.clock.monotonic() - from - (process.frozen() - frozenBefore);
      if (lived < limit) watch(limit - lived + 1);
      else if (process.alive)
        world.violate('calls end', `${name}: ${what} is not answered after ${lived.toFixed(0)} ms`);
    });
  };
  // What comes at the very moment of the deadline, and a thaw's queue, are in time.
  watch(limit + 1);
  try {
    const value = await process.call(() => call(host.log));
    return { value, from, to: world.clock.monotonic() };
  } catch (error) {
    const to = world.clock.monotonic();
    if (error instanceof Lost) return { error, from, to };
    if (!(error instanceof VarveError) || !errors.includes(error.code)) {
      world.violate('errors are known', `${name}: ${what} failed: ${error}`);
    }
    world.note(`${name}: ${what} failed: ${error}`);
    if (error instanceof VarveError && /^segment .* is missing$/.test(error.message)) {
      world.model.missing(`${name}: ${what}`, { from, to });
    }
    const known = error instanceof VarveError ? error : new VarveError('UNKNOWN_SERVER_ERROR', String(error));
    world.count(`answered ${known.code}`);
    return { error: known, from, to };
  } finally {
    cancel();
  }
}

export function codeOf(answer: Answer<unknown>): ErrorCode | 'lost' | undefined {
  if ('value' in answer) return undefined;
  return answer.error instanceof Lost ? 'lost' : answer.error.code;
}

/** Whether the client may send it again. */
export function isRetriable(answer: Answer<unknown>): boolean {
  return 'error' in answer && (answer.error instanceof Lost || answer.error.retriable);
}

export function rest({ world, dice }: Client, mean: number): Promise<void> {
  return sleep(world.clock, dice.around(mean));
}

export interface Place {
  topic: string;
  partition: number;
}

/** A partition of a topic that may or may not be there. */
export function anyPlace({ dice, world }: Client, topics: readonly string[]): Place {
  const topic = dice.pick(topics);
  const partitions = world.truth.lives(topic).at(-1)?.counts.at(-1)?.partitions ?? 1;
  return { topic, partition: dice.int(0, partitions - 1) };
}

const names = new WeakMap<Client, number>();

/** New payloads for a partition, known to the truth from now on. */
export function compose(client: Client, { topic, partition }: Place, count: number): Payload[] {
  const { dice, world } = client;
  return Array.from({ length: count }, () => {
    const n = names.get(client) ?? 0;
    names.set(client, n + 1);
    const size = dice.chance(0.7)
      ? dice.int(20, 300)
      : dice.chance(0.9)
        ? dice.int(300, 5_000)
        : dice.int(5_000, 40_000);
    // Clients' clocks differ, so timestamps need not rise.
    const timestamp = world.clock.now() + dice.int(-2_000, 2_000);
    const payload = createPayload(`${client.name}.${n}`, { topic, partition, timestamp, size });
    world.truth.submitted(payload);
    return payload;
  });
}
