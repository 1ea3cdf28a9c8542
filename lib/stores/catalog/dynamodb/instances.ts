import type { Instance, Instances } from '../instances.ts';
import { type Engine, insist, obtain, scan } from './engine.ts';
import { END, key } from './keys.ts';
import type { Item } from './table.ts';

/** `v` the version, `j` the state, and `w` tells one write from another of the same version. */
export function instances(engine: Engine): Instances {
  const { table } = engine;

  return {
    async get(group, name) {
      const item = await obtain(engine, () => table.get(key.member(group, name), { consistent: true }));
      return item && decode(item);
    },

    async list(group) {
      const { pk, sk } = key.member(group, '');
      const found: Instance[] = [];
      for await (const item of scan(engine, { pk, from: sk, to: sk + END, consistent: true })) found.push(decode(item));
      return found;
    },

    async swap(group, name, version, to) {
      const at = key.member(group, name);
      const same =
        version === 0 ? { condition: 'attribute_not_exists(pk)' } : { condition: 'v = :v', values: { ':v': version } };
      if (to === undefined) {
        const answer = await insist(engine, () => table.delete({ key: at, ...same }));
        return answer.status === 'ok' || (answer.again && answer.item === undefined);
      }
      const write = Buffer.from(engine.random(8)).toString('base64url');
      const item = { ...at, v: version + 1, w: write, j: to };
      const answer = await insist(engine, () => table.put({ item, ...same }));
      return answer.status === 'ok' || (answer.again && answer.item?.w === write);
    },
  };
}

function decode(item: Item): Instance {
  return { name: (item.sk as string).slice('member#'.length), version: Number(item.v), state: item.j as string };
}
