import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { S3Client } from '@aws-sdk/client-s3';
import { SNSClient } from '@aws-sdk/client-sns';
import { SQSClient } from '@aws-sdk/client-sqs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { deadLetters } from '../../functions/dead-letters.ts';
import type { KafkaEvent } from '../../lib/log/delivery/event.ts';
import type { DeadLetter } from '../../lib/log/delivery/ports.ts';
import type { Subscription } from '../../lib/stores/catalog/subscriptions.ts';

const letter: DeadLetter = {
  condition: 'RetryAttemptsExhausted',
  topic: 'orders',
  partition: 3,
  firstOffset: 17,
  lastOffset: 20,
  offsets: '17,20',
  firstTimestamp: 1_700_000_000_000,
  lastTimestamp: -1,
  records: 2,
  invocations: 13,
};
const event: KafkaEvent = { eventSource: 'SelfManagedKafka', bootstrapServers: 'none', records: { 'orders-3': [] } };
const body = {
  requestContext: { condition: 'RetryAttemptsExhausted', approximateInvokeCount: 13 },
  version: '1.0',
  KafkaBatchInfo: {
    batchSize: 2,
    consumerGroup: 'billing',
    recordsInfo: {
      'orders-3': {
        topic: 'orders',
        partition: 3,
        firstRecordOffset: '17',
        lastRecordOffset: '20',
        offsets: '17,20',
        firstRecordTimestamp: '2023-11-14T22:13:20.000Z',
        lastRecordTimestamp: null,
      },
    },
  },
};

describe('what is told of records that were given up', () => {
  let server: Server;
  let asked: { url: string; body: string }[];
  let status = 200;
  beforeEach(async () => {
    asked = [];
    status = 200;
    server = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      asked.push({ url: request.url!, body: Buffer.concat(chunks).toString() });
      const isSns = asked.at(-1)!.body.startsWith('Action=');
      response.writeHead(status).end(isSns ? '<PublishResponse><PublishResult/></PublishResponse>' : '{}');
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  /** Tells the destination; what it was asked for then. */
  async function told(onFailure: string): Promise<{ url: string; body: string }> {
    const { port } = server.address() as { port: number };
    const at = {
      endpoint: `http://127.0.0.1:${port}`,
      region: 'eu-central-1',
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
      maxAttempts: 1,
    };
    const clients = {
      sqs: new SQSClient({ ...at, useQueueUrlAsEndpoint: false, md5: false }),
      sns: new SNSClient(at),
      s3: new S3Client({ ...at, forcePathStyle: true }),
    };
    const subscription = { target: 'f', group: 'billing', name: 'bills', onFailure } as Subscription;
    try {
      await deadLetters(clients)(subscription, letter, () => event);
    } finally {
      for (const client of Object.values(clients)) client.destroy();
    }
    expect(asked).toHaveLength(1);
    return asked[0]!;
  }

  it('a queue is told where they are', async () => {
    const request = JSON.parse((await told('arn:aws:sqs:eu-central-1:111122223333:dead')).body);

    expect(request.QueueUrl).toBe('https://sqs.eu-central-1.amazonaws.com/111122223333/dead');
    expect(JSON.parse(request.MessageBody)).toMatchObject(body);
    expect(JSON.parse(request.MessageBody)).not.toHaveProperty('payload');
  });

  it('a topic of SNS is told where they are', async () => {
    const arn = 'arn:aws:sns:eu-central-1:111122223333:dead';
    const request = new URLSearchParams((await told(arn)).body);

    expect([request.get('Action'), request.get('TopicArn')]).toEqual(['Publish', arn]);
    expect(JSON.parse(request.get('Message')!)).toMatchObject(body);
  });

  it('a bucket gets the records, too, under a name as Lambda gives it', async () => {
    const request = await told('arn:aws:s3:::dead-bucket');

    const { pathname } = new URL(request.url, 'http://host');
    expect(pathname).toMatch(
      /^\/dead-bucket\/aws\/lambda\/bills\/orders-3\/\d{4}\/\d\d\/\d\d\/\d{4}-\d\d-\d\dT\d\d\.\d\d\.\d\d-[0-9a-f-]{36}$/,
    );
    const { payload, ...rest } = JSON.parse(request.body);
    expect(rest).toMatchObject(body);
    expect(JSON.parse(payload)).toEqual(event);
  });

  it.each(['sqs', 'sns', 's3'])('what is not told by %s is said to be so', async (service) => {
    status = 403;
    const arn = service === 's3' ? 'arn:aws:s3:::dead-bucket' : `arn:aws:${service}:eu-central-1:111122223333:dead`;

    await expect(told(arn)).rejects.toThrow();
  });
});
