import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import type { Invocation, Target } from '../lib/log/delivery/ports.ts';

/** What Lambda takes for an invocation beside the function's own time: a cold start. */
const START_MS = 10_000;

/** Invokes functions by their ARN, each invocation once: what was not answered may have run. */
export function lambdaTarget(lambda = new LambdaClient({ maxAttempts: 1 })): Target {
  return async ({ target, targetTimeout }, event): Promise<Invocation> => {
    try {
      const { FunctionError, Payload } = await lambda.send(
        new InvokeCommand({ FunctionName: target, Payload: JSON.stringify(event) }),
        { abortSignal: AbortSignal.timeout(targetTimeout + START_MS) },
      );
      if (FunctionError !== undefined) return { status: 'failed' };
      return { status: 'returned', answer: answerIn(Payload) };
    } catch (error) {
      return { status: wasRefused(error) ? 'unavailable' : 'unknown' };
    }
  };
}

function answerIn(payload: Uint8Array | undefined): unknown {
  try {
    return JSON.parse(Buffer.from(payload ?? []).toString()) as unknown;
  } catch {
    // It returned, and said nothing.
    return undefined;
  }
}

/** Lambda has answered that it does not invoke the function: it is throttled, changed, misses something, or is not there. */
function wasRefused(error: unknown): boolean {
  const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
  return status !== undefined && status >= 400 && status < 500;
}
