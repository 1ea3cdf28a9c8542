import { type Clock, sleep } from '../lib/clock.ts';
import { VarveError } from '../lib/errors.ts';

/** What CloudFormation asks. https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-requesttypes.html */
export interface CustomResourceEvent {
  RequestType: 'Create' | 'Update' | 'Delete';
  /** Where the answer goes. Whoever has it may answer: it is never logged. */
  ResponseURL: string;
  StackId: string;
  /** The same however often the event is delivered. */
  RequestId: string;
  LogicalResourceId: string;
  /** Absent on Create. */
  PhysicalResourceId?: string;
  /** All values are strings. */
  ResourceProperties: Readonly<Record<string, unknown>>;
  OldResourceProperties?: Readonly<Record<string, unknown>>;
}

export interface CustomResourceOutcome {
  /** Another one than before is a replacement: CloudFormation deletes the one before, unless it is told to retain it. */
  physicalId: string;
  attributes?: Readonly<Record<string, string>>;
}

/** Kept for the answer when the work takes too long. */
const ANSWER_MS = 8_000;
/** A role that was made a moment ago is not known everywhere yet. */
const PATIENCE_MS = 20_000;
const PAUSE_MS = 1_000;
/** An answer is at most 4,096 bytes, identifiers included. */
const MAX_REASON = 1_000;

/**
 * A function behind a custom resource: does `act`, again while its failure says that this may help, and answers in any case.
 * Events may be delivered more than once, so `act` must be idempotent. An answer that cannot be delivered is thrown, which makes
 * Lambda deliver the event again.
 */
export function customResource(clock: Clock, act: (event: CustomResourceEvent) => Promise<CustomResourceOutcome>) {
  return async (event: CustomResourceEvent, context: { getRemainingTimeInMillis(): number }): Promise<void> => {
    const ends = clock.monotonic() + context.getRemainingTimeInMillis();
    const answer = await within(clock, ends - ANSWER_MS - clock.monotonic(), () => attempt(clock, event, act)).then(
      ({ physicalId, attributes }) => ({ Status: 'SUCCESS', PhysicalResourceId: physicalId, Data: attributes ?? {} }),
      (error: unknown) => ({
        Status: 'FAILED',
        Reason: reasonOf(error).slice(0, MAX_REASON),
        // On Create it names nothing, so that the deletion which follows deletes nothing.
        PhysicalResourceId: event.PhysicalResourceId ?? event.RequestId,
      }),
    );
    const { StackId, RequestId, LogicalResourceId } = event;
    await deliver(clock, event.ResponseURL, { ...answer, StackId, RequestId, LogicalResourceId }, ends - 1_000);
  };
}

async function attempt(
  clock: Clock,
  event: CustomResourceEvent,
  act: (event: CustomResourceEvent) => Promise<CustomResourceOutcome>,
): Promise<CustomResourceOutcome> {
  const until = clock.monotonic() + PATIENCE_MS;
  for (;;) {
    try {
      return await act(event);
    } catch (error) {
      if (!(error instanceof VarveError && error.retriable) || clock.monotonic() >= until) throw error;
    }
    await sleep(clock, PAUSE_MS);
  }
}

async function within<T>(clock: Clock, ms: number, work: () => Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const cancel = clock.schedule(ms, () =>
    reject(new VarveError('REQUEST_TIMED_OUT', 'Not done in the time that the function has; deploy again to go on.')),
  );
  return Promise.race([work(), late]).finally(cancel);
}

async function deliver(clock: Clock, url: string, answer: object, ends: number): Promise<void> {
  // As bytes, because text would get a content type, which the address is not signed for.
  const body = Buffer.from(JSON.stringify(answer));
  for (;;) {
    const left = ends - clock.monotonic();
    const status = await put(url, body, Math.max(left, PAUSE_MS));
    if (status !== undefined && status < 300) return;
    if (left < 2 * PAUSE_MS || (status !== undefined && status < 500)) {
      throw new Error(`CloudFormation did not take the answer: ${status ?? 'not reached'}`);
    }
    await sleep(clock, PAUSE_MS);
  }
}

/** The status of the answer; undefined when there was none. */
async function put(url: string, body: Uint8Array<ArrayBuffer>, timeout: number): Promise<number | undefined> {
  const signal = AbortSignal.timeout(Math.ceil(timeout));
  try {
    const response = await fetch(url, { method: 'PUT', body, signal });
    await response.body?.cancel();
    return response.status;
  } catch {
    return undefined;
  }
}

function reasonOf(error: unknown): string {
  if (error instanceof VarveError) return `${error.code}: ${error.message}`;
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
