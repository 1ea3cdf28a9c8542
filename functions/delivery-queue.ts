import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { DeliveryMessage, Queue } from '../lib/log/delivery/ports.ts';

/** SQS delays a message by 15 minutes at most. */
const MAX_DELAY_SECONDS = 900;

/** The log's queue of deliveries, by its URL. */
export function deliveryQueue(url: string, sqs = new SQSClient()): Queue {
  return async (message, delay) => {
    await sqs.send(
      new SendMessageCommand({
        QueueUrl: url,
        MessageBody: JSON.stringify(message),
        DelaySeconds: Math.min(MAX_DELAY_SECONDS, Math.ceil(delay / 1_000)),
      }),
    );
  };
}

/** Throws for what is no message of `deliveryQueue`. */
export function messageOf(body: string): DeliveryMessage {
  const { topic, subscription, topicId, partition } = JSON.parse(body) as Partial<DeliveryMessage>;
  if (typeof topic === 'string' && typeof subscription === 'string' && typeof topicId === 'string') {
    if (typeof partition === 'number') return { topic, subscription, topicId, partition };
  }
  throw new TypeError('not a message of a delivery');
}
