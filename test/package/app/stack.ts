import { App, CfnOutput, RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import { EventLog, type EventLogAttributes, type EventLogProps, type IEventLog } from 'varve/cdk';

const app = new App();
const stack = new Stack(app, 'Shop');
const props: EventLogProps = { auth: 'none', removalPolicy: RemovalPolicy.DESTROY };
const log = new EventLog(stack, 'Log', props);
log.addTopic('orders', { topicName: 'declared', partitions: 3 });
new CfnOutput(stack, 'ApiUrl', { value: log.api.url });
new CfnOutput(stack, 'BucketName', { value: log.bucket.bucketName });
new CfnOutput(stack, 'TableName', { value: log.table.tableName });

// A log of another stack, and rights at its API. It is synthesized, and not deployed.
const reader = new Stack(app, 'Reader');
const attributes: EventLogAttributes = {
  bucketName: 'theirs',
  tableName: 'theirs',
  apiId: 'abc123',
  stageName: 'prod',
};
const theirs: IEventLog = EventLog.fromEventLogAttributes(reader, 'Theirs', attributes);
theirs.grants.consume(new iam.Role(reader, 'Role', { assumedBy: new iam.AccountRootPrincipal() }));
