/** Messages of the log's queue, each a partition of a subscription that has something to deliver. */
import type { DeliveryOptions } from '../lib/log/delivery/delivery.ts';
import { openAws } from '../lib/open/aws.ts';
import { deadLetters } from './dead-letters.ts';
import { deliveryQueue, messageOf } from './delivery-queue.ts';
import { kept, logOf, queueOf } from './environment.ts';
import { lambdaTarget } from './lambda-target.ts';

/** https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html. One message an event. */
interface QueueEvent {
  Records: { body: string }[];
}

const MISSING =
  'Lambda says that the function is not there, or that this role may not invoke it: deploy its stack again, or remove the subscription. Until then its records wait.';

export const handler = deliverFunction();

export function deliverFunction(env: NodeJS.ProcessEnv = process.env, options?: DeliveryOptions) {
  const at = logOf(env);
  const around = options ?? { queue: deliveryQueue(queueOf(env)), target: lambdaTarget(), onFailure: deadLetters() };
  const opened = kept(async () => (await openAws(at)).delivery(around));

  return async ({ Records }: QueueEvent, context: { getRemainingTimeInMillis(): number }): Promise<void> => {
    const delivery = await opened();
    for (const { body } of Records) {
      const message = messageOf(body);
      const { given, failure, ...report } = await delivery.run(message, () => context.getRemainingTimeInMillis());
      const isBad = failure !== undefined || report.why === 'missing';
      const level = isBad ? 'ERROR' : given.length > 0 || report.why !== undefined ? 'WARN' : 'INFO';
      const error = failure instanceof Error && { failure: `${failure.name}: ${failure.message}` };
      const advice = report.why === 'missing' && { advice: MISSING };
      const line = { level, message: 'delivery', of: message, ...report, ...error, ...advice, givenUp: given };
      process.stdout.write(`${JSON.stringify(line)}\n`);
    }
  };
}
