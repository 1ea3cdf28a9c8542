import { randomUUID } from 'node:crypto';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { systemClock } from '../lib/clock.ts';
import { VarveError } from '../lib/errors.ts';
import { letterMessage } from '../lib/log/delivery/letter-message.ts';
import type { DeadLetter, OnFailure } from '../lib/log/delivery/ports.ts';
import type { Subscription } from '../lib/stores/catalog/subscriptions.ts';

export interface DeadLetterClients {
  sqs: SQSClient;
  sns: SNSClient;
  s3: S3Client;
}

/**
 * Tells what was given up to what the subscription names by its ARN, in the form that Lambda's Kafka event sources have: a queue and a
 * topic by where the records are; a bucket with the records themselves.
 */
export function deadLetters({
  sqs = new SQSClient({ useQueueUrlAsEndpoint: false }),
  sns = new SNSClient(),
  s3 = new S3Client(),
}: Partial<DeadLetterClients> = {}): OnFailure {
  return async (subscription, letter, event) => {
    const arn = subscription.onFailure;
    if (arn === undefined) return;
    const body = letterMessage(subscription, letter, systemClock.now());
    // A bucket's ARN has no region and no account.
    const [, , service, region, account, name] = arn.split(':');
    if (service === 'sqs') {
      // SQS goes by account and name; the address is the client's own.
      const QueueUrl = `https://sqs.${region}.amazonaws.com/${account}/${name}`;
      await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: JSON.stringify(body) }));
    } else if (service === 'sns') {
      await sns.send(new PublishCommand({ TopicArn: arn, Message: JSON.stringify(body) }));
    } else if (service === 's3') {
      const Body = JSON.stringify({ ...body, payload: JSON.stringify(event()) });
      const Key = keyOf(subscription, letter, body.timestamp);
      await s3.send(new PutObjectCommand({ Bucket: name, Key, Body, ContentType: 'application/json' }));
    } else {
      throw new VarveError('INVALID_CONFIG', `onFailure: ${arn}: it must be a queue, a topic of SNS, or a bucket.`);
    }
  };
}

/** As Lambda names what it writes for stream sources: the subscription stands for the mapping, the partition for the shard. */
function keyOf({ name }: Subscription, { topic, partition }: DeadLetter, timestamp: string): string {
  const [day = '', time = ''] = timestamp.slice(0, 19).split('T');
  const at = `${day}T${time.replaceAll(':', '.')}`;
  return `aws/lambda/${name}/${topic}-${partition}/${day.replaceAll('-', '/')}/${at}-${randomUUID()}`;
}
