/** The topics that a stack declares: the custom resource behind `log.addTopic`. */
import { CloudFormationClient, DescribeStacksCommand } from '@aws-sdk/client-cloudformation';
import { systemClock } from '../lib/clock.ts';
import { VarveError } from '../lib/errors.ts';
import type { EventLog } from '../lib/log/event-log.ts';
import { openAws } from '../lib/open/aws.ts';
import { customResource } from './custom-resource.ts';
import { topicResource } from './topic-resource.ts';

const { VARVE_BUCKET: bucket, VARVE_TABLE: table } = process.env;
if (!bucket || !table) {
  throw new VarveError('INVALID_CONFIG', 'Name the bucket by VARVE_BUCKET and the table by VARVE_TABLE.');
}
const stacks = new CloudFormationClient();
let log: Promise<EventLog> | undefined;

export const handler = customResource(
  systemClock,
  topicResource({
    log() {
      log ??= openAws({ bucket, table }).catch((error: unknown) => {
        log = undefined;
        throw error;
      });
      return log;
    },
    async isRollingBack(stackId) {
      const { Stacks: [stack] = [] } = await stacks.send(new DescribeStacksCommand({ StackName: stackId }));
      return stack?.StackStatus?.includes('ROLLBACK') ?? false;
    },
  }),
);
