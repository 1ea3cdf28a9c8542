import { type Clock, sleep } from '../../clock.ts';
import { segmentIdOf } from '../../format/segments/names.ts';
import { type Random, type TimeId, timeOf, timePrefix } from '../../ids.ts';
import type { Catalog } from '../../stores/catalog/catalog.ts';
import type { References, TopicIdPartition } from '../../stores/catalog/partitions.ts';
import { MAX_DELETE } from '../../stores/objects/names.ts';
import type { ObjectStore } from '../../stores/objects/objects.ts';
import { eachAtOnce, type Place, placesOf } from './places.ts';

/**
 * Mark and sweep of level-0 segments, and of chunks that no entry points to. In this order, whatever freezes between any two lines:
 *
 *   list    segments that are old enough
 *   topics  then: a topic that is not seen here was made after those segments, so none of them is its
 *   floor   of each partition raised above them: what points to one of them now is all that ever will
 *   ask     what each partition points to; what is left over is dead for good, however late it is deleted
 */
export interface SweepDeps {
  catalog: Catalog;
  objects: ObjectStore;
  clock: Clock;
  random: Random;
}

export interface SweepRules {
  /** Segments and chunks that are younger are left alone, milliseconds: an append that is under way need not write twice. */
  grace: number;
  /** How long the dead are kept for readers that have plans, milliseconds. */
  wait: number;
  /** Segments that are judged together, at most: about 100 bytes of memory each. */
  candidates: number;
}

export interface Swept {
  /** Segments that were looked at. */
  candidates: number;
  deleted: number;
  /** False: it was ended before it had seen all. */
  done: boolean;
}

export interface Sweeper {
  /** One pass, or as much of it as `goesOn` lets; the next one goes on there. */
  sweep(rules: SweepRules, goesOn: () => boolean, signal?: AbortSignal): Promise<Swept>;
}

const SEGMENTS = 'segments/';
const LIST = 1_000;
/** Sorts behind every segment of a prefix. */
const BEHIND = 'g';

export function createSweeper({ catalog, objects, clock, random }: SweepDeps): Sweeper {
  /** Where the next pass begins. A process knows no other's: it begins at a random prefix, so that in time all are reached. */
  let cursor = `${SEGMENTS}${Buffer.from(random(1)).toString('hex')}/`;

  /** Names of segments in (after, until] that are not younger than the cutoff. */
  async function* oldSegments(after: string, until: string, cutoff: number): AsyncGenerator<string> {
    for (let at = after; ; ) {
      const page = await objects.list(SEGMENTS, { after: at, limit: LIST });
      for (const { name } of page) {
        if (name > until) return;
        if (isOld(name, cutoff)) yield name;
      }
      const last = page.at(-1)?.name;
      if (last === undefined || page.length < LIST) return;
      // Within a prefix names sort by time: what follows in this one is younger still.
      at = isOld(last, cutoff) ? last : last.slice(0, last.lastIndexOf('/') + 1) + BEHIND;
    }
  }

  return {
    async sweep(rules, goesOn, signal) {
      const cutoff = clock.now() - rules.grace;
      const swept: Swept = { candidates: 0, deleted: 0, done: false };
      let batch = new Map<TimeId, string>();
      let isFirst = true;

      /** False when it was ended. */
      const judgeBatch = async (): Promise<boolean> => {
        // Chunks are found by their partitions, so once a pass these are looked at though no segment is old.
        if (batch.size === 0 && !(isFirst && catalog.shared)) return true;
        swept.candidates += batch.size;
        if (!(await strike(batch, cutoff, isFirst, goesOn))) return false;
        isFirst = false;
        const dead = [...batch.values()];
        if (dead.length > 0) await sleep(clock, rules.wait, signal);
        for (let i = 0; i < dead.length; i += MAX_DELETE) {
          if (!goesOn()) return false;
          const some = dead.slice(i, i + MAX_DELETE);
          await objects.delete(some);
          swept.deleted += some.length;
        }
        batch = new Map();
        return true;
      };

      const begin = cursor;
      for (const [after, until] of [
        [begin, SEGMENTS + BEHIND],
        ['', begin],
      ] as const) {
        for await (const name of oldSegments(after, until, cutoff)) {
          batch.set(segmentIdOf(name)!, name);
          if (batch.size < rules.candidates) {
            if (goesOn()) continue;
            return swept;
          }
          if (!(await judgeBatch())) return swept;
          cursor = name;
        }
      }
      swept.done = await judgeBatch();
      if (swept.done) cursor = begin;
      return swept;
    },
  };

  /** Takes from the candidates those that something points to. False when it was ended: nothing is known then. */
  async function strike(
    candidates: Map<TimeId, string>,
    cutoff: number,
    withChunks: boolean,
    goesOn: () => boolean,
  ): Promise<boolean> {
    let isWhole = true;
    await eachAtOnce(placesOf(catalog), catalog.shared, async ({ of }: Place) => {
      if (candidates.size === 0 && !withChunks) return;
      isWhole &&= goesOn();
      if (!isWhole) return;
      await catalog.partitions.raiseFloor(of, cutoff);
      let oldestChunk = timePrefix(cutoff + 1);
      for (let from: number | undefined = 0; from !== undefined; ) {
        const found: References = await catalog.partitions.references(of, from);
        for (const id of found.segments) candidates.delete(id);
        if (found.oldestChunk !== undefined && found.oldestChunk < oldestChunk) oldestChunk = found.oldestChunk;
        from = found.next;
        isWhole &&= goesOn();
        if (!isWhole) return;
      }
      if (withChunks) await dropChunks(of, oldestChunk, goesOn);
    });
    return isWhole;
  }

  /** Those older than all that the partition points to. An orphan among younger ones goes when the log start has passed them. */
  async function dropChunks(of: TopicIdPartition, before: TimeId, goesOn: () => boolean): Promise<void> {
    while ((await catalog.partitions.dropChunks(of, before)) && goesOn());
  }
}

function isOld(name: string, cutoff: number): boolean {
  const id = segmentIdOf(name);
  return id !== undefined && timeOf(id) <= cutoff;
}
