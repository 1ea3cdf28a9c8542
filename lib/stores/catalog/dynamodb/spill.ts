import type { TopicIdPartition } from '../partitions.ts';
import { type Engine, forEach, insist, obtain } from './engine.ts';
import { type HeadItem, producerOf } from './head.ts';
import { key } from './keys.ts';
import { type ProducerState, unpack } from './sequence.ts';

/**
 * Producers leave the head by age, in a roll, and are kept beside it for days: `s` state, `b` base offset of the last batch,
 * `x` expiry (seconds, as DynamoDB's
 * time to live has it). Idle time is counted in ticks of the head (e0, e1), since a state holds no time.
 */

const TICK_MS = 3_600_000;
const SPILLED_FOR_S = 7 * 24 * 3_600;
/** Producers that leave in one roll: what one update's condition has room for, beside the marks. */
const EVICTIONS = 60;
const PUTS = 8;

export interface Eviction {
  /** Attribute names and the states that were seen. */
  producers: [name: string, state: bigint][];
  /** Whether the tick is over: nobody older is left on the head. */
  tick: boolean;
}

/** Who may leave the head now; undefined before the hour is over. */
export function evictable({ producers, open, idleOffset, idleTime }: HeadItem, now: number): Eviction | undefined {
  if (now - idleTime < TICK_MS) return undefined;
  const idle = [...producers].filter(([name, state]) => unpack(state).base < idleOffset && !open.has(name));
  return { producers: idle.slice(0, EVICTIONS), tick: idle.length <= EVICTIONS };
}

/** Before they leave the head. A spill that comes late must not undo a newer one. */
export async function spill(engine: Engine, at: TopicIdPartition, { producers }: Eviction, now: number): Promise<void> {
  await forEach(producers, PUTS, ([name, state]) =>
    insist(engine, () =>
      engine.table.put({
        item: {
          ...key.producer(at, producerOf(name)),
          s: state,
          b: unpack(state).base,
          x: Math.ceil(now / 1_000) + SPILLED_FOR_S,
        },
        condition: 'attribute_not_exists(pk) OR b <= :b',
        values: { ':b': unpack(state).base },
      }),
    ),
  );
}

/** Call it after the head was seen without the producer, and append under the condition that nobody was evicted since. */
export async function readSpilled(
  engine: Engine,
  at: TopicIdPartition,
  producerId: number,
): Promise<ProducerState | undefined> {
  const item = await obtain(engine, () => engine.table.get(key.producer(at, producerId), { consistent: true }));
  return item && Number(item.x) * 1_000 > engine.clock.now() ? unpack(item.s as bigint) : undefined;
}
