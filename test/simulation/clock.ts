import type { Clock } from '../../lib/clock.ts';

/**
 * Time that passes only when nothing else is left to do: a timer fires when every promise before it is settled, so that a run
 * depends on nothing but its seed.
 */
export interface VirtualClock extends Clock {
  /** Timers that fired. */
  readonly fired: number;
  /** Fires timers until `done` holds. False when `until` (by `monotonic`) comes first, or when no timer is left. */
  run(until: number, done: () => boolean): Promise<boolean>;
  /** Fires timers until the work is over, and answers what it came to. */
  outcome<T>(work: Promise<T>): Promise<T>;
}

interface Timer {
  due: number;
  order: number;
  run: (() => void) | undefined;
}

/**
 * Readers give the rest of the process its turns by waiting for immediates, which no timer shows: before time jumps over more than
 * this, they get so many.
 */
const JUMP_MS = 1_000;
const TURNS = 500;

/** The wall clock at the beginning. */
const EPOCH = Date.UTC(2026, 0, 1);

export function createClock(): VirtualClock {
  const timers: Timer[] = [];
  let time = 0;
  let order = 0;
  let fired = 0;
  const rested = new WeakSet<Timer>();

  const before = (a: Timer, b: Timer) => a.due < b.due || (a.due === b.due && a.order < b.order);

  function push(timer: Timer): void {
    let at = timers.push(timer) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!before(timer, timers[parent]!)) break;
      timers[at] = timers[parent]!;
      at = parent;
    }
    timers[at] = timer;
  }

  function pop(): Timer | undefined {
    const first = timers[0];
    const last = timers.pop();
    if (!first || !last || timers.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= timers.length) break;
      if (child + 1 < timers.length && before(timers[child + 1]!, timers[child]!)) child++;
      if (!before(timers[child]!, last)) break;
      timers[at] = timers[child]!;
      at = child;
    }
    timers[at] = last;
    return first;
  }

  const clock: VirtualClock = {
    get fired() {
      return fired;
    },
    now: () => EPOCH + Math.floor(time),
    monotonic: () => time,
    schedule(ms, run) {
      if (ms === Number.POSITIVE_INFINITY) return () => {};
      const timer: Timer = { due: time + Math.max(0, ms), order: order++, run };
      push(timer);
      return () => {
        timer.run = undefined;
      };
    },
    async run(until, done) {
      await settled();
      while (!done()) {
        const timer = pop();
        if (!timer) return false;
        if (!timer.run) continue;
        if (timer.due > until) {
          push(timer);
          // Or else whoever runs it step by step would not get to a timer that is further away than a step.
          time = Math.max(time, until);
          return false;
        }
        if (timer.due - time > JUMP_MS && !rested.has(timer)) {
          rested.add(timer);
          push(timer);
          for (let turn = 0; turn < TURNS; turn++) await settled();
          continue;
        }
        time = Math.max(time, timer.due);
        const { run } = timer;
        timer.run = undefined;
        fired++;
        run();
        await settled();
      }
      return true;
    },
    async outcome(work) {
      let isOver = false;
      const ended = work.finally(() => {
        isOver = true;
      });
      ended.catch(() => {});
      await clock.run(Number.POSITIVE_INFINITY, () => isOver);
      return ended;
    },
  };
  return clock;
}

/** Immediates run when the queue of settled promises is empty. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
