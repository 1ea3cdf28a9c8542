import { randomUUID } from 'node:crypto';
import { RemovalPolicy } from 'aws-cdk-lib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TopicProps } from '../../cdk/topic.ts';
import { openAws } from '../../lib/open/aws.ts';
import { type CdkStack, cdkStack } from '../support/cdk-stack.ts';
import { localstack } from '../support/localstack.ts';
import { deployedStack } from '../support/stack.ts';

const DEPLOY_MS = 120_000;

const { endpoint, bucket, table } = deployedStack();
const client = { ...localstack, endpoint };
const log = await openAws({ client, bucket, table });

describe('the topics of a stack, deployed by the CDK beside the log', () => {
  const [orders, payments, scratch] = ['orders', 'payments', 'scratch'].map((one) => `${one}-${randomUUID()}`);
  let stack: CdkStack;
  beforeAll(async () => {
    stack = await cdkStack('test/e2e/topics-app.ts', 'Topics');
  });
  afterAll(async () => {
    await stack?.remove();
    await log.close();
  }, DEPLOY_MS);

  const deploy = (topics: Record<string, TopicProps>) => stack.deploy({ VARVE_TOPICS: JSON.stringify(topics) });
  const retention = async (topic: string) => {
    const { config } = await log.topics.describe(topic);
    const { value, isDefault } = config.find(({ name }) => name === 'retention.ms')!;
    return isDefault ? 'default' : value;
  };

  it(
    'are made, grow, stay when they go, and are adopted when they come back',
    async () => {
      // Given a stack of three topics, one of which is to go with its declaration
      const first = {
        Orders: { topicName: orders!, partitions: 2, config: { 'retention.ms': '604800000' } },
        Payments: { topicName: payments! },
        Scratch: { topicName: scratch!, removalPolicy: RemovalPolicy.DESTROY } as const,
      };
      const made = await deploy(first);
      const { id, partitions } = await log.topics.describe(orders!);
      expect(made).toMatchObject({ NameOrders: orders, IdOrders: id, NamePayments: payments });
      expect([partitions, await retention(orders!)]).toEqual([2, '604800000']);
      await log.append(orders!, [{ value: 'kept', partition: 1 }]);

      // When it is declared larger and otherwise, and the others no longer
      const second = { Orders: { topicName: orders!, partitions: 4, config: {} } };
      const changed = await deploy(second);

      // Then it is the same topic; of the others only the one that was to go is gone
      expect(changed).toMatchObject({ IdOrders: id });
      expect((await log.topics.describe(orders!)).partitions).toBe(4);
      expect(await retention(orders!)).toBe('default');
      expect(await log.offsets(payments!, 0)).toEqual({ earliest: 0, latest: 0 });
      await expect(log.topics.describe(scratch!)).rejects.toMatchObject({ code: 'UNKNOWN_TOPIC_OR_PARTITION' });

      // When one comes back, larger
      await deploy({ ...second, Payments: { topicName: payments!, partitions: 3 } });

      // Then it is adopted; and no record is lost
      expect((await log.topics.describe(payments!)).partitions).toBe(3);
      const { records } = await log.poll(orders!, 1, 0);
      expect(records.map(({ value }) => Buffer.from(value!).toString())).toEqual(['kept']);
    },
    4 * DEPLOY_MS,
  );
});
