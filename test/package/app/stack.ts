import { App, CfnOutput, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { EventLog, type EventLogProps } from 'varve/cdk';

const props: EventLogProps = { auth: 'none', removalPolicy: RemovalPolicy.DESTROY };
const stack = new Stack(new App(), 'Shop');
const log = new EventLog(stack, 'Log', props);
new CfnOutput(stack, 'ApiUrl', { value: log.api.url });
new CfnOutput(stack, 'BucketName', { value: log.bucket.bucketName });
new CfnOutput(stack, 'TableName', { value: log.table.tableName });
