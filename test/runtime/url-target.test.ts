import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { KafkaEvent } from '../../lib/log/delivery/event.ts';
import { urlTarget } from '../../lib/runtime/url-target.ts';
import type { Subscription } from '../../lib/stores/catalog/subscriptions.ts';

const event: KafkaEvent = { eventSource: 'SelfManagedKafka', bootstrapServers: 'none', records: { 'orders-0': [] } };

let server: Server | undefined;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

async function serve(answer: RequestListener): Promise<string> {
  server = createServer(answer).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as { port: number }).port}/orders?of=billing`;
}

function invoke(target: string, { signal = new AbortController().signal, targetTimeout = 20_000 } = {}) {
  return urlTarget(signal, 10)({ target, targetTimeout } as Subscription, event);
}

/** A port where nobody listens. */
async function closedPort(): Promise<number> {
  const tcp = createTcpServer().listen(0, '127.0.0.1');
  await once(tcp, 'listening');
  const { port } = tcp.address() as { port: number };
  tcp.close();
  await once(tcp, 'close');
  return port;
}

describe('what an invocation of a URL comes to', () => {
  it('posts the event as JSON, to the address with its query', async () => {
    const asked: unknown[] = [];
    const url = await serve(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const { method, headers } = request;
      asked.push([method, request.url, headers['content-type'], JSON.parse(Buffer.concat(chunks).toString())]);
      response.end();
    });

    await invoke(url);

    expect(asked).toEqual([['POST', '/orders?of=billing', 'application/json', event]]);
  });

  it.each<[what: string, answer: RequestListener, invocation: object]>([
    [
      'JSON is the answer',
      (_, response) => response.end('{"batchItemFailures":[]}'),
      { status: 'returned', answer: { batchItemFailures: [] } },
    ],
    ['success without a body says nothing', (_, response) => response.writeHead(204).end(), { status: 'returned' }],
    ['nor does what is not JSON', (_, response) => response.writeHead(201).end('OK'), { status: 'returned' }],
    ['a refusal is a failure', (_, response) => response.writeHead(400).end('{}'), { status: 'failed' }],
    ['so is a failure', (_, response) => response.writeHead(500).end(), { status: 'failed' }],
    [
      'and a way to somewhere else',
      (_, response) => response.writeHead(302, { location: '/' }).end(),
      { status: 'failed' },
    ],
    ['a connection that breaks before the answer', (request) => request.socket.destroy(), { status: 'failed' }],
    [
      'one that breaks within it',
      (request, response) => {
        response.writeHead(200, { 'content-length': '100' }).write('{');
        setImmediate(() => request.socket.destroy());
      },
      { status: 'failed' },
    ],
    [
      'an answer that is larger than Lambda takes',
      (_, response) => response.end(JSON.stringify('x'.repeat(7_000_000))),
      { status: 'failed' },
    ],
  ])('%s', async (_, answer, expected) => {
    expect(await invoke(await serve(answer))).toEqual(expected);
  });

  it('no answer in time is a failure', async () => {
    const url = await serve(() => {});

    expect(await invoke(url, { targetTimeout: 1 })).toEqual({ status: 'failed' });
  });

  it('where nobody listens nothing was invoked', async () => {
    expect(await invoke(`http://127.0.0.1:${await closedPort()}/`)).toEqual({ status: 'unavailable' });
    expect(await invoke('arn:aws:lambda:eu-central-1:111122223333:function:bill')).toEqual({ status: 'unavailable' });
  });

  it('nobody knows of one that is left when the log closes, and nothing begins after that', async () => {
    const closing = new AbortController();
    const asked = Promise.withResolvers<void>();
    const url = await serve(() => asked.resolve());
    const invoked = invoke(url, { signal: closing.signal });
    await asked.promise;

    closing.abort();

    expect(await invoked).toEqual({ status: 'unknown' });
    expect(await invoke(url, { signal: closing.signal })).toEqual({ status: 'unavailable' });
  });
});
