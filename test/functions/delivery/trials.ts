import { GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { DeleteMessageCommand, ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { type LocalstackLog, localstackLog } from '../../../lib/testing/localstack.ts';
import { type CdkStack, cdkStack } from '../../support/cdk-stack.ts';
import { localstack } from '../../support/localstack.ts';
import { logLines } from '../../support/logs.ts';
import { poll } from '../../support/poll.ts';
import type { Invocation } from './handlers/note.ts';

/** What the queue was told of records that were given up. */
export interface Letter {
  requestContext: { condition: string; approximateInvokeCount: number };
  KafkaBatchInfo: {
    batchSize: number;
    consumerGroup: string;
    recordsInfo: Record<
      string,
      { topic: string; partition: number; firstRecordOffset: string; lastRecordOffset: string }
    >;
  };
}

/** A run of deliver that has ended, as it logged it. */
export interface Run {
  of: { topic: string; partition: number };
  status: string;
  why?: string;
  failure?: string;
}

/** The app of this folder, deployed on LocalStack. */
export interface Trials extends LocalstackLog {
  readonly stack: CdkStack;
  /** All invocations with records of the topic, in their order. */
  seen(topic: string): Promise<Invocation[]>;
  /** Resolves when the topic's group has committed all. */
  caughtUp(topic: string, timeout?: number): Promise<void>;
  /** Resolves when the queue was told so many times of records of the topic. */
  letters(topic: string, count: number): Promise<Letter[]>;
  /** Resolves when the bucket holds an object with records that were given up: its name and what is in it. */
  kept(): Promise<{ name: string; letter: Letter & { payload: string } }>;
  runs(): Promise<Run[]>;
}

/** What invocations of one partition came to. */
export interface Progress {
  /** Records that are not where they must be. */
  wrong: string[];
  /** All before it was there. */
  next: number;
  /** Each record when it was there at first. */
  fresh: { offset: number; value: unknown; at: number }[];
  /** Records that were there before. */
  again: number;
}

/** Each record in order, none left out: again only from a record that was there before. */
export function progressOf(invocations: readonly Invocation[]): Progress {
  const progress: Progress = { wrong: [], next: 0, fresh: [], again: 0 };
  for (const { offsets, values, at } of invocations) {
    const first = offsets[0]!;
    if (first > progress.next) progress.wrong.push(`skips ${progress.next} to ${first}`);
    for (const [i, offset] of offsets.entries()) {
      if (offset !== first + i) progress.wrong.push(`has ${offset} where ${first + i} belongs`);
      if (offset < progress.next) progress.again += 1;
      else progress.fresh.push({ offset, value: values[i], at });
    }
    progress.next = Math.max(progress.next, first + offsets.length);
  }
  return progress;
}

const CAUGHT_UP_MS = 180_000;
/** Each look costs LocalStack what an invocation does. */
const EVERY_MS = 1_000;

export async function deployTrials(): Promise<Trials> {
  const stack = await cdkStack('test/functions/delivery/app.ts', 'Delivery');
  const { DeadLetters: QueueUrl, DeliverLog: group, Kept: Bucket } = await stack.deploy();
  const deployed = await localstackLog({ outputs: stack.outputs, endpoint: localstack.endpoint });
  await deployed.log.topics.create('seen', { partitions: 1 });
  const sqs = new SQSClient(localstack);
  const s3 = new S3Client({ ...localstack, forcePathStyle: true });
  const letters = new Map<string, Letter>();

  async function receive(): Promise<void> {
    const { Messages = [] } = await sqs.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }));
    for (const { MessageId, Body, ReceiptHandle } of Messages) {
      letters.set(MessageId!, JSON.parse(Body!));
      await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
    }
  }

  async function close(): Promise<void> {
    sqs.destroy();
    s3.destroy();
    await deployed.close();
    await stack.remove();
  }

  return {
    ...deployed,
    stack,
    async seen(topic) {
      const all: Invocation[] = [];
      for await (const { value } of deployed.log.read('seen', { partition: 0, follow: false }))
        all.push(JSON.parse(Buffer.from(value!).toString()));
      return all.filter((one) => one.topic === topic);
    },
    async caughtUp(topic, timeout = CAUGHT_UP_MS) {
      const { partitions } = await deployed.log.topics.describe(topic);
      const ask = async () => {
        const lags = await deployed.log.groups.lag(topic).catch(() => []);
        return lags.length === partitions && lags.every(({ lag }) => lag === 0) ? true : undefined;
      };
      await poll(`the group ${topic} has committed all`, timeout, ask, EVERY_MS);
    },
    letters(topic, count) {
      const ask = async () => {
        await receive();
        const found = [...letters.values()].filter(({ KafkaBatchInfo }) => KafkaBatchInfo.consumerGroup === topic);
        return found.length >= count ? found : undefined;
      };
      return poll(`${count} dead letters of ${topic}`, CAUGHT_UP_MS, ask, EVERY_MS);
    },
    kept() {
      const ask = async () => {
        const { Contents: [found] = [] } = await s3.send(new ListObjectsV2Command({ Bucket }));
        if (!found?.Key) return undefined;
        const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key: found.Key }));
        return { name: found.Key, letter: JSON.parse(await Body!.transformToString()) };
      };
      return poll('an object with records that were given up', CAUGHT_UP_MS, ask, EVERY_MS);
    },
    async runs() {
      const lines = await logLines(deployed.endpoint, group!);
      return lines.filter((line) => line.startsWith('{"level"')).map((line) => JSON.parse(line));
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}
