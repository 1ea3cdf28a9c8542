import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { CloudFormationClient, DeleteStackCommand, waitUntilStackDeleteComplete } from '@aws-sdk/client-cloudformation';
import { ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildFunctions } from '../../cdk/build-functions.ts';
import { type LocalstackLog, localstackLog } from '../../lib/testing/localstack.ts';
import { localstack } from '../support/localstack.ts';
import { poll } from '../support/poll.ts';

const DEPLOY_MS = 180_000;
const PARTITIONS = 4;
const RECORDS = 400;
const root = fileURLToPath(new URL('../../', import.meta.url));

describe('a function that subscribes to a topic, deployed by the CDK', () => {
  const stack = `Delivery-${randomUUID()}`;
  const { endpoint } = localstack;
  const formation = new CloudFormationClient(localstack);
  const sqs = new SQSClient(localstack);
  let folder: string;
  let deployed: LocalstackLog;
  let deadLetters: string;

  beforeAll(async () => {
    buildFunctions();
    folder = await mkdtemp(join(tmpdir(), 'varve-delivery-'));
    const outputs = join(folder, 'outputs.json');
    const app = `${process.execPath} test/functions/delivery/app.ts`;
    const options = ['--app', app, '--output', join(folder, 'cdk.out'), '--outputs-file', outputs, '--method=direct'];
    await promisify(execFile)(
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
    deployed = await localstackLog({ outputs, endpoint });
    deadLetters = JSON.parse(await readFile(outputs, 'utf8'))[stack].DeadLetters;
  }, DEPLOY_MS);
  afterAll(async () => {
    await deployed?.close();
    await formation.send(new DeleteStackCommand({ StackName: stack }));
    await waitUntilStackDeleteComplete(
      { client: formation, maxWaitTime: 120, minDelay: 1, maxDelay: 1 },
      { StackName: stack },
    );
    formation.destroy();
    sqs.destroy();
    await rm(folder, { recursive: true });
  }, DEPLOY_MS);

  /** What the function appended of a partition of orders, in its order. */
  async function seen(partition: number): Promise<{ offset: number; value: string }[]> {
    const all: { offset: number; value: string }[] = [];
    for await (const { value } of deployed.log.read('seen', { partition, follow: false }))
      all.push(JSON.parse(Buffer.from(value!).toString()));
    return all;
  }

  const caughtUp = () =>
    poll(
      'the group has committed all',
      90_000,
      async () => {
        const lag = await deployed.log.groups.lag('billing').catch(() => []);
        return lag.length === PARTITIONS && lag.every((one) => one.lag === 0) ? true : undefined;
      },
      250,
    );

  it('gets what is appended through the API, in order per partition, and its offsets are committed', async () => {
    // When
    const sent = new Map<string, number>();
    for (let i = 0; i < RECORDS; i += 20) {
      const records = Array.from({ length: 20 }, (_, j) => ({ key: `${(i + j) % 37}`, value: i + j }));
      for (const { partition, offset } of await deployed.client.append('orders', records))
        sent.set(`${partition}/${offset}`, partition);
    }
    await caughtUp();

    // Then each record was there, in order: twice only where the function was invoked again, from where it was before
    let found = 0;
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const offsets = (await seen(partition)).map(({ offset }) => offset);
      const { latest } = await deployed.log.offsets('orders', partition);
      let next = 0;
      for (const offset of offsets) {
        expect([partition, offset <= next]).toEqual([partition, true]);
        next = offset + 1;
      }
      expect(new Set(offsets).size).toBe(latest);
      found += latest;
    }
    expect(found).toBe(RECORDS);
    expect(sent.size).toBe(RECORDS);
  }, 120_000);

  it('gets over a record that it cannot handle, which can be read again from what the queue is told', async () => {
    // When
    const appended = await deployed.client.append(
      'orders',
      ['before', 'poison', 'after'].map((value) => ({ value, partition: 2 })),
    );
    const poison = appended[1]!.offset;
    const letter = await poll('a dead letter', 90_000, async () => {
      const { Messages = [] } = await sqs.send(
        new ReceiveMessageCommand({ QueueUrl: deadLetters, WaitTimeSeconds: 1 }),
      );
      return Messages[0]?.Body;
    });
    await caughtUp();

    // Then
    const { requestContext, KafkaBatchInfo } = JSON.parse(letter);
    expect(requestContext).toMatchObject({ condition: 'RetryAttemptsExhausted', approximateInvokeCount: 2 });
    const told = KafkaBatchInfo.recordsInfo['orders-2'];
    expect(told).toMatchObject({ firstRecordOffset: `${poison}`, lastRecordOffset: `${poison}` });
    const { records } = await deployed.log.poll(told.topic, told.partition, Number(told.firstRecordOffset));
    expect(Buffer.from(records[0]!.value!).toString()).toBe('"poison"');
    const values = (await seen(2)).map(({ value }) => value);
    expect(values).toContain('"after"');
    expect(values).not.toContain('"poison"');
  }, 120_000);
});
