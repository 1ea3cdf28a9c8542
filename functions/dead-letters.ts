import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { DeadLetter, OnFailure } from '../lib/log/delivery/ports.ts';
import type { Subscription } from '../lib/stores/catalog/subscriptions.ts';

/** Tells a queue, which the subscription names by its ARN, what was given up: in the form that Lambda's Kafka event sources have. */
export function deadLetters(sqs = new SQSClient({ useQueueUrlAsEndpoint: false })): OnFailure {
  return async (subscription, letter) => {
    await sqs.send(
      new SendMessageCommand({
        QueueUrl: urlOf(subscription.onFailure!),
        MessageBody: JSON.stringify(bodyOf(subscription, letter)),
      }),
    );
  };
}

/** https://docs.aws.amazon.com/lambda/latest/dg/kafka-on-failure.html */
export function bodyOf({ target, group, name }: Subscription, letter: DeadLetter) {
  const { condition, topic, partition, invocations, records } = letter;
  const time = (milliseconds: number) => (milliseconds < 0 ? null : new Date(milliseconds).toISOString());
  return {
    requestContext: { functionArn: target, condition, approximateInvokeCount: invocations },
    version: '1.0',
    timestamp: new Date().toISOString(),
    KafkaBatchInfo: {
      batchSize: records,
      consumerGroup: group,
      subscription: name,
      recordsInfo: {
        [`${topic}-${partition}`]: {
          topic,
          partition,
          firstRecordOffset: String(letter.firstOffset),
          lastRecordOffset: String(letter.lastOffset),
          firstRecordTimestamp: time(letter.firstTimestamp),
          lastRecordTimestamp: time(letter.lastTimestamp),
        },
      },
    },
  };
}

/** SQS goes by account and name; the address is the client's own. */
function urlOf(arn: string): string {
  const [, , , region, account, name] = arn.split(':');
  return `https://sqs.${region}.amazonaws.com/${account}/${name}`;
}
