import type { Clock } from '../../clock.ts';

/** As Kafka's `log.initial.task.delay.ms`: a process that never lives for a whole interval does its upkeep too. */
const FIRST_MS = 30_000;

/** What is done beside other work takes at most one part in so many of the time. */
const SHARE = 20;

/** Runs `work` every `ms` milliseconds, counted from the end of the last run, or later when that was long, until it is stopped. */
export function every(clock: Clock, ms: number, work: () => Promise<unknown>): { stop(): void } {
  let stopped = false;
  let cancel = clock.schedule(Math.min(ms, FIRST_MS), tick);

  async function tick(): Promise<void> {
    const begun = clock.monotonic();
    await work();
    const took = clock.monotonic() - begun;
    if (!stopped) cancel = clock.schedule(Math.max(ms, SHARE * took), tick);
  }

  return {
    stop() {
      stopped = true;
      cancel();
    },
  };
}
