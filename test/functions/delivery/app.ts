/** A stack of one log, two topics, and a function that gets what is appended to one of them. */
import { App, CfnOutput, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import { SqsDlq } from 'aws-cdk-lib/aws-lambda-event-sources';
import * as sqs from 'aws-cdk-lib/aws-sqs';
import { EventLog } from '../../../cdk/event-log.ts';
import { EventLogSource } from '../../../cdk/event-log-source.ts';

const stack = new Stack(new App(), process.env.VARVE_STACK!);
const log = new EventLog(stack, 'Log', { auth: 'none', removalPolicy: RemovalPolicy.DESTROY });
const orders = log.addTopic('orders', { partitions: 4 });
log.addTopic('seen', { partitions: 4 });
const fn = new lambda.Function(stack, 'Bill', {
  runtime: lambda.Runtime.NODEJS_24_X,
  handler: 'index.handler',
  code: lambda.Code.fromAsset(new URL('handler', import.meta.url).pathname),
  timeout: Duration.seconds(10),
  environment: { API_ID: log.api.apiId },
});
const dead = new sqs.Queue(stack, 'Dead');
fn.addEventSource(
  new EventLogSource(log, {
    topics: [orders],
    group: 'billing',
    startingPosition: lambda.StartingPosition.TRIM_HORIZON,
    batchSize: 50,
    retryAttempts: 1,
    bisectBatchOnError: true,
    onFailure: new SqsDlq(dead),
  }),
);
const outputs = {
  ApiUrl: log.api.url,
  BucketName: log.bucket.bucketName,
  TableName: log.table.tableName,
  DeadLetters: dead.queueUrl,
};
for (const [name, value] of Object.entries(outputs)) new CfnOutput(stack, name, { value });
