import { setImmediate } from 'node:timers/promises';
import { VarveError } from '../errors.ts';
import { isBatch, patchBaseOffset } from '../format/records/batch.ts';
import { compactedName, segmentName } from '../format/segments/names.ts';
import { mergeRanges } from '../format/segments/plan.ts';
import {
  type Entry,
  type Partitions,
  partitionKey,
  type Run,
  type TopicIdPartition,
} from '../stores/catalog/partitions.ts';
import { ObjectError, type ObjectStore } from '../stores/objects/objects.ts';
import { createBatchCache } from './batch-cache.ts';

/** An entry and where it is. */
export interface Located {
  of: TopicIdPartition;
  base: number;
  entry: Entry;
  run: Pick<Run, 'level' | 'generation'>;
}

/** The bytes behind entries: verified, base offset set, each range asked for once however many readers want it. */
export interface Batches {
  /** In the order asked. CORRUPT_MESSAGE or KAFKA_STORAGE_ERROR, naming the object, when one cannot be had as it was written. */
  load(located: readonly Located[]): Promise<Uint8Array[]>;
  /** Takes in a batch that was just appended, so that those who follow need not ask the store. */
  offer(entry: Pick<Entry, 'id' | 'position'>, base: number, bytes: Uint8Array): void;
}

export const DEFAULT_CACHE_BYTES = 64 * 1024 * 1024;
/** Ranges this near each other are one get, bytes. */
const MAX_GAP = 64 * 1024;
const MAX_GET = 8 * 1024 * 1024;
/** What one call brings: the port's limit, and bytes, beyond which calls follow each other. */
const MAX_CHUNKS = 100;
const CHUNKS_BYTES = 1024 * 1024;

/** A batch that somebody waits for. */
interface Question {
  key: string;
  at: Located;
  /** When it is known which read brings it. */
  turn: Promise<void>;
  /** When one of the two is there. Never rejects. */
  read?: Promise<void>;
  batch?: Uint8Array;
  failure?: unknown;
}

