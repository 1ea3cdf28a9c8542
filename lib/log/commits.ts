import type { Clock } from '../clock.ts';
import { VarveError } from '../errors.ts';
import { segmentName } from '../format/segments/names.ts';
import { buildSegment } from '../format/segments/segment.ts';
import { type Random, timeId } from '../ids.ts';
import {
  type AppendOutcome,
  type Head,
  type NewEntry,
  type Partitions,
  partitionKey,
  type TopicIdPartition,
} from '../stores/catalog/partitions.ts';
import { ObjectError, type ObjectStore } from '../stores/objects/objects.ts';
import type { Meter } from './meter.ts';
import type { Outgoing } from './sealed.ts';

/** A batch and the entry that will point to it. */
export interface Written {
  batch: Outgoing;
  entry: NewEntry;
}

export interface Commits {
  /** Commits the batches after all that was queued for this partition before, once `ready` says that their bytes are durable. */
  enqueue(at: TopicIdPartition, written: readonly Written[], ready: Promise<void>): void;
}

export interface CommitDeps {
  partitions: Partitions;
  objects: ObjectStore;
  clock: Clock;
  random: Random;
  meter: Meter;
  /** What a commit that was sent at `asked` shows of the partition: its new head, or, when that is not known, nothing. */
  onHead(at: TopicIdPartition, head: Head | undefined, asked: number): void;
  /** A batch was appended at `base`. */
  onAppended(entry: NewEntry, batch: Outgoing, base: number): void;
}

/** The port's limit. */
const MAX_ENTRIES = 200;
const COMMIT_TIMEOUT_MS = 30_000;
/** An appender whose objects are swept under it this often has a clock far behind everybody else's. */
const MAX_REWRITES = 5;

interface Part {
  written: readonly Written[];
  ready: Promise<void>;
  isReady: boolean;
}

/**
 * One append in flight per partition, carrying all that waits: puts run side by side and may overtake each other, commits of
 * one partition never do.
 */
export function createCommits(deps: CommitDeps): Commits {
  const queues = new Map<string, Part[]>();

  function enqueue(at: TopicIdPartition, written: readonly Written[], ready: Promise<void>): void {
    const key = partitionKey(at);
    const part: Part = { written, ready, isReady: false };
    ready.then(
      () => {
        part.isReady = true;
      },
      () => {},
    );
    const queue = queues.get(key);
    if (queue) {
      queue.push(part);
      return;
    }
    queues.set(key, [part]);
    void run(key, at);
  }

  async function run(key: string, at: TopicIdPartition): Promise<void> {
    const queue = queues.get(key)!;
    for (let part = queue[0]; part; part = queue[0]) {
      try {
        await part.ready;
      } catch (error) {
        queue.shift();
        for (const { batch } of part.written) batch.settle(error as Error);
        continue;
      }
      let taken = 0;
      const group: Written[] = [];
      // The first part is ready whether its flag has been set yet or not.
      while (taken < queue.length && (taken === 0 || queue[taken]!.isReady) && group.length < MAX_ENTRIES) {
        group.push(...queue[taken++]!.written);
      }
      queue.splice(0, taken);
      for (let i = 0; i < group.length; i += MAX_ENTRIES) await commit(at, group.slice(i, i + MAX_ENTRIES));
    }
    queues.delete(key);
  }

  async function commit(at: TopicIdPartition, group: readonly Written[]): Promise<void> {
    const deadline = new AbortController();
    const cancel = deps.clock.schedule(COMMIT_TIMEOUT_MS, () => deadline.abort());
    try {
      let left = group;
      for (let tries = 0; left.length > 0; tries++) {
        const begun = deps.clock.monotonic();
        const entries = left.map(({ entry }) => entry);
        const { outcomes, head } = await deps.partitions.append(at, entries, { signal: deadline.signal });
        deps.meter.committed(left.length, (deps.clock.monotonic() - begun) / 1000);
        const stale: Written[] = [];
        let floor = 0;
        outcomes.forEach((outcome, i) => {
          const { batch, entry } = left[i]!;
          if (outcome.status === 'appended') deps.onAppended(entry, batch, outcome.base);
          if (outcome.status === 'stale' && tries < MAX_REWRITES) {
            stale.push(left[i]!);
            floor = Math.max(floor, outcome.floor);
          } else {
            batch.settle(answer(outcome));
          }
        });
        deps.onHead(at, head, begun);
        left = stale.length > 0 ? await rewrite(at, stale, floor, deadline.signal) : [];
      }
    } catch (error) {
      deps.onHead(at, undefined, deps.clock.monotonic());
      // Settling twice has no effect, so those that were answered keep their answers.
      for (const { batch } of group) batch.settle(error as Error);
    } finally {
      cancel();
    }
  }

  /** The bytes once more, under an id above the floor, in an object whose footer names this partition. */
  async function rewrite(
    at: TopicIdPartition,
    stale: readonly Written[],
    floor: number,
    signal: AbortSignal,
  ): Promise<Written[]> {
    const time = Math.max(deps.clock.now(), floor + 1);
    const carried = stale.filter(({ entry }) => entry.bytes);
    const pointing = stale.filter(({ entry }) => !entry.bytes);
    const id = timeId(time, deps.random);
    const built = buildSegment(
      pointing.map(({ batch }) => ({ ...at, ...batch })),
      { level: 0 },
    );
    if (pointing.length > 0) {
      await deps.objects
        .put(segmentName(id), built.parts, { signal })
        .catch((error) => Promise.reject(notStored(error)));
    }
    return stale.map((written) => {
      const entry = carried.includes(written)
        ? { ...written.entry, id: timeId(time, deps.random) }
        : { ...written.entry, id, position: built.positions[pointing.indexOf(written)]! };
      return { batch: written.batch, entry };
    });
  }

  return { enqueue };
}

