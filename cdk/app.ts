/** The stack. `-c auth=none` opens the API to all; `-c removal=destroy` lets bucket and table go with the stack. */
import { App, CfnOutput, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { buildFunctions } from './build-functions.ts';
import { EventLog } from './event-log.ts';

buildFunctions();
const app = new App();
const context = <const T extends string>(name: string, allowed: readonly T[]): T => {
  const value = app.node.tryGetContext(name) ?? allowed[0];
  const found = allowed.find((one) => one === value);
  if (found === undefined) throw new Error(`-c ${name}=${value}: it may be ${allowed.join(' or ')}`);
  return found;
};

const stack = new Stack(app, 'Varve', { description: 'Varve: an event log on S3 and DynamoDB' });
const log = new EventLog(stack, 'Log', {
  auth: context('auth', ['iam', 'none']),
  removalPolicy: context('removal', ['retain', 'destroy']) === 'destroy' ? RemovalPolicy.DESTROY : RemovalPolicy.RETAIN,
});
new CfnOutput(stack, 'ApiUrl', { value: log.api.url });
new CfnOutput(stack, 'BucketName', { value: log.bucket.bucketName });
new CfnOutput(stack, 'TableName', { value: log.table.tableName });
