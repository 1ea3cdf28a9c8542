/** The stack of examples/streams on LocalStack, whose API has another address there. */
import { App, CfnOutput, RemovalPolicy } from 'aws-cdk-lib';
import { Streams } from '../../examples/streams/stack.ts';

const { VARVE_STACK = '', AWS_ENDPOINT_URL } = process.env;
const stack = new Streams(new App(), VARVE_STACK, {
  // Each that is delivered at the same time starts processes here.
  partitions: 2,
  removalPolicy: RemovalPolicy.DESTROY,
  logUrl: ({ api }) => `${AWS_ENDPOINT_URL}/_aws/execute-api/${api.apiId}/prod`,
});
const { api, bucket, table } = stack.log;
const outputs = { ApiUrl: api.url, BucketName: bucket.bucketName, TableName: table.tableName };
for (const [name, value] of Object.entries(outputs)) new CfnOutput(stack, name, { value });
