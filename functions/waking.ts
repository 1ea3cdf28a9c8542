import { openAws } from '../lib/open/aws.ts';
import { deliveryQueue } from './delivery-queue.ts';
import { logOf, queueOf } from './environment.ts';

/** The log, and its delivery as far as that wakes: who opens it invokes nothing. */
export async function openWaking(env: NodeJS.ProcessEnv, queue = deliveryQueue(queueOf(env))) {
  const log = await openAws(logOf(env));
  const delivery = await log.delivery({
    queue,
    target: async () => ({ status: 'unavailable' }),
    onFailure: async () => {},
  });
  return { log, delivery };
}
