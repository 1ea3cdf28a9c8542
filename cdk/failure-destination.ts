import { Resource, Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import type * as sns from 'aws-cdk-lib/aws-sns';
import type * as sqs from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';

/** What SqsDlq, SnsDlq and S3OnFailureDestination hold, of which each holds one. */
interface Held {
  readonly queue?: sqs.IQueue;
  readonly topic?: sns.ITopic;
  readonly bucket?: s3.IBucket;
}

/** Where functions/dead-letters.ts puts objects. */
const OBJECTS = 'aws/lambda/*';

/**
 * Lets what delivers tell the destination, and no more; answers its ARN. (Their own `bind` would let it read a bucket, and empty it.)
 * Where the destination belongs to a stack, the right is given there: the log's stack need not know that stack.
 */
export function failureDestination(scope: Construct, onFailure: lambda.IEventSourceDlq, deliver: iam.IRole): string {
  const { queue, topic, bucket } = onFailure as unknown as Held;
  const destination = queue ?? topic ?? bucket;
  if (!destination) throw new Error('onFailure: give an SqsDlq, an SnsDlq or an S3OnFailureDestination.');
  const isOurs = Resource.isOwnedResource(destination);
  if (!isOurs && !Resource.isOwnedResource(deliver)) {
    throw new Error(
      'onFailure: neither it nor the log is of this app, so nobody can be given the right here. Pass one that the app makes.',
    );
  }
  const elsewhere = isOurs && Stack.of(destination) !== Stack.of(deliver);
  // A name that no topic has: theirs are beside it.
  const role = elsewhere ? roleByArn(scope, 'What delivers', deliver.roleArn) : deliver;
  if (bucket) grantPut(bucket, role);
  queue?.grantSendMessages(role);
  topic?.grantPublish(role);
  return queue?.queueArn ?? topic?.topicArn ?? bucket!.bucketArn;
}

function grantPut(bucket: s3.IBucket, grantee: iam.IGrantable): void {
  bucket.encryptionKey?.grant(grantee, 'kms:GenerateDataKey');
  iam.Grant.addToPrincipalOrResource({
    grantee,
    actions: ['s3:PutObject'],
    resourceArns: [bucket.arnForObjects(OBJECTS)],
    resource: bucket,
  });
}

/** A role whose rights are given on what they are for. */
export function roleByArn(scope: Construct, id: string, arn: string): iam.IRole {
  return iam.Role.fromRoleArn(scope, id, arn, { mutable: false, addGrantsToResources: true });
}
