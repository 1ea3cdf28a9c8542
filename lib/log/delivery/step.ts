import type { LogRecord } from '../../format/records/record.ts';
import type { Failing, Subscription } from '../../stores/catalog/subscriptions.ts';
import { eventOf } from './event.ts';
import { failureIn } from './failures.ts';
import type { DeadLetter, Lane, OnFailure, Target } from './ports.ts';

export interface StepDeps {
  target: Target;
  onFailure: OnFailure;
  /** Milliseconds since the epoch. */
  now(): number;
  /** Called before anything is done about records: false: not any more. Where it is true there is time for an invocation. */
  mayGoOn(): Promise<boolean>;
}

/** What one step came to, and what it did. */
export type Step = {
  /** Records that the function was invoked with and did not fail at. */
  delivered: number;
  /** What was given up. */
  given?: DeadLetter;
} & (
  | { status: 'empty' | 'advanced' | 'moved' | 'stopped' }
  /** To be tried `after` so many milliseconds. */
  | { status: 'again'; after: number; failing?: Failing; why: 'failed' | 'unavailable' | 'unknown' | 'not told' }
);

const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 60_000;
/** While a function cannot be invoked, or nobody can be told of a failure. */
const UNAVAILABLE_MS = 5_000;
/** As many bytes of batches as may be worth reading for one event. */
const READ_BYTES = 5_000_000;

/**
 * Delivers the next batch of a partition: reads from what the group has committed, invokes, and commits as far as all went well.
 * Whatever ends it between any two lines leaves the group where it was, so that the records come again.
 */
export async function step(
  deps: StepDeps,
  subscription: Subscription,
  lane: Lane,
  failing: Failing | undefined,
): Promise<Step> {
  const { batchSize, maxRecordAge, reportBatchItemFailures, retryAttempts, bisectBatchOnError } = subscription;
  const committed = await lane.committed();
  const { offset, records: read, next } = await lane.read(committed, { records: batchSize, bytes: READ_BYTES });
  const first = read[0];
  if (!first && next === offset) return { status: 'empty', delivered: 0 };
  if (!(await deps.mayGoOn())) return { status: 'stopped', delivered: 0 };
  if (!first) {
    // Control records take offsets, and are nobody's; and so are those that no filter lets through.
    return { status: (await lane.advance(committed, next)) ? 'advanced' : 'moved', delivered: 0 };
  }
  const before = failing?.offset === first.offset ? failing : undefined;
  const limited = read.slice(0, before?.limit);
  const isOld = ({ timestamp }: LogRecord) => maxRecordAge >= 0 && timestamp < deps.now() - maxRecordAge;
  if (isOld(first)) return giveUp(committed, runOf(limited, isOld), 'RecordAgeExceeded', before?.attempts ?? 0);
  const fresh = runOf(limited, (record) => !isOld(record));
  const { event, count } = eventOf(lane.topic, lane.partition, fresh);
  if (count === 0) return giveUp(committed, [first], 'RecordTooLarge', 0);

  const batch = fresh.slice(0, count);
  const invocation = await deps.target(subscription, event);
  if (invocation.status === 'unavailable') return again(UNAVAILABLE_MS, before, 'unavailable');
  if (invocation.status === 'unknown') return again(subscription.targetTimeout, before, 'unknown');
  const at =
    invocation.status === 'failed'
      ? 'all'
      : reportBatchItemFailures
        ? failureIn(invocation.answer, lane, batch)
        : undefined;
  if (at === undefined) {
    const to = batch.length === read.length ? next : batch.at(-1)!.offset + 1;
    return { status: (await lane.advance(committed, to)) ? 'advanced' : 'moved', delivered: batch.length };
  }
  if (at === 'all' || at === 0) return failed(committed, batch, at === 0, (before?.attempts ?? 0) + 1);
  // The records before the first that failed are done with; what it was invoked with was the first attempt at that one.
  const from = batch[at]!.offset;
  if (!(await lane.advance(committed, from))) return { status: 'moved', delivered: at };
  return { ...(await failed(from, batch.slice(at), true, 1)), delivered: at };

  /** `named`: the function says that it was the first of them. */
  async function failed(
    from: number | undefined,
    records: readonly LogRecord[],
    named: boolean,
    attempts: number,
  ): Promise<Step> {
    const { offset } = records[0]!;
    if (bisectBatchOnError && !named && records.length > 1) {
      return again(FIRST_RETRY_MS, { offset, attempts: 0, limit: Math.ceil(records.length / 2) }, 'failed');
    }
    if (retryAttempts >= 0 && attempts > retryAttempts) {
      return giveUp(from, named ? [records[0]!] : records, 'RetryAttemptsExhausted', attempts);
    }
    const after = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(attempts - 1, 16));
    const limit = before?.offset === offset ? before.limit : undefined;
    return again(after, { offset, attempts, ...(limit !== undefined && { limit }) }, 'failed');
  }

  /** Told first, and then passed over: it may be told twice, and is never passed over in silence. */
  async function giveUp(
    from: number | undefined,
    records: readonly LogRecord[],
    condition: DeadLetter['condition'],
    invocations: number,
  ): Promise<Step> {
    const [start, end] = [records[0]!, records.at(-1)!];
    const given: DeadLetter = {
      condition,
      topic: lane.topic,
      partition: lane.partition,
      firstOffset: start.offset,
      lastOffset: end.offset,
      firstTimestamp: start.timestamp,
      lastTimestamp: end.timestamp,
      records: records.length,
      invocations,
    };
    try {
      const event = () => eventOf(lane.topic, lane.partition, records, Number.POSITIVE_INFINITY).event;
      await deps.onFailure(subscription, given, event);
    } catch {
      // The next step comes to the same without an invocation, or after one more.
      return again(UNAVAILABLE_MS, { offset: start.offset, attempts: invocations, limit: records.length }, 'not told');
    }
    return { status: (await lane.advance(from, end.offset + 1)) ? 'advanced' : 'moved', delivered: 0, given };
  }
}

function again(after: number, failing: Failing | undefined, why: (Step & { status: 'again' })['why']): Step {
  return { status: 'again', after, delivered: 0, why, ...(failing && { failing }) };
}

/** As many of the first records as are so. */
function runOf(records: readonly LogRecord[], isSo: (record: LogRecord) => boolean): LogRecord[] {
  const end = records.findIndex((record) => !isSo(record));
  return records.slice(0, end < 0 ? records.length : end);
}
