import type { Clock } from '../../lib/clock.ts';

/** Time that stands still until it is advanced, so that a month's trickle takes seconds and the same figures come out again. */
export interface VirtualClock extends Clock {
  /** Fires what becomes due on the way, in order. */
  advance(ms: number): void;
}

export function virtualClock(start: number): VirtualClock {
  let now = start;
  const timers = new Set<{ due: number; run: () => void }>();
  return {
    now: () => Math.floor(now),
    monotonic: () => now - start,
    schedule(ms, run) {
      // What waits for nothing but its turn gets it.
      if (ms === 0) {
        const turn = setImmediate(run);
        return () => clearImmediate(turn);
      }
      const timer = { due: now + ms, run };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    advance(ms) {
      const until = now + ms;
      for (;;) {
        const next = [...timers].filter(({ due }) => due <= until).sort((a, b) => a.due - b.due)[0];
        if (!next) break;
        timers.delete(next);
        now = next.due;
        next.run();
      }
      now = until;
    },
  };
}
