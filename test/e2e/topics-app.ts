/** A stack that declares topics of the log that `deploy:localstack` made: those of `VARVE_TOPICS`, id -> props as JSON. */
import { App, CfnOutput, Stack } from 'aws-cdk-lib';
import { EventLog } from '../../cdk/event-log.ts';
import type { TopicProps } from '../../cdk/topic.ts';
import { deployedStack } from '../support/stack.ts';

const { bucket, table } = deployedStack();
const stack = new Stack(new App(), process.env.VARVE_STACK!);
const log = EventLog.fromEventLogAttributes(stack, 'Log', { bucketName: bucket, tableName: table, apiId: 'unused' });
const topics: [string, TopicProps][] = Object.entries(JSON.parse(process.env.VARVE_TOPICS!));
for (const [id, props] of topics) {
  const { topicName, topicId } = log.addTopic(id, props);
  new CfnOutput(stack, `Name${id}`, { value: topicName });
  new CfnOutput(stack, `Id${id}`, { value: topicId });
}
