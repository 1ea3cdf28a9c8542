/** The topics that a stack declares: the custom resource behind `log.addTopic`. */
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { systemClock } from '../lib/clock.ts';
import { openAws } from '../lib/open/aws.ts';
import { customResource } from './custom-resource.ts';
import { kept, logOf } from './environment.ts';
import { topicResource } from './topic-resource.ts';

const at = logOf(process.env);
const stacks = new CloudFormationClient();

export const handler = customResource(
  systemClock,
  topicResource({
    log: kept(() => openAws(at)),
    async isRollingBack(stackId) {
      const { Stacks: [stack] = [] } = await stacks.send(new DescribeStacksCommand({ StackName: stackId }));
      return stack?.StackStatus?.includes('ROLLBACK') ?? false;
    },
  }),
);
