import { segmentIdOf } from '../../../lib/format/segments/names.ts';
import { FOOTER_LENGTH, readFooter, readIndex } from '../../../lib/format/segments/segment.ts';
import { timeOf } from '../../../lib/ids.ts';
import type { TopicIdPartition } from '../../../lib/stores/catalog/partitions.ts';
import type { ObjectInfo } from '../../../lib/stores/objects/objects.ts';
import type { Stores } from './stores.ts';

export interface SweepRules {
  /** A younger segment is left alone, milliseconds. */
  minAge: number;
  /** Between a segment's end and its deletion, for readers with plans, milliseconds. */
  grace: number;
  /** The steps of DESIGN section 5; a planted bug leaves one out. */
  raisesFloor: boolean;
  asksFirst: boolean;
}

/** Segments that nothing points to and nothing ever will, and since when that is known. */
export type Condemned = Map<string, number>;

/** Goes once over the level-0 segments: raises the floor, asks who points to them, and deletes in a later round. */
export async function sweep(stores: Stores, rules: SweepRules, condemned: Condemned): Promise<void> {
  const { objects, clock } = stores;
  for (let after = ''; ; ) {
    const page = await objects.list('segments/', { after, limit: 100 });
    if (page.length === 0) return;
    after = page.at(-1)!.name;
    const dead: string[] = [];
    for (const object of page) {
      const { name } = object;
      const since = condemned.get(name);
      if (since !== undefined) {
        if (clock.monotonic() - since >= rules.grace) dead.push(name);
      } else if (clock.now() - timeOf(segmentIdOf(name)!) >= rules.minAge && (await isDead(stores, rules, object))) {
        condemned.set(name, clock.monotonic());
      }
    }
    if (dead.length > 0) await objects.delete(dead);
    for (const name of dead) condemned.delete(name);
  }
}

async function isDead(stores: Stores, rules: SweepRules, object: ObjectInfo): Promise<boolean> {
  const { partitions } = stores.catalog;
  const id = segmentIdOf(object.name)!;
  const named = await partitionsIn(stores, object);
  const ask = async () => {
    for (const of of named) if (await partitions.refers(of, id)) return true;
    return false;
  };
  const raise = async () => {
    for (const of of named) await partitions.raiseFloor(of, timeOf(id));
  };
  if (rules.asksFirst && (await ask())) return false;
  if (rules.raisesFloor) await raise();
  return rules.asksFirst || !(await ask());
}

async function partitionsIn({ objects }: Stores, { name, size }: ObjectInfo): Promise<TopicIdPartition[]> {
  const footer = readFooter(await objects.get(name, { start: size - FOOTER_LENGTH, length: FOOTER_LENGTH }), size);
  const index = await objects.get(name, { start: footer.indexPosition, length: footer.indexLength });
  return readIndex(index, footer).runs.map(({ topicId, partition }) => ({ topicId, partition }));
}
