import type { Subscription } from '../../stores/catalog/subscriptions.ts';
import type { DeadLetter } from './ports.ts';

/**
 * What `onFailure` is told, in the form of Lambda's Kafka event sources: https://docs.aws.amazon.com/lambda/latest/dg/kafka-on-failure.html
 * `now`: milliseconds since the epoch.
 */
export function letterMessage({ target, group, name }: Subscription, letter: DeadLetter, now: number) {
  const { condition, topic, partition, invocations, records } = letter;
  const time = (milliseconds: number) => (milliseconds < 0 ? null : new Date(milliseconds).toISOString());
  return {
    requestContext: { functionArn: target, condition, approximateInvokeCount: invocations },
    version: '1.0',
    timestamp: new Date(now).toISOString(),
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
          offsets: letter.offsets,
          firstRecordTimestamp: time(letter.firstTimestamp),
          lastRecordTimestamp: time(letter.lastTimestamp),
        },
      },
    },
  };
}
