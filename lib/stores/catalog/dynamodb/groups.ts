import { LRUCache } from 'lru-cache';
import type { CommittedOffset, Groups, ListedGroup } from '../groups.ts';
import { partitionKey, type TopicIdPartition } from '../partitions.ts';
import { batchGet, type Engine, forEach, insist, obtain, scan } from './engine.ts';
import { BUCKET, END, GROUPS, key, START } from './keys.ts';
import type { Item, Key, Update, Value } from './table.ts';

/**
 * Committed offsets: an item for each 64 partitions of a topic, with `g` the highest generation that claimed or committed, `t`
 * the topic's name, `o<partition>` the offset, `m<partition>` its metadata and `e<partition>` its leader epoch, the last two if they were
 * told. A group is listed before it has its first such item.
 * What a coordinator keeps is an item with `g` as fence and `s`; the listing has its protocol type as `y`.
 */

const WIDTH = 16;
const KEYS_A_READ = 100;
const LISTED = 10_000;
const FENCE = 'attribute_not_exists(g) OR g <= :g';

export function groups(engine: Engine): Groups {
  const { table } = engine;
  /** Of groups that are listed: the protocol type that they are listed with, or ''. */
  const listed = new LRUCache<string, string>({ max: LISTED });

  async function list(group: string): Promise<void> {
    await insist(engine, () => table.put({ item: { ...key.group(group) }, condition: 'attribute_not_exists(pk)' }));
    listed.set(group, '');
  }

  async function listAs(group: string, protocolType: string): Promise<void> {
    await insist(engine, () => table.put({ item: { ...key.group(group), y: protocolType } }));
    listed.set(group, protocolType);
  }

  /** Runs the updates, each under the fence and its own condition, and each may be repeated. The buckets as they were before. */
  async function fenced(group: string, generation: number, updates: readonly Update[]): Promise<Item[] | 'fenced'> {
    if (!listed.has(group)) await list(group);
    const before: Item[] = [];
    let refused = false;
    await forEach(updates, WIDTH, async (update) => {
      const condition = update.condition ? `(${FENCE}) AND ${update.condition}` : FENCE;
      const values = { ...update.values, ':g': generation };
      const request: Update = { ...update, condition, values, returns: 'old' };
      const answer = await insist(engine, () => table.update(request));
      if (answer.status === 'refused') refused ||= !(Number(answer.item?.g) <= generation);
      else if (answer.value) before.push(answer.value);
      // The group was deleted since this process listed it.
      else if (!answer.again) await list(group);
    });
    return refused ? 'fenced' : before;
  }

  return {
    async claim(group, generation, partitions) {
      const updates = [...buckets(group, partitions).values()].map(
        ({ key }): Update => ({ key, update: 'SET g = :g' }),
      );
      const before = await fenced(group, generation, updates);
      return before === 'fenced' ? 'fenced' : only(partitions, before.flatMap(decode));
    },

    async commit(group, generation, offsets, { forward = false } = {}) {
      const apart = forward ? offsets.map((offset) => [offset]) : [offsets];
      const all = apart.flatMap((some) => [...buckets(group, some).values()]);
      const updates = all.map(({ key, members }): Update => {
        const values: Record<string, Value> = { ':t': members[0]!.topic };
        const set = ['g = :g', 't = :t'];
        const remove: string[] = [];
        // An expression may name an attribute once: of a partition that is given twice the last offset counts.
        const bySlot = new Map(members.map((member) => [member.partition % BUCKET, member]));
        for (const [slot, { offset, metadata, leaderEpoch }] of bySlot) {
          const told = { [`o${slot}`]: offset, [`m${slot}`]: metadata, [`e${slot}`]: leaderEpoch };
          for (const [name, value] of Object.entries(told)) {
            if (value === undefined) remove.push(name);
            else {
              set.push(`${name} = :${name}`);
              values[`:${name}`] = value;
            }
          }
        }
        const removal = remove.length > 0 ? ` REMOVE ${remove.join(', ')}` : '';
        const ahead = [...bySlot.keys()].map((slot) => `(attribute_not_exists(o${slot}) OR o${slot} <= :o${slot})`);
        return {
          key,
          update: `SET ${set.join(', ')}${removal}`,
          values,
          ...(forward && { condition: ahead.join(' AND ') }),
        };
      });
      return (await fenced(group, generation, updates)) === 'fenced' ? 'fenced' : 'committed';
    },

    async advance(group, at, from, to) {
      if (!listed.has(group)) await list(group);
      const n = at.partition % BUCKET;
      const slot = `o${n}`;
      const request: Update = {
        key: key.offsets(group, at.topicId, at.partition),
        update: `SET g = if_not_exists(g, :zero), t = :t, ${slot} = :to REMOVE m${n}, e${n}`,
        condition: from === undefined ? `attribute_not_exists(${slot})` : `${slot} = :from`,
        values: { ':zero': 0, ':t': at.topic, ':to': to, ...(from !== undefined && { ':from': from }) },
      };
      const answer = await insist(engine, () => table.update(request));
      if (answer.status === 'ok') return 'committed';
      // Where an earlier try stayed unanswered, what was asked for may be its doing.
      const done = answer.again && answer.item?.[slot] !== undefined && Number(answer.item[slot]) === to;
      return done ? 'committed' : 'moved';
    },

    async forget(group, generation, partitions) {
      const updates = [...buckets(group, partitions).values()].map(({ key, members }): Update => {
        const slots = [...new Set(members.map(({ partition }) => partition % BUCKET))];
        const attributes = slots.flatMap((slot) => [`o${slot}`, `m${slot}`, `e${slot}`]);
        return { key, update: `SET g = :g REMOVE ${attributes.join(', ')}` };
      });
      return (await fenced(group, generation, updates)) === 'fenced' ? 'fenced' : 'forgotten';
    },

    async offsets(group, partitions) {
      if (!partitions) {
        const found: CommittedOffset[] = [];
        for await (const item of scan(engine, everyBucket(group))) found.push(...decode(item));
        return found;
      }
      const keys = [...buckets(group, partitions).values()].map((bucket) => bucket.key);
      const items: Item[] = [];
      for (let i = 0; i < keys.length; i += KEYS_A_READ) {
        items.push(...(await batchGet(engine, keys.slice(i, i + KEYS_A_READ), true)));
      }
      return only(partitions, items.flatMap(decode));
    },

    async keep(group, generation, state, protocolType) {
      if (listed.get(group) !== protocolType) await listAs(group, protocolType);
      const item = { ...key.groupState(group), g: generation, s: state };
      const request = { item, condition: FENCE, values: { ':g': generation } };
      const answer = await insist(engine, () => table.put(request));
      return answer.status === 'refused' ? 'fenced' : 'kept';
    },

    async kept(group, generation) {
      const fence = { update: 'SET g = :g', condition: FENCE, values: { ':g': generation } };
      const answer = await insist(engine, () => table.update({ key: key.groupState(group), ...fence }));
      return answer.status === 'refused' ? 'fenced' : (answer.value?.s as Uint8Array | undefined);
    },

    async list({ after, limit = 1_000 } = {}) {
      const found: ListedGroup[] = [];
      const from = after === undefined ? START : `${key.group(after).sk}${START}`;
      const query = { pk: GROUPS, from, to: END, limit, consistent: true };
      for await (const item of scan(engine, query)) found.push(toListed(item));
      return found;
    },

    async find(group) {
      const item = await obtain(engine, () => table.get(key.group(group), { consistent: true }));
      return item && toListed(item);
    },

    async delete(group) {
      listed.delete(group);
      // Asked before: of a deletion that is repeated nobody can say whether there was something to delete.
      const known = await obtain(engine, () => table.get(key.group(group), { consistent: true }));
      const keys: Key[] = [];
      // Members sort before offsets.
      for await (const { pk, sk } of scan(engine, { ...everyBucket(group), from: key.member(group, '').sk }))
        keys.push({ pk: pk as string, sk: sk as string });
      if (!known && keys.length === 0) return false;
      keys.push(key.groupState(group));
      await forEach(keys, WIDTH, (key) => insist(engine, () => table.delete({ key })));
      // Last, so that a deletion which is cut short can be found and asked for again.
      await insist(engine, () => table.delete({ key: key.group(group) }));
      return true;
    },
  };
}

