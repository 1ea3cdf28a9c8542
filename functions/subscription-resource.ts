import { VarveError } from '../lib/errors.ts';
import type { Delivery } from '../lib/log/delivery/delivery.ts';
import type { SubscribeOptions } from '../lib/log/delivery/subscriptions.ts';
import type { EventLog } from '../lib/log/event-log.ts';
import type { CustomResourceEvent, CustomResourceOutcome } from './custom-resource.ts';

/**
 * A subscription as a resource of a stack: made, changed and removed with it. Another topic or name is another subscription, and
 * CloudFormation has the one before deleted then. What lies there to be delivered is, without waiting for more.
 */
export function subscriptionResource(
  opened: () => Promise<{ log: Pick<EventLog, 'subscriptions'>; delivery: Pick<Delivery, 'sweep'> }>,
) {
  return async (event: CustomResourceEvent): Promise<CustomResourceOutcome> => {
    const { log, delivery } = await opened();
    if (event.RequestType === 'Delete') {
      const physicalId = event.PhysicalResourceId ?? event.RequestId;
      const [topic, name] = physicalId.split('/');
      if (topic && name) await log.subscriptions.delete(topic, name);
      return { physicalId };
    }
    const { topic, name } = await log.subscriptions.put(optionsIn(event.ResourceProperties.Subscription));
    // A message that came while it was switched off is spent, and what it waited for may be there now; one too many does no harm.
    await delivery.sweep({ topic, name }, 'anew');
    return { physicalId: `${topic}/${name}` };
  };
}

/** INVALID_REQUEST for what cdk/event-log-source.ts does not write. */
function optionsIn(raw: unknown): SubscribeOptions {
  try {
    return JSON.parse(String(raw)) as SubscribeOptions;
  } catch {
    throw new VarveError('INVALID_REQUEST', 'Subscription must be a JSON object.');
  }
}
