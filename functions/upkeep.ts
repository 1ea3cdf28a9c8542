import { openAws } from '../lib/open/aws.ts';
import { kept, logOf } from './environment.ts';

/** Kept for the answer and for what a step may take, milliseconds. */
const MARGIN_MS = 60_000;

/** A scheduled event is one run: it ends before the function's time does, and the next run goes on. Fails when it met failures. */
export const handler = upkeepFunction();

export function upkeepFunction(env: NodeJS.ProcessEnv = process.env) {
  const at = logOf(env);
  const opened = kept(() => openAws(at));

  return async (_event: unknown, context: { getRemainingTimeInMillis(): number }) => {
    const one = await opened();
    const budget = Math.max(1_000, context.getRemainingTimeInMillis() - MARGIN_MS);
    const { failure, ...report } = await one.upkeep({ budget });
    const level = report.failed > 0 ? 'ERROR' : 'INFO';
    process.stdout.write(`${JSON.stringify({ level, message: 'upkeep', ...report })}\n`);
    if (report.failed > 0) throw failure;
    return report;
  };
}
