import type { TimeId } from '../../ids.ts';

export interface TopicIdPartition {
  topicId: string;
  partition: number;
}

/** For maps and sets of partitions; nothing is stored under it. */
export function partitionKey({ topicId, partition }: TopicIdPartition): string {
  return `${topicId}#${partition}`;
}

/** (producer id, epoch, first sequence) of a batch by an idempotent producer. Sequences wrap after 2^31 - 1 to 0. */
export interface ProducerBatch {
  id: number;
  epoch: number;
  sequence: number;
}

/** An idempotent producer, by its last batch in a partition. */
export interface ActiveProducer {
  id: number;
  epoch: number;
  /** Of the last record. */
  lastSequence: number;
  /** Base offset of the last batch. */
  base: number;
}

/** What a commit adds to a partition: one batch. An entry never carries its own offset. */
interface EntryFacts {
  /** Of the segment that holds the bytes, or of the entry itself when the catalog carries them. Together with `position` unique. */
  id: TimeId;
  /** The batch's place in the segment, bytes; 0 when carried. */
  position: number;
  length: number;
  /** The batch's own CRC-32C field. */
  crc: number;
  /** Offsets that the batch spans: last offset delta + 1. At least 1. */
  count: number;
  /** Milliseconds since the epoch, or -1. */
  maxTimestamp: number;
  producer?: ProducerBatch;
}

/** `bytes` present, at most 65,536: the catalog carries the batch, in whatever way is cheapest. Absent: it lies in segment `id`. */
export interface NewEntry extends EntryFacts {
  bytes?: Uint8Array;
}

/**
 * As stored. `segment`: in segment `id` at `position`, of level 0 (or 1, when it comes from the index). `inline`: `bytes` is
 * the batch. `chunk`: ask `chunks()` for it.
 */
export interface Entry extends EntryFacts {
  place: 'segment' | 'inline' | 'chunk';
  bytes?: Uint8Array;
}

/** Neighbouring entries; entry i begins at `base` plus the counts before it. */
export interface Run {
  base: number;
  entries: Entry[];
  /** Level 1 when the run comes from the index: its segments are named by `compactedName(at, generation, id)`. */
  level: 0 | 1;
  /** The index generation, when level is 1. */
  generation?: string;
  /** Bytes of all entries that were ever appended before `base`; absent where that is not known: at level 1, and in a tail put together. */
  before?: number;
}

export interface Head {
  /** The next offset to be assigned. */
  highWatermark: number;
  /** The first offset that may be read. */
  logStart: number;
  /** The newest entries, or some of them; `tail.base` plus the counts is `highWatermark`. Level 0. */
  tail: Run;
  /** Offsets below it are found only in the index. */
  frontier: number;
  /** Names the index that counts. */
  generation: string;
  /** Object-time floor: an entry whose id's time is not above it is refused. */
  floor: number;
  /** Bytes of all entries that were ever appended. */
  bytes: number;
  /** Below it `trim` has nothing left to delete; at most `logStart`. */
  trimmed: number;
}

/** A step of `references`. */
export interface References {
  /** Level-0 segments, some perhaps more than once. */
  segments: TimeId[];
  /** The smallest id of a chunk. */
  oldestChunk?: TimeId;
  next?: number;
}

export type AppendOutcome =
  | { status: 'appended'; base: number }
  /** Appended before, at `base`, by the same (producer id, epoch, sequence). */
  | { status: 'duplicate'; base: number }
  | {
      status: 'refused';
      code:
        | 'UNKNOWN_TOPIC_OR_PARTITION'
        | 'INVALID_PRODUCER_EPOCH'
        | 'OUT_OF_ORDER_SEQUENCE_NUMBER'
        | 'UNKNOWN_PRODUCER_ID'
        /** A duplicate so old that its offset is no longer known. */
        | 'DUPLICATE_SEQUENCE_NUMBER';
    }
  /**
   * The object's time is at or below `floor`, it may be swept: write the bytes again under an id later than `floor`. All that
   * follow it in the call are answered so too, whatever they are: they go again after it, in order.
   */
  | { status: 'stale'; floor: number }
  /** Not known whether it was appended: a retriable error for the caller, never a second append. */
  | { status: 'unknown'; cause: unknown };

