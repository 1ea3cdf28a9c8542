import type { KafkaEvent } from '../log/delivery/event.ts';

/** What a handler is told of its invocation, as by Lambda: https://docs.aws.amazon.com/lambda/latest/dg/nodejs-context.html */
export interface LambdaContext {
  callbackWaitsForEmptyEventLoop: boolean;
  functionName: string;
  functionVersion: string;
  invokedFunctionArn: string;
  memoryLimitInMB: string;
  awsRequestId: string;
  logGroupName: string;
  logStreamName: string;
  /** Milliseconds. */
  getRemainingTimeInMillis(): number;
}

/** `Event`: what the handler takes the event for, such as a type of `@types/aws-lambda`. */
export interface LambdaFunction<Event = KafkaEvent> {
  /** As in Lambda from Node.js 24 on there is no callback: the handler answers, or a promise of it does. */
  handler(event: Event, context: LambdaContext, callback: never): unknown;
}

export interface FunctionSettings {
  name: string;
  /** Milliseconds. */
  timeout: number;
}

/** Invokes a handler with the text of an event, and resolves to the text of its answer. Rejects with what it throws. */
export async function invoke<Event>(
  { handler }: LambdaFunction<Event>,
  event: string,
  settings: FunctionSettings,
): Promise<string> {
  const ends = performance.now() + settings.timeout;
  const answer = await handler(JSON.parse(event) as Event, contextOf(settings, ends), undefined as never);
  // What cannot be written as JSON is a failure, as it is in Lambda; undefined is null there.
  return JSON.stringify(answer ?? null);
}

/** The invocation's outcome, or, after so many milliseconds, a failure in Lambda's words. */
export async function inTime<T>(timeout: number, invocation: Promise<T>, onLate = () => {}): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    late.reject(new Error(`Task timed out after ${(timeout / 1000).toFixed(2)} seconds`));
    onLate();
  }, timeout);
  try {
    return await Promise.race([invocation, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

function contextOf({ name }: FunctionSettings, ends: number): LambdaContext {
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionName: name,
    functionVersion: '$LATEST',
    invokedFunctionArn: `arn:aws:lambda:us-east-1:000000000000:function:${name}`,
    memoryLimitInMB: '128',
    awsRequestId: crypto.randomUUID(),
    logGroupName: `/aws/lambda/${name}`,
    logStreamName: 'local',
    getRemainingTimeInMillis: () => Math.max(0, Math.round(ends - performance.now())),
  };
}
