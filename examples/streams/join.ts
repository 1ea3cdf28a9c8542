import { handlerOf, type Processor } from './processor.ts';
import type { Order, Shop } from './shop.ts';

/** What is appended for each order: the shop as it was known then. */
export interface EnrichedOrder extends Order {
  shop: Shop | null;
}

/** Stream-table join: the topic `shops` is the table, and each order gets the row of its key. */
export const join: Processor<{ orders: Order; shops: Shop }, Shop> = {
  name: 'join',
  topics: ['orders', 'shops'],
  output: 'enriched-orders',
  step(input, shop) {
    if (input.topic === 'shops') return { state: input.value };
    if (input.value === null) return {};
    const output: EnrichedOrder = { ...input.value, shop: shop ?? null };
    return { output };
  },
};

export const handler = handlerOf(join);
