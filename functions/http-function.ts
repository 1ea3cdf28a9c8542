import { type Clock, systemClock } from '../lib/clock.ts';
import type { Bindings } from '../lib/doors/http/door.ts';
import { answerTo, HttpProblem } from '../lib/doors/http/errors.ts';
import { httpDoor } from '../lib/doors/http/http-door.ts';
import type { HttpLimits } from '../lib/doors/http/limits.ts';
import { VarveError } from '../lib/errors.ts';
import { openAws } from '../lib/open/aws.ts';
import { kept, logOf } from './environment.ts';
import { answerOf, type GatewayAnswer, type GatewayRequest, requestOf } from './gateway-event.ts';
import { type LambdaContext, lambdaTelemetry } from './telemetry.ts';

const MIB = 1024 * 1024;
/** A function's answer ends at 6 MB, its body being a JSON string in it. */
const MAX_ANSWER_BYTES = 5_900_000;

/** A function's event ends at 6 MB as well, 4.5 MB of body in base64. */
const LIMITS: Partial<HttpLimits> = {
  maxBodyBytes: 4 * MIB,
  maxReadBytes: 3 * MIB,
  maxAnswerBytes: MAX_ANSWER_BYTES,
  // An answer for each has to fit, and when each fails it has a message: of 500 bytes at most.
  maxRecords: 10_000,
  maxWait: 20_000,
  maxStream: 25_000,
};

/** Milliseconds from when API Gateway got a request, which gives up after 29 s: how long it may wait and stream, and be answered. */
const WAIT_MS = 25_000;
const ANSWER_MS = 27_000;
/** The time left to a request that was long on its way, as behind a cold start; clocks may differ too. */
const LEAST_MS = 5_000;

/** What Lambda calls. It never throws: whatever happens is an answer. */
export type GatewayHandler = (event: unknown, context: LambdaContext) => Promise<GatewayAnswer>;

/**
 * The HTTP door as a Lambda function behind API Gateway (payload 1.0 and 2.0), over the log in `VARVE_BUCKET` and `VARVE_TABLE`.
 * The log belongs to the environment, not to a request: what is known of heads and topics stays known while it is warm, and
 * requests that share an environment share the Writer's batches.
 */
export function httpFunction(env: NodeJS.ProcessEnv = process.env, clock: Clock = systemClock): GatewayHandler {
  const at = logOf(env);
  // Where each request has an environment to itself, its records are all there at once: there is nothing to linger for.
  const linger = Number(env.VARVE_LINGER_MS ?? 0);
  if (!(linger >= 0 && linger <= 1_000)) {
    throw new VarveError('INVALID_CONFIG', 'VARVE_LINGER_MS is how long appends wait for others: give 0 to 1000.');
  }
  const { logger, meter, request } = lambdaTelemetry(at.table, env);

  const opened = kept(async () => {
    const log = await openAws({ ...at, meter, clock, writer: { linger } });
    // API Gateway knows its own names, and who may call.
    return httpDoor({ log, clock, limits: LIMITS, allowedHosts: ['*'], logger });
  });
  // Not in the first request: while it starts, a function has a whole processor.
  opened().catch(() => {});

  async function answered({ request, basePath, receivedAt, body }: GatewayRequest): Promise<GatewayAnswer> {
    const passed = Math.max(0, clock.now() - (receivedAt ?? clock.now()));
    const enough = new AbortController();
    const late = Promise.withResolvers<never>();
    const cancels = [
      clock.schedule(Math.max(WAIT_MS - passed, LEAST_MS), () => enough.abort()),
      clock.schedule(Math.max(ANSWER_MS - passed, LEAST_MS), () => late.reject(timedOut())),
    ];
    const bindings: Bindings = { basePath, enough: enough.signal, body: ReadableStream.from([body]) };
    try {
      // What was begun goes on when it is late, and may be done.
      const answer = await Promise.race([
        late.promise,
        opened().then(async (one) => answerOf(await one.fetch(request, bindings))),
      ]);
      if (Buffer.byteLength(JSON.stringify(answer.body)) > MAX_ANSWER_BYTES) throw answerTooLarge();
      return answer;
    } finally {
      for (const cancel of cancels) cancel();
    }
  }

  function failed(error: unknown): GatewayAnswer {
    const { status, body, foreseen } = answerTo(error, 'json');
    if (!foreseen) logger.error({ err: error }, 'request failed');
    else if (status >= 500) logger.warn({ code: body.code }, body.message);
    return {
      statusCode: status,
      headers: { 'content-type': 'application/json', ...(body.retriable && { 'retry-after': '1' }) },
      body: JSON.stringify(body),
      isBase64Encoded: false,
    };
  }

  return (event, context) =>
    request(context, async () => {
      try {
        return await answered(readEvent(event));
      } catch (error) {
        return failed(error);
      }
    });
}

function readEvent(event: unknown): GatewayRequest {
  try {
    return requestOf(event);
  } catch {
    // What it is may be told by what it holds, so nothing of it is told.
    throw new HttpProblem(
      'MALFORMED_REQUEST',
      'This is no event of API Gateway, payload format 1.0 or 2.0, with a whole HTTP request in it.',
    );
  }
}

function timedOut(): VarveError {
  return new VarveError('REQUEST_TIMED_OUT', 'Not answered within 27 seconds; it may have been done. Try again.');
}

function answerTooLarge(): VarveError {
  return new VarveError(
    'MESSAGE_TOO_LARGE',
    'The answer is larger than a function can give; ask for less by max_bytes, limit or page_size.',
  );
}
