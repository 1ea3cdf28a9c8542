import type { Clock } from '../../lib/clock.ts';
import type { VirtualClock } from './clock.ts';

/** A process seen from outside: it runs, freezes, thaws, or is dead for good. */
export interface Process {
  readonly name: string;
  /** What it takes for the time: its wall clock may be off, its monotonic clock counts from anywhere. */
  readonly clock: Clock;
  readonly alive: boolean;
  /** Milliseconds that it was frozen, up to now. */
  frozen(): number;
  freeze(ms: number): void;
  /** Nothing that was begun in it ever ends; callers meet `Lost`. */
  kill(): void;
  /** Something reaches the process: it happens when it is not frozen, or never. */
  deliver(run: () => void): void;
  /** Timers that are set in it. */
  timers(): number;
  /** Runs `call` in the process. Rejects with `Lost` when the process dies before it ends. */
  call<T>(call: () => Promise<T>): Promise<T>;
}

/** The connection to a process is gone; what became of the request is not known. */
export class Lost extends Error {
  override readonly name = 'Lost';
}

export function createProcess(name: string, world: VirtualClock, offset: { wall: number; monotonic: number }): Process {
  const cancels = new Set<() => void>();
  const callers = new Set<(lost: Lost) => void>();
  let held: (() => void)[] = [];
  let alive = true;
  let frozenUntil = 0;
  let frozenSince = 0;
  let frozenBefore = 0;
  let isFrozen = false;

  function deliver(run: () => void): void {
    if (!alive) return;
    if (isFrozen) held.push(run);
    else run();
  }

  function thaw(): void {
    if (!alive || world.monotonic() < frozenUntil) return;
    isFrozen = false;
    frozenBefore += world.monotonic() - frozenSince;
    // One by one: everything that one of them settles comes before the next.
    for (const run of held) world.schedule(0, () => deliver(run));
    held = [];
  }

  return {
    name,
    clock: {
      now: () => world.now() + offset.wall,
      monotonic: () => world.monotonic() + offset.monotonic,
      schedule(ms, run) {
        let fired = false;
        const fire = () => {
          if (fired) return;
          fired = true;
          cancels.delete(cancel);
          run();
        };
        const cancelTimer = world.schedule(ms, () => deliver(fire));
        const cancel = () => {
          fired = true;
          cancels.delete(cancel);
          cancelTimer();
        };
        cancels.add(cancel);
        return cancel;
      },
    },
    get alive() {
      return alive;
    },
    frozen: () => frozenBefore + (isFrozen ? world.monotonic() - frozenSince : 0),
    freeze(ms) {
      if (!alive) return;
      if (!isFrozen) frozenSince = world.monotonic();
      isFrozen = true;
      frozenUntil = Math.max(frozenUntil, world.monotonic() + ms);
      world.schedule(ms, thaw);
    },
    kill() {
      if (!alive) return;
      alive = false;
      held = [];
      for (const cancel of [...cancels]) cancel();
      for (const lose of [...callers]) lose(new Lost(`${name} died`));
    },
    deliver,
    timers: () => cancels.size,
    call(call) {
      if (!alive) return Promise.reject(new Lost(`${name} is dead`));
      return new Promise((resolve, reject) => {
        callers.add(reject);
        deliver(() => {
          (async () => call())()
            .then(resolve, reject)
            .finally(() => callers.delete(reject));
        });
      });
    },
  };
}
