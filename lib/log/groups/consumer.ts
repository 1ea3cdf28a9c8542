import { setImmediate } from 'node:timers/promises';
import { sleep } from '../../clock.ts';
import { VarveError } from '../../errors.ts';
import type { LogRecord } from '../../format/records/record.ts';
import type { Random } from '../../ids.ts';
import type { Catalog } from '../../stores/catalog/catalog.ts';
import type { From } from '../event-log.ts';
import { MAX_FETCH_RECORDS } from '../reader.ts';
import { unknownTopic } from '../topic-name.ts';
import { checkGroupId } from './group-id.ts';
import type { GroupPartition } from './groups.ts';
import type { Lane } from './lane.ts';
import { type GroupMember, joinGroup } from './member.ts';
import { createSession, type Session, type SessionDeps } from './session.ts';

export interface ConsumerOptions {
  group: string;
  topics: readonly string[];
  /**
   * Where a partition without a committed offset, or with one that was deleted, begins. Default `earliest`. Partitions that
   * appear while the group runs begin at the earliest.
   */
  autoOffsetReset?: 'earliest' | 'latest';
  /** Records a batch at most; default 500. */
  maxRecords?: number;
  /**
   * Milliseconds of silence after which the others take over what this member has, 1,000 to 1,800,000; default 10,000. It says
   * that it is there every third of that, by one write.
   */
  sessionTimeout?: number;
  /** Ends the iteration. The group is left when the batch in the caller's hands is done with: at the next step, or by `close`. */
  signal?: AbortSignal;
}

export interface ConsumedBatch {
  topic: string;
  partition: number;
  records: LogRecord[];
  /**
   * Commits the offset after the batch's last record; never moves the group back when a later batch was committed before.
   * ILLEGAL_GENERATION when the consumer was closed, or the partition is another's by now.
   */
  commit(): Promise<void>;
}

/**
 * A member of a group: the group's members share the partitions of their topics, without any process that leads them. Iterating
 * reads those that are its own from the committed offsets on, at least once, in order per partition. A batch is done with when
 * the next one is asked for: only then does a partition pass to another member that lives. Leaving the loop does not leave the
 * group: a later loop goes on where it was, `close` leaves at once. While a Kafka client's or another holder has the group, it
 * waits. UNKNOWN_TOPIC_OR_PARTITION when a topic does not exist at the start; one that is deleted later is waited for.
 * GROUP_MAX_SIZE_REACHED beyond 200 members.
 */
export interface Consumer extends AsyncIterable<ConsumedBatch> {
  /** The partitions that are its own now; none before the first step. */
  assignment(): GroupPartition[];
  /** Reads these no more until `resume`, or until they come to this member anew. INVALID_REQUEST for one that is not its own. */
  pause(partitions: readonly GroupPartition[]): void;
  resume(partitions: readonly GroupPartition[]): void;
  /** Goes on from there, and the first commit after it may set the group back. INVALID_REQUEST when the partition is not its own. */
  seek(partition: GroupPartition, to: From): void;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface ConsumerDeps extends SessionDeps {
  catalog: Catalog;
  random: Random;
  /** Aborts when the log closes. */
  closing: AbortSignal;
}

const STEPS_A_TURN = 16;
const [RETRY_FIRST_MS, RETRY_LAST_MS] = [100, 2_000];
const DEFAULT_SESSION_MS = 10_000;
const [MIN_SESSION_MS, MAX_SESSION_MS] = [1_000, 1_800_000];

export function createConsumer(deps: ConsumerDeps, options: ConsumerOptions): Consumer {
  const { group, topics, autoOffsetReset = 'earliest', maxRecords = 500 } = options;
  const { sessionTimeout = DEFAULT_SESSION_MS } = options;
  checkGroupId(group);
  if (topics.length === 0) throw new VarveError('INVALID_REQUEST', 'A consumer needs at least one topic.');
  if (!Number.isInteger(maxRecords) || maxRecords < 1 || maxRecords > MAX_FETCH_RECORDS) {
    throw new VarveError('INVALID_REQUEST', `maxRecords is a whole number from 1 to ${MAX_FETCH_RECORDS}.`);
  }
  checkSession(sessionTimeout);
  const settings = { group, topics: [...new Set(topics)], autoOffsetReset, maxRecords, sessionTimeout };
  const id = memberId(deps.random);
  const closed = new AbortController();
  const stopping = AbortSignal.any([closed.signal, deps.closing, ...(options.signal ? [options.signal] : [])]);

  let running: Promise<void> | undefined;
  let member: GroupMember | undefined;
  let session: Session | undefined;
  let failure: { error: unknown } | undefined;
  let finished: Promise<void> | undefined;
  let steps = 0;
  let change = Promise.withResolvers<void>();

  function notify(): void {
    change.resolve();
    change = Promise.withResolvers<void>();
  }

  async function checkTopics(): Promise<void> {
    for (let pause = RETRY_FIRST_MS; !stopping.aborted; pause = Math.min(pause * 2, RETRY_LAST_MS)) {
      try {
        const found = await Promise.all(settings.topics.map((name) => deps.catalog.topics.get(name)));
        const missing = found.indexOf(undefined);
        if (missing >= 0) throw unknownTopic(settings.topics[missing]!);
        return;
      } catch (error) {
        if (!(error instanceof VarveError && error.retriable)) throw error;
        await sleep(deps.clock, pause, stopping);
      }
    }
  }

  /** Joins, and joins again when it was given up: as when the process was frozen. */
  async function run(): Promise<void> {
    await checkTopics();
    while (!stopping.aborted) {
      member = await joinGroup(deps, group, id, { topics: settings.topics, session: sessionTimeout }, stopping);
      if (!member) return;
      session = createSession(deps, settings, member, stopping, notify);
      try {
        await session.run();
      } catch (error) {
        // What goes wrong in a session that is over is the next one's to find out.
        if (member.holds()) throw error;
      }
    }
  }

  function finish(): Promise<void> {
    finished ??= (async () => {
      closed.abort();
      await running;
      await session?.settled();
      await member?.leave();
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
  // The catalog closes with the log: the leave must be on its way before.
  deps.closing.addEventListener('abort', () => void member?.leave(), { once: true, signal: closed.signal });

  function lanes(partitions: readonly GroupPartition[]): Lane[] {
    return partitions.map((of) => {
      const lane = session?.lane(of);
      if (lane) return lane;
      throw new VarveError('INVALID_REQUEST', `Partition ${of.partition} of "${of.topic}" is not this consumer's now.`);
    });
  }

  return {
    assignment: () => (member?.holds() && session?.assignment()) || [],
    pause(partitions) {
      for (const lane of lanes(partitions)) lane.pause();
    },
    resume(partitions) {
      for (const lane of lanes(partitions)) lane.resume();
    },
    seek(partition, to) {
      for (const lane of lanes([partition])) lane.seek(to);
    },
    [Symbol.asyncIterator]: () => ({ next, return: async () => ({ done: true, value: undefined }) }),
    close: finish,
    [Symbol.asyncDispose]: finish,
  };
}

/** Throws INVALID_REQUEST. */
function checkSession(session: number): void {
  if (Number.isInteger(session) && session >= MIN_SESSION_MS && session <= MAX_SESSION_MS) return;
  throw new VarveError(
    'INVALID_REQUEST',
    `The session time-out is a whole number of milliseconds from ${MIN_SESSION_MS} to ${MAX_SESSION_MS}.`,
  );
}

/** Short, as it travels with every sign of life of every member. */
function memberId(random: Random): string {
  return Buffer.from(random(9)).toString('base64url');
}
