import { handlerOf, type Processor } from './processor.ts';
import type { Order } from './shop.ts';

const WINDOW = 60_000;
/** The window moves on by so much: a shop's state is thirty of these, however many orders it has. */
const STEP = 2_000;

interface Bucket {
  /** Event time in milliseconds, a multiple of STEP. */
  start: number;
  orders: number;
  cents: number;
}

/** What is appended for each order. */
export interface Average {
  /** Orders of the shop within the last minute. */
  orders: number;
  /** What they came to on the average. */
  cents: number;
}

/** Windowed rolling average: of each shop's orders within the last minute, by the time that they carry. */
export const average: Processor<{ orders: Order }, Bucket[]> = {
  name: 'average',
  topics: ['orders'],
  output: 'order-averages',
  step({ value: order, timestamp }, buckets = []) {
    if (order === null) return {};
    const start = timestamp - (timestamp % STEP);
    const newest = Math.max(start, ...buckets.map((bucket) => bucket.start));
    // Too late: its minute is over.
    if (start <= newest - WINDOW) return {};
    const same = buckets.find((bucket) => bucket.start === start) ?? { start, orders: 0, cents: 0 };
    const state = [
      ...buckets.filter((bucket) => bucket !== same && bucket.start > newest - WINDOW),
      { start, orders: same.orders + 1, cents: same.cents + order.cents },
    ];
    const sum = (of: 'orders' | 'cents') => state.reduce((all, bucket) => all + bucket[of], 0);
    const output: Average = { orders: sum('orders'), cents: Math.round(sum('cents') / sum('orders')) };
    return { state, output };
  },
};

export const handler = handlerOf(average);
