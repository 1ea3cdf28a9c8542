import { MEMBERS, type Membership, type MembershipChange, type Memberships } from '../memberships.ts';
import { type Engine, insist, obtain } from './engine.ts';
import { key } from './keys.ts';
import { taking } from './leases.ts';
import type { Item, StoredValue, Update, Value } from './table.ts';

/** The item of a lease, when members hold it: beside its own attributes `d`, the plan, and `mx`, the expiry of each member. */
export function memberships(engine: Engine): Memberships {
  const { table } = engine;

  /** A change whose answer was lost is found by its plan: another one of the same words would do the same. */
  async function attempt(request: Update, change: MembershipChange): Promise<Membership | undefined> {
    const answer = await insist(engine, () => table.update(request));
    if (answer.status === 'ok') return decode(answer.value);
    const now = answer.again ? decode(answer.item) : undefined;
    return now?.plan === change.plan ? now : undefined;
  }

  return {
    async get(lease) {
      return decode(await obtain(engine, () => table.get(key.lease(lease), { consistent: true })));
    },

    begin(lease, change, now) {
      const { plan, present, until } = change;
      const { update, values, ...rest } = taking(lease, MEMBERS, now, until);
      return attempt(
        { ...rest, update: `${update}, d = :d, mx = :mx`, values: { ...values, ':d': plan, ':mx': present } },
        change,
      );
    },

    change(lease, generation, change) {
      const { plan, present, gone = [], until } = change;
      const names: Record<string, string> = { '#o': 'o' };
      const values: Record<string, Value> = { ':me': MEMBERS, ':ep': generation, ':next': generation + 1 };
      const set = ['ep = :next', 'ex = :ex', 'd = :d'];
      for (const [i, [member, expires]] of Object.entries(present).entries()) {
        names[`#p${i}`] = member;
        values[`:p${i}`] = expires;
        set.push(`mx.#p${i} = :p${i}`);
      }
      for (const [i, member] of gone.entries()) names[`#g${i}`] = member;
      const remove = gone.length > 0 ? ` REMOVE ${gone.map((_, i) => `mx.#g${i}`).join(', ')}` : '';
      return attempt(
        {
          key: key.lease(lease),
          update: `SET ${set.join(', ')}${remove}`,
          condition: '#o = :me AND ep = :ep',
          names,
          values: { ...values, ':ex': until, ':d': plan },
        },
        change,
      );
    },

    async renew(lease, member, expires, until) {
      const answer = await insist(engine, () =>
        table.update({
          key: key.lease(lease),
          update: 'SET mx.#m = :mx, ex = :ex',
          condition: '#o = :me AND attribute_exists(mx.#m)',
          names: { '#o': 'o', '#m': member },
          values: { ':me': MEMBERS, ':mx': expires, ':ex': until },
        }),
      );
      return answer.status === 'ok' ? decode(answer.value) : undefined;
    },
  };
}

function decode(item: Item | undefined): Membership | undefined {
  if (item?.o !== MEMBERS) return undefined;
  const expires = Object.entries(item.mx as Record<string, StoredValue>).map(([member, at]) => [member, Number(at)]);
  return { generation: Number(item.ep), plan: item.d as string, expires: Object.fromEntries(expires) };
}
