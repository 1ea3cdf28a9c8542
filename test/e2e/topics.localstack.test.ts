import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { CloudFormationClient, DeleteStackCommand, waitUntilStackDeleteComplete } from '@aws-sdk/client-cloudformation';
import { RemovalPolicy } from 'aws-cdk-lib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildFunctions } from '../../cdk/build-functions.ts';
import type { TopicProps } from '../../cdk/topic.ts';
import { openAws } from '../../lib/open/aws.ts';
import { localstack } from '../support/localstack.ts';
import { deployedStack } from '../support/stack.ts';

const DEPLOY_MS = 120_000;
const root = fileURLToPath(new URL('../../', import.meta.url));
const run = promisify(execFile);

const { endpoint, bucket, table } = deployedStack();
const client = { ...localstack, endpoint };
const log = await openAws({ client, bucket, table });
const formation = new CloudFormationClient(client);

describe('the topics of a stack, deployed by the CDK beside the log', () => {
  const stack = `Topics-${randomUUID()}`;
  const [orders, payments, scratch] = ['orders', 'payments', 'scratch'].map((one) => `${one}-${randomUUID()}`);
  let folder: string;
  beforeAll(async () => {
    buildFunctions();
    folder = await mkdtemp(join(tmpdir(), 'varve-topics-'));
  });
  afterAll(async () => {
    await formation.send(new DeleteStackCommand({ StackName: stack }));
    await waitUntilStackDeleteComplete(
      { client: formation, maxWaitTime: 60, minDelay: 1, maxDelay: 1 },
      { StackName: stack },
    );
    formation.destroy();
    await log.close();
    await rm(folder, { recursive: true });
  }, DEPLOY_MS);

  /** `cdk deploy` of a stack with these topics; answers its outputs. Rejects with what was printed. */
  async function deploy(topics: Record<string, TopicProps>): Promise<Record<string, string>> {
    const outputs = join(folder, 'outputs.json');
    const app = `${process.execPath} test/e2e/topics-app.ts`;
    const options = ['--app', app, '--output', join(folder, 'cdk.out'), '--outputs-file', outputs, '--method=direct'];
    await run(
      process.execPath,
      [
        'node_modules/aws-cdk-local/bin/cdklocal',
        'deploy',
        stack,
        ...options,
        '--require-approval=never',
        '--no-notices',
      ],
      {
        cwd: root,
        env: {
          ...process.env,
          VARVE_STACK: stack,
          VARVE_TOPICS: JSON.stringify(topics),
          AWS_ENDPOINT_URL: endpoint,
          AWS_ENDPOINT_URL_S3: endpoint,
          AWS_ACCESS_KEY_ID: 'test',
          AWS_SECRET_ACCESS_KEY: 'test',
          AWS_REGION: 'us-east-1',
          CDK_DISABLE_CLI_TELEMETRY: '1',
          CI: 'true',
        },
      },
    );
    return JSON.parse(await readFile(outputs, 'utf8'))[stack] ?? {};
  }
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
