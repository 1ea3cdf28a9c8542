import { constants } from 'node:os';
import type { Logger } from 'pino';
import { systemClock } from '../clock.ts';
import type { EventLog } from '../log/event-log.ts';
import { EXIT, exitCodeOf } from './exit-codes.ts';

const STOP_SIGNALS = ['SIGTERM', 'SIGINT'] as const;
/** Milliseconds: for what is in flight, then for the log to close, and how long a second signal may be the first one's echo. */
export const PATIENCE = { drain: 8_000, close: 2_000, echo: 500 };

/**
 * The first SIGTERM or SIGINT; a later one ends the process. Not at once: on Ctrl+C the terminal signals all that it started, and
 * npm, which is one of them, hands the signal on a second time.
 */
export function stopSignal(): { first: Promise<string>; ignore(): void } {
  const { promise: first, resolve } = Promise.withResolvers<string>();
  let since: number | undefined;
  const stop = (name: NodeJS.Signals) => {
    since ??= systemClock.monotonic();
    if (systemClock.monotonic() - since > PATIENCE.echo) process.exit(128 + constants.signals[name]);
    resolve(name);
  };
  for (const name of STOP_SIGNALS) process.on(name, stop);
  return {
    first,
    ignore() {
      for (const name of STOP_SIGNALS) process.off(name, stop);
    },
  };
}

/** Answers the exit code. */
export async function closeInTime(log: EventLog, logger: Logger): Promise<number> {
  const closed = await Promise.race([log.close().then(() => true), after(PATIENCE.close)]);
  logger.info({}, closed ? 'stopped' : 'stopped before all was written; nothing of it was acknowledged');
  return closed ? EXIT.ok : EXIT.failed;
}

/** Prints what ended the process, and answers the exit code. */
export function sayWhy(error: unknown): number {
  const code = exitCodeOf(error);
  const said = error instanceof Error ? (code === EXIT.failed && error.stack) || error.message : String(error);
  process.stderr.write(`varve: ${said}\n`);
  return code;
}

async function after(ms: number): Promise<false> {
  return new Promise((resolve) => setTimeout(() => resolve(false), ms).unref());
}
