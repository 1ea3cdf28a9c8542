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
export function failureDestination(
  scope: Construct,
  onFailure: lambda.IEventSourceDlq,
  deliver: lambda.IFunction,
): string {
  const { queue, topic, bucket } = onFailure as unknown as Held;
  const destination = queue ?? topic ?? bucket;
  if (!destination) throw new Error('onFailure: give an SqsDlq, an SnsDlq or an S3OnFailureDestination.');
  const elsewhere = Resource.isOwnedResource(destination) && Stack.of(destination) !== Stack.of(deliver);
  const role = elsewhere ? roleByArn(scope, deliver) : deliver;
  const grant = queue?.grantSendMessages(role) ?? topic?.grantPublish(role) ?? grantPut(bucket!, role);
  if (!grant.success) {
    throw new Error(
      'onFailure: neither it nor the log is of this app, so nobody can be given the right here. Pass one that the app makes.',
    );
  }
  return queue?.queueArn ?? topic?.topicArn ?? bucket!.bucketArn;
}

function grantPut(bucket: s3.IBucket, grantee: iam.IGrantable): iam.Grant {
  bucket.encryptionKey?.grant(grantee, 'kms:GenerateDataKey');
  return iam.Grant.addToPrincipalOrResource({
    grantee,
    actions: ['s3:PutObject'],
    resourceArns: [bucket.arnForObjects(OBJECTS)],
    resource: bucket,
  });
}

/** The same role, whose rights are given on what they are for. */
function roleByArn(scope: Construct, deliver: lambda.IFunction): iam.IRole {
  const options = { mutable: false, addGrantsToResources: true };
  // A name that no topic has: theirs are beside it.
  return iam.Role.fromRoleArn(scope, 'What delivers', deliver.role!.roleArn, options);
}