function toListed({ sk, y }: Item): ListedGroup {
  return { id: sk === START ? '' : (sk as string), ...(y !== undefined && { protocolType: y as string }) };
}

function everyBucket(group: string) {
  const { pk } = key.offsets(group, '', 0);
  return { pk, from: 'offsets#', to: `offsets#${END}`, consistent: true };
}

/** Partitions, or offsets, by the item that they are kept in. */
function buckets<T extends TopicIdPartition>(
  group: string,
  members: readonly T[],
): Map<string, { key: Key; members: T[] }> {
  const byKey = new Map<string, { key: Key; members: T[] }>();
  for (const member of members) {
    const at = key.offsets(group, member.topicId, member.partition);
    const bucket = byKey.get(at.sk) ?? { key: at, members: [] };
    bucket.members.push(member);
    byKey.set(at.sk, bucket);
  }
  return byKey;
}

function decode(item: Item): CommittedOffset[] {
  const [, topicId, bucket] = (item.sk as string).split('#') as [string, string, string];
  const found: CommittedOffset[] = [];
  for (const [name, value] of Object.entries(item)) {
    if (!/^o\d+$/.test(name)) continue;
    const slot = Number(name.slice(1));
    const metadata = item[`m${slot}`] as string | undefined;
    const epoch = item[`e${slot}`];
    found.push({
      topic: item.t as string,
      topicId,
      partition: Number(bucket) * BUCKET + slot,
      offset: Number(value),
      ...(metadata !== undefined && { metadata }),
      ...(epoch !== undefined && { leaderEpoch: Number(epoch) }),
    });
  }
  return found;
}

/** Those asked for. A bucket holds their neighbours too. */
function only(partitions: readonly TopicIdPartition[], found: readonly CommittedOffset[]): CommittedOffset[] {
  const asked = new Set(partitions.map(partitionKey));
  return found.filter((one) => asked.has(partitionKey(one)));
}
