import { handlerOf, type Processor } from './processor.ts';
import type { Order } from './shop.ts';

const LARGE = 100_00;

/** Filter: orders of 100 and more. */
export const filter: Processor<{ orders: Order }> = {
  name: 'filter',
  topics: ['orders'],
  output: 'large-orders',
  step: ({ value: order }) => (order !== null && order.cents >= LARGE ? { output: order } : {}),
};

export const handler = handlerOf(filter);
