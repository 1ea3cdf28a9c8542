import { VarveError } from '../lib/errors.ts';
import type { EventLog } from '../lib/log/event-log.ts';
import { openAws } from '../lib/open/aws.ts';

/** Kept for the answer and for what a step may take, milliseconds. */
const MARGIN_MS = 60_000;

/** A scheduled event is one run: it ends before the function's time does, and the next run goes on. Fails when it met failures. */
export const handler = upkeepFunction();

export function upkeepFunction(env: NodeJS.ProcessEnv = process.env) {
  const { VARVE_BUCKET: bucket, VARVE_TABLE: table } = env;
  if (!bucket || !table) {
    throw new VarveError('INVALID_CONFIG', 'Name the bucket by VARVE_BUCKET and the table by VARVE_TABLE.');
  }
  let log: Promise<EventLog> | undefined;

  /** What fails to open is opened again by the next event. */
  function opened(at: { bucket: string; table: string }): Promise<EventLog> {
    log ??= openAws(at).catch((error: unknown) => {
      log = undefined;
      throw error;
    });
    return log;
  }

  return async (_event: unknown, context: { getRemainingTimeInMillis(): number }) => {
    const one = await opened({ bucket, table });
    const budget = Math.max(1_000, context.getRemainingTimeInMillis() - MARGIN_MS);
    const { failure, ...report } = await one.upkeep({ budget });
    const level = report.failed > 0 ? 'ERROR' : 'INFO';
    process.stdout.write(`${JSON.stringify({ level, message: 'upkeep', ...report })}\n`);
    if (report.failed > 0) throw failure;
    return report;
  };
}
