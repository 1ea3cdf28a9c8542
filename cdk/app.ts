/** The stack. `-c auth=none` opens the API to all, `-c auth=apiKey` to who has its key; `-c api=http` makes it an HTTP API; `-c removal=destroy` lets bucket and table go with the stack. */
import { App, CfnOutput, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { buildFunctions } from './build-functions.ts';
import { EventLog } from './event-log.ts';
import { RestLogApi } from './rest-api.ts';

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
  api: context('api', ['rest', 'http']),
  auth: context('auth', ['iam', 'none', 'apiKey']),
  removalPolicy: context('removal', ['retain', 'destroy']) === 'destroy' ? RemovalPolicy.DESTROY : RemovalPolicy.RETAIN,
});
const { api } = log;
const outputs = {
  ApiUrl: api.url,
  ApiId: api.apiId,
  ...(api instanceof RestLogApi && { ApiName: api.restApi.restApiName }),
  ...(api instanceof RestLogApi && api.apiKey && { ApiKeyId: api.apiKey.keyId }),
  BucketName: log.bucket.bucketName,
  TableName: log.table.tableName,
};
for (const [name, value] of Object.entries(outputs)) new CfnOutput(stack, name, { value });
