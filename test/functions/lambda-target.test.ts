import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { afterEach, describe, expect, it } from 'vitest';
import { lambdaTarget } from '../../functions/lambda-target.ts';
import type { KafkaEvent } from '../../lib/log/delivery/event.ts';
import type { Subscription } from '../../lib/stores/catalog/subscriptions.ts';

const ARN = 'arn:aws:lambda:eu-central-1:111122223333:function:bill';
const event: KafkaEvent = { eventSource: 'SelfManagedKafka', bootstrapServers: 'none', records: { 'orders-0': [] } };

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

/** Invokes a Lambda that answers so; how often it was asked. */
async function invoked(answer: RequestListener) {
  let asked = 0;
  server = createServer((request, response) => {
    asked += 1;
    answer(request, response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address() as { port: number };
  const lambda = new LambdaClient({
    endpoint: `http://127.0.0.1:${address.port}`,
    region: 'eu-central-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    maxAttempts: 1,
  });
  const invocation = await lambdaTarget(lambda)({ target: ARN, targetTimeout: 60_000 } as Subscription, event);
  lambda.destroy();
  return { invocation, asked };
}

describe('what an invocation comes to', () => {
  it.each<[what: string, answer: RequestListener, invocation: object]>([
    [
      'a function that answers',
      (_, response) => response.end('{"batchItemFailures":[]}'),
      { status: 'returned', answer: { batchItemFailures: [] } },
    ],
    ['one that answers nothing', (_, response) => response.end('null'), { status: 'returned', answer: null }],
    [
      'one that throws, times out or ends',
      (_, response) => response.writeHead(200, { 'x-amz-function-error': 'Unhandled' }).end('{"errorType":"Error"}'),
      { status: 'failed' },
    ],
    ['one that is throttled', (_, response) => response.writeHead(429).end('{}'), { status: 'unavailable' }],
    ['one that is not there', (_, response) => response.writeHead(404).end('{}'), { status: 'missing' }],
    ['one that it may not invoke', (_, response) => response.writeHead(403).end('{}'), { status: 'missing' }],
    ['one that is being changed', (_, response) => response.writeHead(409).end('{}'), { status: 'unavailable' }],
    ['a Lambda that fails: it may have run', (_, response) => response.writeHead(500).end('{}'), { status: 'unknown' }],
    ['no answer: it may still run', (request) => request.socket.destroy(), { status: 'unknown' }],
  ])('%s, and it is asked once', async (_, answer, expected) => {
    expect(await invoked(answer)).toEqual({ invocation: expected, asked: 1 });
  });
});