export function createBatches(partitions: Partitions, objects: ObjectStore, cacheBytes = DEFAULT_CACHE_BYTES): Batches {
  const cache = createBatchCache(cacheBytes);
  const underway = new Map<string, Question>();
  let asked: Question[] = [];
  let turn: Promise<void> | undefined;

  async function load(located: readonly Located[]): Promise<Uint8Array[]> {
    const sought = located.map((at) => {
      const key = keyOf(at);
      return cache.get(key) ?? underway.get(key) ?? ask(key, at);
    });
    for (const one of sought) {
      if (one instanceof Uint8Array) continue;
      await one.turn;
      await one.read;
    }
    return sought.map((one) => {
      if (one instanceof Uint8Array) return one;
      if (!one.batch) throw one.failure;
      return one.batch;
    });
  }

  /** What is asked in one turn of the event loop is read together: partitions that are fetched together share segments. */
  function ask(key: string, at: Located): Question {
    turn ??= setImmediate().then(readAsked);
    const question = { key, at, turn };
    asked.push(question);
    underway.set(key, question);
    return question;
  }

  function readAsked(): void {
    const { inline = [], chunk = [], segment = [] } = Object.groupBy(asked, ({ at }) => at.entry.place);
    asked = [];
    turn = undefined;
    if (inline.length > 0) answer(inline, Promise.resolve(inline.map(({ at }) => at.entry.bytes)));
    for (const members of Map.groupBy(chunk, ({ at }) => partitionKey(at.of)).values()) {
      let before: Promise<void> | undefined;
      for (const group of slices(members)) before = answer(group, chunks(group, before));
    }
    for (const [name, members] of Map.groupBy(segment, ({ at }) => nameOf(at))) {
      const ranges = members.map(({ at }) => ({ start: at.entry.position, length: at.entry.length }));
      for (const { range, members: some } of mergeRanges(ranges, MAX_GAP, MAX_GET)) {
        const pieces = read(name, range).then((all) =>
          some.map((i) => all.subarray(ranges[i]!.start - range.start).subarray(0, ranges[i]!.length)),
        );
        answer(
          some.map((i) => members[i]!),
          pieces,
        );
      }
    }
  }

  function answer(questions: readonly Question[], pieces: Promise<readonly (Uint8Array | undefined)[]>): Promise<void> {
    const read = pieces.then(
      (all) => questions.forEach((question, i) => void settle(question, all[i])),
      (failure: unknown) => {
        for (const question of questions) settle(question, undefined, failure);
      },
    );
    for (const question of questions) question.read = read;
    return read;
  }

  function settle(question: Question, bytes: Uint8Array | undefined, failure?: unknown): void {
    const { key, at } = question;
    underway.delete(key);
    if (bytes && isSound(at.entry, bytes)) {
      // Where the bytes lie, even when they are shared: a place in a segment has one offset for ever.
      patchBaseOffset(bytes, at.base);
      question.batch = bytes;
      cache.set(key, bytes);
    } else {
      question.failure = failure ?? (bytes ? damaged(at) : notThere(at));
    }
  }

  async function chunks(questions: readonly Question[], before: Promise<void> | undefined) {
    await before;
    const ids = questions.map(({ at }) => at.entry.id);
    return partitions.chunks(questions[0]!.at.of, ids);
  }

  async function read(name: string, range: { start: number; length: number }): Promise<Uint8Array> {
    try {
      return await objects.get(name, range);
    } catch (error) {
      throw await explained(name, range, error);
    }
  }

  async function explained(
    name: string,
    range: { start: number; length: number },
    cause: unknown,
  ): Promise<VarveError> {
    if (cause instanceof ObjectError && cause.code === 'OBJECT_MISSING') {
      return new VarveError('KAFKA_STORAGE_ERROR', `segment ${name} is missing`, { cause });
    }
    const size = (await objects.stat(name).catch(() => undefined))?.size;
    return size !== undefined && size < range.start + range.length
      ? new VarveError('CORRUPT_MESSAGE', `segment ${name} is cut short at ${size}; restore it from a copy`, { cause })
      : new VarveError('KAFKA_STORAGE_ERROR', `segment ${name} could not be read at ${range.start}+${range.length}`, {
          cause,
        });
  }

  return {
    load,
    offer(entry, base, bytes) {
      patchBaseOffset(bytes, base);
      cache.set(keyOf({ entry, base }), bytes);
    },
  };
}

/**
 * The id of a chunk or an inline entry is unique, a position within a segment too. With the base: should a store ever have given one place two
 * offsets, each reader gets on all the same, and sees what there is.
 */
function keyOf({ entry, base }: Pick<Located, 'base'> & { entry: Pick<Entry, 'id' | 'position'> }): string {
  return `${entry.id}@${entry.position}:${base}`;
}

function nameOf({ of, entry, run }: Located): string {
  return run.level === 1 ? compactedName(of, run.generation!, entry.id) : segmentName(entry.id);
}

function describe(at: Located): string {
  return at.entry.place === 'segment' ? `segment ${nameOf(at)}` : `the ${at.entry.place} of entry ${at.entry.id}`;
}

/** As many chunks as one call brings, again and again. */
function* slices(questions: readonly Question[]): Generator<Question[]> {
  let slice: Question[] = [];
  let bytes = 0;
  for (const question of questions) {
    const { length } = question.at.entry;
    if (slice.length === MAX_CHUNKS || (slice.length > 0 && bytes + length > CHUNKS_BYTES)) {
      yield slice;
      slice = [];
      bytes = 0;
    }
    slice.push(question);
    bytes += length;
  }
  if (slice.length > 0) yield slice;
}

/** Never wrong data: what lies outside the CRC is compared with the entry, the rest with the CRC. */
function isSound(entry: Entry, bytes: Uint8Array): boolean {
  return bytes.length === entry.length && isBatch(bytes, entry.crc);
}

function damaged(at: Located): VarveError {
  const { position, length } = at.entry;
  return new VarveError(
    'CORRUPT_MESSAGE',
    `${describe(at)} is damaged at ${position}+${length}; restore it from a copy`,
  );
}

function notThere(at: Located): VarveError {
  return new VarveError('KAFKA_STORAGE_ERROR', `${describe(at)} is not there; read again`);
}
