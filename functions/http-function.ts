import { Hono } from 'hono';
import { handle } from 'hono/aws-lambda';
import { systemClock } from '../lib/clock.ts';
import { json } from '../lib/doors/http/answers.ts';
import type { Logger } from '../lib/doors/http/door.ts';
import { answerTo } from '../lib/doors/http/errors.ts';
import { httpDoor } from '../lib/doors/http/http-door.ts';
import type { HttpLimits } from '../lib/doors/http/limits.ts';
import { prometheusMetrics } from '../lib/doors/http/metrics.ts';
import { VarveError } from '../lib/errors.ts';
import { openAws } from '../lib/open/aws.ts';

const MIB = 1024 * 1024;

/** API Gateway gives up after 29 s. A function's event ends at 6 MB, 4.5 MB of body in base64; so does its answer, as escaped JSON. */
const LIMITS: Partial<HttpLimits> = {
  maxBodyBytes: 4 * MIB,
  maxReadBytes: 3 * MIB,
  maxWait: 20_000,
  maxStream: 25_000,
};
const ANSWER_WITHIN_MS = 27_000;
const MAX_ANSWER_BYTES = 5_900_000;

/**
 * The HTTP door as a Lambda function behind API Gateway (payload 1.0 and 2.0), over the log in `VARVE_BUCKET` and `VARVE_TABLE`.
 * The log belongs to the environment, not to a request: what is known of heads and topics stays known while it is warm.
 */
export function httpFunction(env: NodeJS.ProcessEnv = process.env): ReturnType<typeof handle> {
  const { VARVE_BUCKET: bucket, VARVE_TABLE: table } = env;
  if (!bucket || !table) {
    throw new VarveError('INVALID_CONFIG', 'Name the bucket by VARVE_BUCKET and the table by VARVE_TABLE.');
  }
  const at = { bucket, table };
  const logger = consoleLogger(env.VARVE_LOG_LEVEL === 'debug');
  let door: Promise<Hono> | undefined;

  /** What fails to open is opened again by the next request. */
  function opened(): Promise<Hono> {
    door ??= open(at, logger).catch((error: unknown) => {
      door = undefined;
      throw error;
    });
    return door;
  }
  // Not in the first request: while it starts, a function has a whole processor.
  opened().catch(() => {});

  const app = new Hono();
  app.all('*', async (c) => {
    // API Gateway takes an answer as a whole, so it may be looked at as a whole.
    const answered = opened().then(async (one) => {
      const answer = await one.fetch(c.req.raw);
      return { answer, text: answer.body && (await answer.text()) };
    });
    const { answer, text } = await within(ANSWER_WITHIN_MS, answered);
    if (text && Buffer.byteLength(JSON.stringify(text)) > MAX_ANSWER_BYTES) {
      throw new VarveError(
        'MESSAGE_TOO_LARGE',
        'The answer is larger than a function can give; ask for less by max_bytes or limit.',
      );
    }
    return new Response(text, answer);
  });
  app.onError((error, c) => {
    const { status, body, foreseen } = answerTo(error, 'json');
    if (!foreseen || status >= 500) logger.error({ err: error, path: c.req.path }, 'request failed');
    if (body.retriable) c.header('retry-after', '1');
    return json(c, body, status);
  });
  // All that the door answers is text; as such it arrives whatever the caller's Accept says.
  return handle(app, { isContentTypeBinary: () => false });
}

async function open(at: { bucket: string; table: string }, logger: Logger): Promise<Hono> {
  const metrics = prometheusMetrics();
  // A request's records are all there at once, so there is nothing to linger for.
  const log = await openAws({ ...at, meter: metrics.meter, writer: { linger: 0 } });
  // API Gateway knows its own names, and who may call.
  return httpDoor({ log, clock: systemClock, limits: LIMITS, allowedHosts: ['*'], metrics, logger });
}

/** What was begun goes on, and may be done. */
async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const cancel = systemClock.schedule(ms, () =>
    reject(new VarveError('REQUEST_TIMED_OUT', `Not answered within ${ms} ms; it may have been done. Try again.`)),
  );
  return Promise.race([work, late]).finally(cancel);
}

/** One JSON object a line, as CloudWatch Logs finds fields in them. */
function consoleLogger(verbose: boolean): Logger {
  const line = (level: string) => (facts: object, message: string) => {
    process.stdout.write(
      `${JSON.stringify({ level, message, time: new Date().toISOString(), ...facts }, plainError)}\n`,
    );
  };
  return { debug: verbose ? line('DEBUG') : () => {}, warn: line('WARN'), error: line('ERROR') };
}

function plainError(_name: string, value: unknown): unknown {
  return value instanceof Error ? { name: value.name, message: value.message, stack: value.stack } : value;
}