/** What a caller is told whose bytes did not get into the object store. Nothing was appended. */
export function notStored(cause: unknown): VarveError {
  const full = cause instanceof ObjectError && cause.code === 'STORE_FULL';
  const message = full
    ? 'the storage is full; make room and send it again'
    : 'the records could not be stored; send them again';
  return new VarveError('KAFKA_STORAGE_ERROR', message, { cause });
}

function answer(outcome: AppendOutcome): number | VarveError {
  switch (outcome.status) {
    case 'appended':
    case 'duplicate':
      return outcome.base;
    case 'refused':
      return new VarveError(outcome.code, REFUSALS[outcome.code]);
    case 'stale':
      return new VarveError(
        'KAFKA_STORAGE_ERROR',
        'the records were swept before they were committed; send them again',
      );
    case 'unknown':
      // Turned away, so not appended: a plain record may be sent again too.
      if (outcome.cause instanceof VarveError && TURNED_AWAY.includes(outcome.cause.code)) return outcome.cause;
      return new VarveError(
        'REQUEST_TIMED_OUT',
        'the catalog did not say whether the records were appended; send them again with the same producer id, epoch and sequence, or expect duplicates',
        { cause: outcome.cause },
      );
  }
}

const TURNED_AWAY: readonly string[] = ['CLUSTER_AUTHORIZATION_FAILED', 'THROTTLING_QUOTA_EXCEEDED'];

const REFUSALS = {
  UNKNOWN_TOPIC_OR_PARTITION: 'the topic or partition does not exist any more',
  INVALID_PRODUCER_EPOCH: 'a producer with the same id and a higher epoch has taken over; ask for a new producer id',
  OUT_OF_ORDER_SEQUENCE_NUMBER:
    'the sequence does not follow the last one that was appended; send the missing batch first',
  UNKNOWN_PRODUCER_ID: 'nothing is known of this producer any more; begin again with a new producer id and sequence 0',
  DUPLICATE_SEQUENCE_NUMBER: 'the batch was appended before, too long ago to know its offset; go on with the next one',
} as const;
