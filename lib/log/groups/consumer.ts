import { setImmediate } from 'node:timers/promises';
import { VarveError } from '../../errors.ts';
import type { LogRecord } from '../../format/records/record.ts';
import type { Random } from '../../ids.ts';
import { MAX_FETCH_RECORDS } from '../reader.ts';
import { checkGroupId } from './group-id.ts';
import { holdGroup } from './group-lease.ts';
import type { KeptLease } from './kept-lease.ts';
import { createSession, type Session, type SessionDeps } from './session.ts';

export interface ConsumerOptions {
  group: string;
  topics: readonly string[];
  /**
   * Where a partition without a committed offset, or with one that was deleted, begins. Default `earliest`. Partitions that
   * appear while the consumer runs begin at the earliest.
   */
  autoOffsetReset?: 'earliest' | 'latest';
  /** Records a batch at most; default 500. */
  maxRecords?: number;
  /** Ends the iteration. The group is given up when the batch in the caller's hands is done with: at the next step, or by `close`. */
  signal?: AbortSignal;
}

export interface ConsumedBatch {
  topic: string;
  partition: number;
  records: LogRecord[];
  /**
   * Commits the offset after the batch's last record; never moves the group back when a later batch was committed before.
   * ILLEGAL_GENERATION when the consumer was closed or another one has taken the group over.
   */
  commit(): Promise<void>;
}

/**
 * The group's one active consumer: it holds the group's lease, and a second one waits until it is closed or dies. Iterating
 * reads all partitions of the topics from the committed offsets on, at least once, in order per partition. Leaving the loop does
 * not give the group up: a later loop goes on where it was, `close` ends it. UNKNOWN_TOPIC_OR_PARTITION when a topic does not
 * exist at the start; one that is deleted later is waited for.
 */
export interface Consumer extends AsyncIterable<ConsumedBatch> {
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface ConsumerDeps extends SessionDeps {
  random: Random;
  /** Aborts when the log closes. */
  closing: AbortSignal;
}

const STEPS_A_TURN = 16;

export function createConsumer(deps: ConsumerDeps, options: ConsumerOptions): Consumer {
  const { group, topics, autoOffsetReset = 'earliest', maxRecords = 500 } = options;
  checkGroupId(group);
  if (topics.length === 0) throw new VarveError('INVALID_REQUEST', 'A consumer needs at least one topic.');
  if (!Number.isInteger(maxRecords) || maxRecords < 1 || maxRecords > MAX_FETCH_RECORDS) {
    throw new VarveError('INVALID_REQUEST', `maxRecords is a whole number from 1 to ${MAX_FETCH_RECORDS}.`);
  }
  const settings = { group, topics: [...new Set(topics)], autoOffsetReset, maxRecords };
  const closed = new AbortController();
  const stopping = AbortSignal.any([closed.signal, deps.closing, ...(options.signal ? [options.signal] : [])]);

  let running: Promise<void> | undefined;
  let held: KeptLease | undefined;
  let session: Session | undefined;
  let failure: { error: unknown } | undefined;
  let finished: Promise<void> | undefined;
  let steps = 0;
  let change = Promise.withResolvers<void>();

  function notify(): void {
    change.resolve();
    change = Promise.withResolvers<void>();
  }

  /** Stands by, holds the group, and stands by again when it was lost. */
  async function run(): Promise<void> {
    const leaseDeps = { leases: deps.catalog.leases, clock: deps.clock, random: deps.random };
    while (!stopping.aborted) {
      held = await holdGroup(leaseDeps, group, stopping);
      if (!held) return;
      session = createSession(deps, settings, held, stopping, notify);
      try {
        await session.run();
      } catch (error) {
        // What goes wrong in a session whose group is lost is the next session's to find out.
        if (held.holds()) throw error;
      }
      if (!stopping.aborted) await held.release();
    }
  }

  function finish(): Promise<void> {
    finished ??= (async () => {
      closed.abort();
      await running;
      await session?.settled();
      await held?.release();
    })();
    return finished;
  }

  async function next(): Promise<IteratorResult<ConsumedBatch, undefined>> {
    running ??= run()
      .catch((error) => {
        failure = stopping.aborted ? undefined : { error };
      })
      .finally(notify);
    while (!stopping.aborted) {
      // What is cached is read without waiting for anything: renewals and other partitions must have their turn.
      if (++steps % STEPS_A_TURN === 0) {
        await setImmediate();
        continue;
      }
      if (failure) {
        await finish();
        throw failure.error;
      }
      const batch = session?.take();
      if (batch) return { done: false, value: batch };
      await change.promise;
    }
    await finish();
    return { done: true, value: undefined };
  }

  stopping.addEventListener('abort', notify, { once: true });
  // The catalog closes with the log: the release must be on its way before.
  deps.closing.addEventListener('abort', () => void held?.release(), { once: true, signal: closed.signal });

  return {
    [Symbol.asyncIterator]: () => ({ next, return: async () => ({ done: true, value: undefined }) }),
    close: finish,
    [Symbol.asyncDispose]: finish,
  };
}
