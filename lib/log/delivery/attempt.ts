import type { LogRecord } from '../../format/records/record.ts';
import type { ShareProgress, Subscription } from '../../stores/catalog/subscriptions.ts';
import { printRanges } from '../ranges.ts';
import { eventOf } from './event.ts';
import { failureIn } from './failures.ts';
import type { DeadLetter, Lane, OnFailure, Target } from './ports.ts';

export interface AttemptDeps {
  target: Target;
  onFailure: OnFailure;
  /** The pause before a batch that failed is tried again, where so many milliseconds are due. */
  retryPause(due: number): number;
  /** Milliseconds since the epoch. */
  now(): number;
}

/** Why records have to be tried again. */
export type Why = 'failed' | 'unavailable' | 'missing' | 'unknown' | 'not told';

/** What became of a share's records. */
export interface Attempt {
  /** So many of the first of them are done with. */
  done: number;
  /** Records that the function was invoked with and did not fail at. */
  delivered: number;
  /** What was given up. */
  given?: DeadLetter;
  /** How the next of them is tried again, `after` so many milliseconds. */
  again?: Retry;
}

export type Retry = Omit<ShareProgress, 'offset' | 'due'> & { after: number; why: Why };

const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 60_000;
/** While a function cannot be invoked, or nobody can be told of a failure. */
const UNAVAILABLE_MS = 5_000;
/** While a function is not there, the pauses grow to this. */
const MISSING_MS = 300_000;
/** What was not answered may begin a little late, and clocks differ. */
const UNKNOWN_MS = 5_000;

/**
 * Invokes with the first of these records, as many as may go together. It commits nothing: whatever ends it between any two lines, the
 * records come again. `before`: how the first of them was tried.
 */
export async function attempt(
  deps: AttemptDeps,
  subscription: Subscription,
  lane: Lane,
  records: readonly LogRecord[],
  before: ShareProgress | undefined,
): Promise<Attempt> {
  const { batchSize, maxRecordAge, reportBatchItemFailures, retryAttempts, bisectBatchOnError } = subscription;
  const { attempts = 0, limit, refused = 0 } = before ?? {};
  const limited = records.slice(0, Math.min(batchSize, limit ?? batchSize));
  const isOld = ({ timestamp }: LogRecord) => maxRecordAge >= 0 && timestamp < deps.now() - maxRecordAge;
  const first = limited[0]!;
  if (isOld(first)) return giveUp(0, runOf(limited, isOld), 'RecordAgeExceeded', attempts);
  const fresh = runOf(limited, (record) => !isOld(record));
  const { event, count } = eventOf(lane.topic, lane.partition, fresh);
  if (count === 0) return giveUp(0, [first], 'RecordTooLarge', 0);

  const batch = fresh.slice(0, count);
  const invocation = await deps.target(subscription, event);
  const stays = { attempts, ...(limit !== undefined && { limit }) };
  if (invocation.status === 'unavailable') return later({ ...stays, after: UNAVAILABLE_MS, why: 'unavailable' });
  if (invocation.status === 'missing') {
    const after = Math.min(MISSING_MS, UNAVAILABLE_MS * 2 ** Math.min(refused, 16));
    return later({ ...stays, refused: refused + 1, after, why: 'missing' });
  }
  if (invocation.status === 'unknown') {
    return later({ ...stays, busy: true, after: unansweredFor(subscription), why: 'unknown' });
  }
  const at =
    invocation.status === 'failed'
      ? 'all'
      : reportBatchItemFailures
        ? failureIn(invocation.answer, lane, batch)
        : undefined;
  if (at === undefined) return { done: batch.length, delivered: batch.length };
  if (at === 'all' || at === 0) return failed(0, at === 0, attempts + 1, limit);
  // The records before the first that failed are done with; what it was invoked with was the first attempt at that one.
  return failed(at, true, 1, undefined);

  /** The batch from `at` on. `named`: the function says that it was the first of them. */
  async function failed(at: number, named: boolean, attempts: number, limit: number | undefined): Promise<Attempt> {
    const rest = batch.slice(at);
    if (bisectBatchOnError && !named && rest.length > 1) {
      const after = deps.retryPause(FIRST_RETRY_MS);
      return later({ attempts: 0, limit: Math.ceil(rest.length / 2), after, why: 'failed' });
    }
    if (retryAttempts >= 0 && attempts > retryAttempts) {
      return giveUp(at, named ? rest.slice(0, 1) : rest, 'RetryAttemptsExhausted', attempts);
    }
    const after = deps.retryPause(Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(attempts - 1, 16)));
    return {
      ...later({ attempts, ...(limit !== undefined && { limit }), after, why: 'failed' }),
      done: at,
      delivered: at,
    };
  }

  /** Told before it is passed over: it may be told twice, and is never passed over in silence. */
  async function giveUp(
    at: number,
    lost: readonly LogRecord[],
    condition: DeadLetter['condition'],
    invocations: number,
  ): Promise<Attempt> {
    const given = letterOf(lane, lost, condition, invocations);
    try {
      const event = () => eventOf(lane.topic, lane.partition, lost, Number.POSITIVE_INFINITY).event;
      await deps.onFailure(subscription, given, event);
    } catch {
      // The next attempt comes to the same without an invocation, or after one more.
      const again: Retry = { attempts: invocations, limit: lost.length, after: UNAVAILABLE_MS, why: 'not told' };
      return { done: at, delivered: at, again };
    }
    return { done: at + lost.length, delivered: at, given };
  }
}

/** Milliseconds after which an invocation that was not answered must be over. */
export function unansweredFor({ targetTimeout }: Subscription): number {
  return targetTimeout + UNKNOWN_MS;
}

function later(again: Retry): Attempt {
  return { done: 0, delivered: 0, again };
}

function letterOf(
  { topic, partition }: Lane,
  records: readonly LogRecord[],
  condition: DeadLetter['condition'],
  invocations: number,
): DeadLetter {
  const [first, last] = [records[0]!, records.at(-1)!];
  return {
    condition,
    topic,
    partition,
    firstOffset: first.offset,
    lastOffset: last.offset,
    // At most 170 KB for as many records as a batch has: SNS and SQS take 256.
    offsets: printRanges(records.map(({ offset }) => offset)),
    firstTimestamp: first.timestamp,
    lastTimestamp: last.timestamp,
    records: records.length,
    invocations,
  };
}

/** As many of the first records as are so. */
function runOf(records: readonly LogRecord[], isSo: (record: LogRecord) => boolean): LogRecord[] {
  const end = records.findIndex((record) => !isSo(record));
  return records.slice(0, end < 0 ? records.length : end);
}
