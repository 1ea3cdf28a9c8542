import type { Lease, Leases } from '../leases.ts';
import { type Engine, insist, obtain } from './engine.ts';
import { key } from './keys.ts';
import type { Item } from './table.ts';

const names = { '#o': 'o' };

/** Takes a lease that is free, released or expired at `now`. */
export function taking(name: string, owner: string, now: number, expires: number) {
  return {
    key: key.lease(name),
    update: 'SET #o = :me, ep = if_not_exists(ep, :zero) + :one, ex = :ex',
    condition: 'attribute_not_exists(pk) OR attribute_not_exists(#o) OR ex < :now',
    names,
    values: { ':me': owner, ':zero': 0, ':one': 1, ':ex': expires, ':now': now },
  };
}

/** `o` owner (absent: free), `ep` epoch, `ex` expiry. A lease that was released keeps its epoch and its expiry. */
export function leases(engine: Engine): Leases {
  const { table } = engine;
  const held = '#o = :me AND ep = :ep';

  const read = (name: string) => obtain(engine, () => table.get(key.lease(name), { consistent: true }));

  return {
    async acquire(name, owner, now, expires) {
      const answer = await insist(engine, () => table.update(taking(name, owner, now, expires)));
      if (answer.status === 'ok') return decode(name, answer.value);
      const lease = decode(name, answer.item);
      return answer.again && lease?.owner === owner && lease.expires === expires ? lease : undefined;
    },

    async renew({ name, owner, epoch }, expires) {
      const answer = await insist(engine, () =>
        table.update({
          key: key.lease(name),
          update: 'SET ex = :ex',
          // A renewal that comes late must not take back what a later one gave.
          condition: `${held} AND ex < :ex`,
          names,
          values: { ':me': owner, ':ep': epoch, ':ex': expires },
        }),
      );
      const lease = decode(name, answer.status === 'ok' ? answer.value : answer.item);
      return lease?.owner === owner && lease.epoch === epoch ? lease : undefined;
    },

    async release({ name, owner, epoch, expires }) {
      await insist(engine, () =>
        table.update({
          key: key.lease(name),
          update: 'SET ex = :ex REMOVE #o',
          condition: held,
          names,
          values: { ':me': owner, ':ep': epoch, ':ex': expires },
        }),
      );
    },

    async get(name) {
      return decode(name, await read(name));
    },

    async last(name) {
      const item = await read(name);
      // Earlier versions forgot the expiry with the release.
      return item?.ex === undefined ? undefined : { name, epoch: Number(item.ep), expires: Number(item.ex) };
    },
  };
}

function decode(name: string, item: Item | undefined): Lease | undefined {
  if (item?.o === undefined) return undefined;
  return { name, owner: item.o as string, epoch: Number(item.ep), expires: Number(item.ex) };
}
