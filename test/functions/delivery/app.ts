/**
 * A stack of one log, and functions that get what is appended to its topics, each topic with settings and a group of its own, which has
 * the topic's name. VARVE_PHASE: 1 as it is made, 2 and 3 as it is changed.
 */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { App, CfnOutput, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import { S3OnFailureDestination, SqsDlq } from 'aws-cdk-lib/aws-lambda-event-sources';
import * as s3 from 'aws-cdk-lib/aws-s3';
import * as sqs from 'aws-cdk-lib/aws-sqs';
import { buildSync } from 'esbuild';
import { EventLog } from '../../../cdk/event-log.ts';
import { EventLogSource, type EventLogSourceProps } from '../../../cdk/event-log-source.ts';

const { TRIM_HORIZON, LATEST, AT_TIMESTAMP } = lambda.StartingPosition;
const phase = Number(process.env.VARVE_PHASE ?? 1);

const app = new App();
const stack = new Stack(app, process.env.VARVE_STACK!);
const log = new EventLog(stack, 'Log', { auth: 'none', removalPolicy: RemovalPolicy.DESTROY });
log.addTopic('seen');
const dead = new sqs.Queue(stack, 'Dead');
const kept = new s3.Bucket(stack, 'GivenUp', { removalPolicy: RemovalPolicy.DESTROY });

function functionOf(id: string, file: string, timeout: Duration, code = 'only'): lambda.Function {
  const folder = join(app.outdir, id);
  buildSync({
    entryPoints: [{ in: fileURLToPath(new URL(`handlers/${file}.ts`, import.meta.url)), out: 'index' }],
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    mainFields: ['module', 'main'],
    // Powertools imports these when a schema asks for them: in chunks of their own, which nothing loads here.
    external: ['avro-js', 'protobufjs'],
    splitting: true,
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

/** A topic, and what gets its records: nothing, without a function. */
function topic(
  name: string,
  partitions: number,
  fn?: lambda.Function,
  props: Partial<EventLogSourceProps> & Pick<EventLogSourceProps, 'startingPosition'> = {
    startingPosition: TRIM_HORIZON,
  },
): void {
  const declared = log.addTopic(name, { partitions });
  fn?.addEventSource(
    new EventLogSource(log, { topics: [declared], group: name, onFailure: new SqsDlq(dead), ...props }),
  );
}
const from = { startingPosition: TRIM_HORIZON, retryAttempts: 1 };
topic('orders', 8, handles, { ...from, batchSize: 500 });
topic('ends', 3, ends, from);
topic('poison', 1, handles, { ...from, bisectBatchOnError: true });
topic('reports', 3, handles, { ...from, reportBatchItemFailures: true });
topic('filtered', 1, handles, {
  ...from,
  retryAttempts: 0,
  bisectBatchOnError: true,
  filters: [
    lambda.FilterCriteria.filter({ value: { keep: lambda.FilterRule.isEqual(1) } }),
    lambda.FilterCriteria.filter({ value: lambda.FilterRule.beginsWith('"throw') }),
  ],
  onFailure: new S3OnFailureDestination(kept as s3.Bucket & s3.IBucket),
});
topic('parallel', 1, handles, { ...from, parallelizationFactor: 4, batchSize: 20 });
topic('typed', 1, powertools);
topic('grows', phase === 1 ? 2 : 8, changes);
topic('again', 1, phase === 2 ? undefined : changes, { startingPosition: LATEST });
const added = phase === 1 ? undefined : changes;
topic('earliest', 1, added);
topic('latest', 1, added, { startingPosition: LATEST });
topic('timestamp', 1, added, {
  startingPosition: AT_TIMESTAMP,
  startingPositionTimestamp: Number(process.env.VARVE_SINCE ?? 0),
});

const outputs = {
  ApiUrl: log.api.url,
  BucketName: log.bucket.bucketName,
  TableName: log.table.tableName,
  DeadLetters: dead.queueUrl,
  Kept: kept.bucketName,
  DeliverLog: log.delivery.deliver!.logGroup.logGroupName,
};
for (const [name, value] of Object.entries(outputs)) new CfnOutput(stack, name, { value });
