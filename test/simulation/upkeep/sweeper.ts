import { sleep } from '../../../lib/clock.ts';
import { segmentIdOf } from '../../../lib/format/segments/names.ts';
import { FOOTER_LENGTH, readFooter, readIndex } from '../../../lib/format/segments/segment.ts';
import { timeOf } from '../../../lib/ids.ts';
import type { References, TopicIdPartition } from '../../../lib/stores/catalog/partitions.ts';
import type { ObjectInfo } from '../../../lib/stores/objects/objects.ts';
import type { Stores } from './stores.ts';

export interface SweepRules {
  /** A younger segment is left alone, milliseconds. */
  minAge: number;
  /** Between a segment's end and its deletion, milliseconds. */
  wait: number;
  /** The steps of DESIGN section 5; a planted bug leaves one out. */
  raisesFloor: boolean;
  asksFirst: boolean;
}

/** What a sweeper remembers. */
export interface Sweeping {
  /** Segments that nothing points to and nothing ever will, and since when that is known. */
  condemned: Map<string, number>;
  /** The partitions that a segment's footer names. */
  named: Map<string, TopicIdPartition[]>;
}

/** A sweeper that asks first dawdles before it raises the floor, as one that freezes in between would. */
const DAWDLE_MS = 2_000;

/** Goes once over the level-0 segments: raises the floor, asks who points to them, and deletes in a later round. */
export async function sweep(stores: Stores, rules: SweepRules, sweeping: Sweeping): Promise<void> {
  const { objects, clock } = stores;
  const { condemned, named } = sweeping;
  for (let after = ''; ; ) {
    const page = await objects.list('segments/', { after, limit: 20 });
    if (page.length === 0) return;
    after = page.at(-1)!.name;
    const dead: string[] = [];
    const judge = async (object: ObjectInfo) => {
      const { name } = object;
      const since = condemned.get(name);
      if (since !== undefined) {
        if (clock.monotonic() - since >= rules.wait) dead.push(name);
      } else if (clock.now() - timeOf(segmentIdOf(name)!) >= rules.minAge) {
        if (await isDead(stores, rules, object, named)) condemned.set(name, clock.monotonic());
      }
    };
    await Promise.all(page.map(judge));
    if (dead.length > 0) await objects.delete(dead);
    for (const name of dead) {
      condemned.delete(name);
      named.delete(name);
    }
  }
}

async function isDead(
  stores: Stores,
  rules: SweepRules,
  object: ObjectInfo,
  known: Sweeping['named'],
): Promise<boolean> {
  const { partitions } = stores.catalog;
  const id = segmentIdOf(object.name)!;
  const named = known.get(object.name) ?? (await partitionsIn(stores, object));
  known.set(object.name, named);
  const ask = async () => {
    for (const of of named) {
      for (let from: number | undefined = 0; from !== undefined; ) {
        const step: References = await partitions.references(of, from);
        if (step.segments.includes(id)) return true;
        from = step.next;
      }
    }
    return false;
  };
  const raise = async () => {
    for (const of of named) await partitions.raiseFloor(of, timeOf(id));
  };
  if (rules.asksFirst) {
    if (await ask()) return false;
    await sleep(stores.clock, DAWDLE_MS);
  }
  if (rules.raisesFloor) await raise();
  return rules.asksFirst || !(await ask());
}

async function partitionsIn({ objects }: Stores, { name, size }: ObjectInfo): Promise<TopicIdPartition[]> {
  const footer = readFooter(await objects.get(name, { start: size - FOOTER_LENGTH, length: FOOTER_LENGTH }), size);
  const index = await objects.get(name, { start: footer.indexPosition, length: footer.indexLength });
  return readIndex(index, footer).runs.map(({ topicId, partition }) => ({ topicId, partition }));
}