export interface Partitions {
  /**
   * Appends the entries as if one by one, in order; entries that follow a refused one are still judged and appended,
   * those that follow a stale one are not.
   * Offsets are dense from the high watermark. Idempotent producers: the next sequence is appended, the same (id, epoch,
   * sequence) answers `duplicate`, a lower epoch INVALID_PRODUCER_EPOCH, a higher epoch must start at sequence 0
   * (else OUT_OF_ORDER_SEQUENCE_NUMBER), an unknown producer too (else UNKNOWN_PRODUCER_ID). A producer stays known for at
   * least 7 days after its last batch.
   *
   * At most 200 entries. Never throws for the store's failures: what is not known comes back as `unknown`. `head` is the head
   * just after, when something was appended. `signal` ends the attempts: what is undecided then is `unknown`.
   */
  append(
    to: TopicIdPartition,
    entries: readonly NewEntry[],
    options?: { signal?: AbortSignal },
  ): Promise<{ outcomes: AppendOutcome[]; head?: Head }>;

  /** Strongly consistent. Undefined when there is no such partition. */
  head(of: TopicIdPartition): Promise<Head | undefined>;

  /** In the order asked, at most 100; may be a moment old, so a negative conclusion must not be drawn from it. */
  peek(of: readonly TopicIdPartition[]): Promise<(Head | undefined)[]>;

  /**
   * Producers that appended lately, by id: those of the last hour, and some of the last week. Undefined when there is no such
   * partition.
   */
  producers(of: TopicIdPartition): Promise<ActiveProducer[] | undefined>;

  /**
   * A run that contains `offset`, wherever it is now: tail, page or index. `head` is any head of the partition, however old,
   * that shows the offset below its high watermark. Undefined when the offset is below the log start, or the partition is gone.
   */
  find(of: TopicIdPartition, offset: number, head: Head): Promise<Run | undefined>;

  /**
   * The first entry at or after the log start whose max timestamp is at least `timestamp`, as a run of that one entry.
   * Timestamps need not rise. Undefined when there is none.
   */
  findTimestamp(of: TopicIdPartition, timestamp: number): Promise<Run | undefined>;

  /** The bytes of `chunk` entries in the order asked, at most 100; undefined where they were deleted. They may lie in one buffer. */
  chunks(of: TopicIdPartition, ids: readonly TimeId[]): Promise<(Uint8Array | undefined)[]>;

  /** Raises the log start to `offset` (never lowers it, never above the high watermark: `out of range`). The log start that holds then. */
  raiseLogStart(of: TopicIdPartition, offset: number): Promise<number | 'out of range' | 'unknown partition'>;

  /** From now on entries whose id's time is at or below `time` are refused as `stale`. Never lowers. */
  raiseFloor(of: TopicIdPartition, time: number): Promise<void>;

  /**
   * What the reachable level-0 entries from offset `from` on refer to, some of them: go on at `next`, until there is none. What is
   * named by no step was named by no entry when its step was asked for; only with a floor that was raised first does it stay so.
   */
  references(of: TopicIdPartition, from: number): Promise<References>;

  /**
   * Deletes a bounded part of what lies wholly below the log start, with the bytes that the catalog carries for it. True: there
   * may be more. Whoever reads by an older head finds what is there or nothing, never something else.
   */
  trim(of: TopicIdPartition): Promise<boolean>;

  /**
   * Deletes a bounded part of the bytes that the catalog carries under ids of this partition that sort before `before`, whether an
   * entry points to them or not: raise the floor to its time first, then see by `references` that no entry does. True: there may be more.
   */
  dropChunks(of: TopicIdPartition, before: TimeId): Promise<boolean>;

  /**
   * Compaction's commit: `run` becomes the index of [head.frontier, end of run) and the frontier moves there. `run.base` must be
   * head.frontier. False when frontier or generation moved since `head`. Whatever the answer, the run's segments must be kept
   * as long as its generation: where two compactors raced, entries of the one that lost may serve some offsets.
   */
  advanceFrontier(of: TopicIdPartition, head: Head, run: Run): Promise<boolean>;

  /** A rewrite's commit: the runs, which span [first base, head.frontier), become the whole index under a new generation. False as above. */
  replaceIndex(of: TopicIdPartition, head: Head, generation: string, runs: readonly Run[]): Promise<boolean>;
}
