/**
 * A stack of one log, and functions that get what is appended to its topics, each topic with settings and a group of its own, which has
 * the topic's name. They note what they see in a topic `seen`, which is not the stack's. VARVE_PHASE: 1 as it is made, 2 and 3 as it is changed.
 */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { App, CfnOutput, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import { S3OnFailureDestination, SqsDlq } from 'aws-cdk-lib/aws-lambda-event-sources';
import * as s3 from 'aws-cdk-lib/aws-s3';
import * as sqs from 'aws-cdk-lib/aws-sqs';
import { buildSync } from 'esbuild';
import { BUNDLED } from '../../../cdk/build-functions.ts';
import { EventLog } from '../../../cdk/event-log.ts';
import { EventLogSource, type EventLogSourceProps } from '../../../cdk/event-log-source.ts';
import type { Topic } from '../../../cdk/topic.ts';

const { TRIM_HORIZON, LATEST, AT_TIMESTAMP } = lambda.StartingPosition;
const phase = Number(process.env.VARVE_PHASE ?? 1);

const app = new App();
const stack = new Stack(app, process.env.VARVE_STACK!);
const log = new EventLog(stack, 'Log', { auth: 'none', removalPolicy: RemovalPolicy.DESTROY });
const dead = new sqs.Queue(stack, 'Dead');
const kept = new s3.Bucket(stack, 'GivenUp', { removalPolicy: RemovalPolicy.DESTROY });

function functionOf(id: string, file: string, timeout: Duration, code = 'only'): lambda.Function {
  const folder = join(app.outdir, id);
  buildSync({
    ...BUNDLED,
    entryPoints: [{ in: fileURLToPath(new URL(`handlers/${file}.ts`, import.meta.url)), out: 'index' }],
    outdir: folder,
    // Powertools imports these when a schema asks for them: in chunks of their own, which nothing loads here.
    external: ['avro-js', 'protobufjs'],
    define: { CODE: JSON.stringify(code) },
  });
  return new lambda.Function(stack, id, {
    runtime: lambda.Runtime.NODEJS_24_X,
    handler: 'index.handler',
    code: lambda.Code.fromAsset(folder),
    timeout,
    environment: { API_ID: log.api.apiId },
  });
}
// Longer than an invocation takes on a slow machine, but for one that is to time out.
const handles = functionOf('Handles', 'as-told', Duration.seconds(30));
const ends = functionOf('Ends', 'as-told', Duration.seconds(5));
const changes = functionOf('Changes', 'as-told', Duration.seconds(30), phase === 1 ? 'before' : 'after');
const powertools = functionOf('Powertools', 'powertools', Duration.seconds(30));

/** Has the function get a topic's records; of these settings only the first is required. */
function deliver(
  topic: string | Topic,
  fn: lambda.Function,
  props: Pick<EventLogSourceProps, 'startingPosition'> & Partial<EventLogSourceProps>,
): void {
  const group = typeof topic === 'string' ? topic : topic.node.id;
  fn.addEventSource(new EventLogSource(log, { topics: [topic], group, onFailure: new SqsDlq(dead), ...props }));
}
const from = { startingPosition: TRIM_HORIZON, retryAttempts: 1 };
deliver(log.addTopic('orders', { partitions: 8 }), handles, { ...from, batchSize: 500 });
deliver(log.addTopic('ends', { partitions: 3 }), ends, from);
const reports = { reportBatchItemFailures: true, bisectBatchOnError: true };
deliver(log.addTopic('reports', { partitions: 4 }), handles, { ...from, ...reports });
deliver(log.addTopic('filtered'), handles, {
  startingPosition: TRIM_HORIZON,
  retryAttempts: 0,
  bisectBatchOnError: true,
  filters: [
    lambda.FilterCriteria.filter({ value: { keep: lambda.FilterRule.isEqual(1) } }),
    lambda.FilterCriteria.filter({ value: lambda.FilterRule.beginsWith('"throw') }),
  ],
  onFailure: new S3OnFailureDestination(kept as s3.Bucket & s3.IBucket),
});
deliver(log.addTopic('parallel'), handles, { ...from, parallelizationFactor: 4, batchSize: 20 });
deliver(log.addTopic('typed'), powertools, from);
deliver(log.addTopic('grows', { partitions: phase === 1 ? 2 : 8 }), changes, from);
const again = log.addTopic('again');
if (phase !== 2) deliver(again, changes, { startingPosition: LATEST });
// Topics that are there before: the stack only names them.
if (phase > 1) {
  deliver('earliest', changes, from);
  deliver('latest', changes, { startingPosition: LATEST });
  const startingPositionTimestamp = Number(process.env.VARVE_SINCE);
  deliver('timestamp', changes, { startingPosition: AT_TIMESTAMP, startingPositionTimestamp });
}

const outputs = {
  ApiUrl: log.api.url,
  BucketName: log.bucket.bucketName,
  TableName: log.table.tableName,
  DeadLetters: dead.queueUrl,
  Kept: kept.bucketName,
  DeliverLog: log.delivery.deliver!.logGroup.logGroupName,
};
for (const [name, value] of Object.entries(outputs)) new CfnOutput(stack, name, { value });
