import type { DeliveryState, Subscription, Subscriptions } from '../subscriptions.ts';
import { type Engine, forEach, insist, obtain, scan } from './engine.ts';
import { END, key, START, SUBSCRIPTIONS } from './keys.ts';
import type { Key } from './table.ts';

const WIDTH = 16;

/** `j`: as JSON. Of a delivery `v` is the version, and `w` tells one write from another of the same version. */
export function subscriptions(engine: Engine): Subscriptions {
  const { table } = engine;

  async function list(): Promise<Subscription[]> {
    const found: Subscription[] = [];
    const query = { pk: SUBSCRIPTIONS, from: START, to: END, consistent: true };
    for await (const item of scan(engine, query)) found.push(JSON.parse(item.j as string) as Subscription);
    return found;
  }

  return {
    list,

    async put(subscription) {
      const { topic, name } = subscription;
      const item = { ...key.subscription(topic, name), j: JSON.stringify(subscription) };
      await insist(engine, () => table.put({ item }));
    },

    async delete(topic, name) {
      const all = await list();
      const known = all.some((one) => one.topic === topic && one.name === name);
      if (!known) return false;
      if (!all.some((one) => one.topic !== topic && one.name === name)) {
        const { pk } = key.delivery({ subscription: name, topicId: '', partition: 0 });
        const keys: Key[] = [];
        for await (const { sk } of scan(engine, { pk, from: START, to: END, consistent: true }))
          keys.push({ pk, sk: sk as string });
        await forEach(keys, WIDTH, (key) => insist(engine, () => table.delete({ key })));
      }
      // Last, so that a deletion which is cut short can be found and asked for again.
      await insist(engine, () => table.delete({ key: key.subscription(topic, name) }));
      return true;
    },

    async state(of) {
      const item = await obtain(engine, () => table.get(key.delivery(of), { consistent: true }));
      return item && { ...(JSON.parse(item.j as string) as DeliveryState), version: Number(item.v) };
    },

    async swap(of, version, to) {
      const write = Buffer.from(engine.random(8)).toString('base64url');
      const item = { ...key.delivery(of), v: version + 1, w: write, j: JSON.stringify(to) };
      const request =
        version === 0
          ? { item, condition: 'attribute_not_exists(pk)' }
          : { item, condition: 'v = :v', values: { ':v': version } };
      const answer = await insist(engine, () => table.put(request));
      return answer.status === 'ok' || (answer.again && answer.item?.w === write);
    },
  };
}
