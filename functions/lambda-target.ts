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
      return { status: refusal(error) ?? 'unknown' };
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

/** Whether Lambda has answered that it does not invoke the function: it is not there, or may not be; or it is throttled, or changed. */
function refusal(error: unknown): 'missing' | 'unavailable' | undefined {
  const status = (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
  if (status === 403 || status === 404) return 'missing';
  return status !== undefined && status >= 400 && status < 500 ? 'unavailable' : undefined;
}
