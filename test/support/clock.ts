import type { Clock } from '../../lib/clock.ts';

/** Runs with the machine's clock and jumps ahead on demand; timers that a jump passes fire at once. */
export interface TravelClock extends Clock {
  advance(ms: number): void;
}

export function travelClock(): TravelClock {
  let ahead = 0;
  const timers = new Set<{ due: number; fire: () => void }>();
  const monotonic = () => performance.now() + ahead;
  return {
    now: () => Date.now() + ahead,
    monotonic,
    schedule(ms, run) {
      const fire = () => {
        cancel();
        run();
      };
      const real = setTimeout(fire, ms);
      real.unref();
      const timer = { due: monotonic() + ms, fire };
      timers.add(timer);
      const cancel = () => {
        clearTimeout(real);
        timers.delete(timer);
      };
      return cancel;
    },
    advance(ms) {
      ahead += ms;
      const due = [...timers].filter((timer) => timer.due <= monotonic()).sort((a, b) => a.due - b.due);
      for (const timer of due) timer.fire();
    },
  };
}

/** Hundreds of requests at once take LocalStack longer than S3, and a busy machine ten times as long: no deadline is to end them. */
export const patientClock: Clock = hastyClock(1 / 10);

/** The machine's clock, but what waits does so a `factor`th as long: for limits that nobody wants to sit through. */
export function hastyClock(factor: number): Clock {
  return {
    now: () => Date.now(),
    monotonic: () => performance.now() * factor,
    schedule(ms, run) {
      const timer = setTimeout(run, ms / factor);
      return () => clearTimeout(timer);
    },
  };
}
