import type { ReadRecord } from 'varve/client';
import type { Average } from '../streams/average.ts';
import type { EnrichedOrder } from '../streams/join.ts';

/** Milliseconds that the page looks back. */
export const SPAN = 5 * 60_000;
const MINUTE = 60_000;
const SECOND = 1_000;
const LATEST = 8;

/** An order as the page lists it. */
export interface ListedOrder extends EnrichedOrder {
  shopKey: string;
  timestamp: number;
  large: boolean;
}

/** Of one shop, by the second (milliseconds since the epoch): the last average of each. */
type Averages = Map<number, Average>;

/** What the page knows of the last minutes. Times are the records' own. */
export interface Model {
  averaged(records: readonly ReadRecord[]): void;
  enriched(records: readonly ReadRecord[]): void;
  large(records: readonly ReadRecord[]): void;
  /** Forgets what is older than the span. */
  forget(now: number): void;

  /** Their keys, in order. */
  shops(): string[];
  /** A shop's name and place, once an order has told it. */
  nameOf(shop: string): string;
  /** Seconds since the epoch, and the value of each shop at each: null where it had no order then. */
  series(of: keyof Average, shops: readonly string[]): [seconds: number[], ...values: (number | null)[][]];
  /** Of all shops, over the last minute; `cents` is undefined when there was no order. */
  total(now: number): { orders: number; cents: number | undefined };
  largeOrders(): number;
  /** The newest first. */
  latest(): ListedOrder[];
}

export function createModel(): Model {
  const averages = new Map<string, Averages>();
  const names = new Map<string, string>();
  const large = new Map<string, number>();
  let latest: Omit<ListedOrder, 'large'>[] = [];

  return {
    averaged(records) {
      for (const { key, value, timestamp } of records) {
        const shop = key ?? '';
        const known = averages.get(shop) ?? new Map();
        averages.set(shop, known.set(timestamp - (timestamp % SECOND), value as Average));
      }
    },
    enriched(records) {
      const listed = records.map(({ key, value, timestamp }) => ({
        ...(value as EnrichedOrder),
        shopKey: key ?? '',
        timestamp,
      }));
      for (const { shopKey, shop } of listed) if (shop) names.set(shopKey, `${shop.name}, ${shop.city}`);
      latest = [...latest, ...listed].sort((a, b) => b.timestamp - a.timestamp).slice(0, LATEST);
    },
    large(records) {
      for (const { value, timestamp } of records) large.set((value as EnrichedOrder).id, timestamp);
    },
    forget(now) {
      for (const [id, timestamp] of large) if (timestamp < now - SPAN) large.delete(id);
      for (const [shop, known] of averages) {
        for (const time of known.keys()) if (time < now - SPAN) known.delete(time);
        if (known.size === 0) averages.delete(shop);
      }
    },

    shops: () => [...averages.keys()].sort(),
    nameOf: (shop) => names.get(shop) ?? shop,
    series(of, shops) {
      const all = shops.map((shop) => averages.get(shop) ?? new Map<number, Average>());
      const times = [...new Set(all.flatMap((known) => [...known.keys()]))].sort((a, b) => a - b);
      const values = all.map((known) => times.map((time) => known.get(time)?.[of] ?? null));
      return [times.map((time) => time / 1000), ...values];
    },
    total(now) {
      const last = [...averages.values()].map((known) => {
        const time = Math.max(...known.keys());
        return time > now - MINUTE ? known.get(time) : undefined;
      });
      const orders = last.reduce((sum, one) => sum + (one?.orders ?? 0), 0);
      const cents = last.reduce((sum, one) => sum + (one ? one.orders * one.cents : 0), 0);
      return { orders, cents: orders === 0 ? undefined : cents / orders };
    },
    largeOrders: () => large.size,
    latest: () => latest.map((order) => ({ ...order, large: large.has(order.id) })),
  };
}
