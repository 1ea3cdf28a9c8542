import { LRUCache } from 'lru-cache';
import { VarveError } from '../errors.ts';
import { patchBaseOffset, readHeader, verifyCrc } from '../format/records/batch.ts';
import { compactedName, segmentName } from '../format/segments/names.ts';
import { mergeRanges } from '../format/segments/plan.ts';
import type { Entry, Partitions, Run, TopicIdPartition } from '../stores/catalog/partitions.ts';
import { ObjectError, type ObjectStore } from '../stores/objects/objects.ts';

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
const CHUNKS_AT_ONCE = 16;

export function createBatches(partitions: Partitions, objects: ObjectStore, cacheBytes = DEFAULT_CACHE_BYTES): Batches {
  const cache = new LRUCache<string, Uint8Array>({
    maxSize: cacheBytes,
    sizeCalculation: (bytes) => bytes.length + 256,
  });
  const underway = new Map<string, Promise<Uint8Array>>();

  async function load(located: readonly Located[]): Promise<Uint8Array[]> {
    const wanted = located.map((at) => cache.get(keyOf(at)) ?? underway.get(keyOf(at)));
    const missing = located.filter((_, i) => wanted[i] === undefined);
    const asked = missing.length > 0 ? ask(missing) : new Map<Located, Promise<Uint8Array>>();
    return Promise.all(located.map((at, i) => wanted[i] ?? asked.get(at)!));
  }

  function ask(missing: readonly Located[]): Map<Located, Promise<Uint8Array>> {
    const asked = new Map<Located, Promise<Uint8Array>>();
    const answer = (at: Located, raw: Promise<Uint8Array>) => {
      const key = keyOf(at);
      const ready = raw
        .then((bytes) => {
          const batch = checked(at, bytes);
          cache.set(key, batch);
          return batch;
        })
        .finally(() => underway.delete(key));
      // Whoever asked meets the failure; a second reader may come too late to look.
      ready.catch(() => {});
      underway.set(key, ready);
      asked.set(at, ready);
    };

    const chunks = missing.filter(({ entry }) => entry.place === 'chunk');
    let turn: Promise<unknown> = Promise.resolve();
    for (let i = 0; i < chunks.length; i += CHUNKS_AT_ONCE) {
      const group = chunks.slice(i, i + CHUNKS_AT_ONCE).map((at) => {
        const raw = turn.then(() => chunk(at));
        answer(at, raw);
        return raw;
      });
      turn = Promise.allSettled(group);
    }
    for (const at of missing) if (at.entry.place === 'inline') answer(at, Promise.resolve(at.entry.bytes!));

    const inSegments = missing.filter(({ entry }) => entry.place === 'segment');
    for (const [name, members] of Map.groupBy(inSegments, nameOf)) {
      const ranges = members.map(({ entry }) => ({ start: entry.position, length: entry.length }));
      for (const merged of mergeRanges(ranges, MAX_GAP, MAX_GET)) {
        const bytes = read(name, merged.range);
        for (const i of merged.members) {
          const { position, length } = members[i]!.entry;
          const start = position - merged.range.start;
          answer(
            members[i]!,
            bytes.then((all) => all.subarray(start, start + length)),
          );
        }
      }
    }
    return asked;
  }

  async function chunk(at: Located): Promise<Uint8Array> {
    const bytes = await partitions.chunk(at.of, at.entry.id);
    if (!bytes) throw new VarveError('KAFKA_STORAGE_ERROR', `${describe(at)} is not there; read again`);
    return bytes;
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
      cache.set(keyOf({ entry }), bytes);
    },
  };
}

/** The id of a chunk or an inline entry is unique, a position within a segment too. */
function keyOf({ entry }: { entry: Pick<Entry, 'id' | 'position'> }): string {
  return `${entry.id}@${entry.position}`;
}

function nameOf({ of, entry, run }: Located): string {
  return run.level === 1 ? compactedName(of, run.generation!, entry.id) : segmentName(entry.id);
}

function describe(at: Located): string {
  return at.entry.place === 'segment' ? `segment ${nameOf(at)}` : `the ${at.entry.place} of entry ${at.entry.id}`;
}

/**
 * Never wrong data: what lies outside the CRC is compared with the entry, the rest with the CRC. Setting the base offset where
 * the bytes lie is right even when they are shared: a place in a segment has one offset for ever.
 */
function checked(at: Located, bytes: Uint8Array): Uint8Array {
  const { entry } = at;
  let sound = bytes.length === entry.length;
  if (sound) {
    try {
      const header = readHeader(bytes);
      sound = header.length === entry.length && header.crc === entry.crc && verifyCrc(bytes);
    } catch {
      sound = false;
    }
  }
  if (!sound) {
    throw new VarveError(
      'CORRUPT_MESSAGE',
      `${describe(at)} is damaged at ${entry.position}+${entry.length}; restore it from a copy`,
    );
  }
  patchBaseOffset(bytes, at.base);
  return bytes;
}
