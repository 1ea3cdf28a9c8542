import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { connect } from '../../lib/client/client.ts';

let server: Server | undefined;

afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

/** Something that is not Varve. */
async function listen(answer: RequestListener): Promise<string> {
  server = createServer(answer);
  await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('an address where nothing answers is NETWORK_EXCEPTION, to be tried again', async () => {
  const url = await listen(() => {});
  server!.close();

  const failed = connect(url).topics.describe('orders');

  await expect(failed).rejects.toMatchObject({ code: 'NETWORK_EXCEPTION', retriable: true });
  await expect(failed).rejects.toThrow(/ECONNREFUSED.*is the server running/);
});

test('an address that is none is refused at once', () => {
  for (const url of ['orders', 'ftp://127.0.0.1', '127.0.0.1:8080']) {
    expect(() => connect(url)).toThrow(expect.objectContaining({ code: 'INVALID_REQUEST' }));
  }
});

test('a server that takes too long is REQUEST_TIMED_OUT, to be tried again', async () => {
  const url = await listen(() => {});

  const failed = connect(url, { timeout: 50 }).topics.describe('orders');

  await expect(failed).rejects.toMatchObject({ code: 'REQUEST_TIMED_OUT', retriable: true });
});

test('whoever aborts gets the reason back', async () => {
  const url = await listen(() => {});
  const controller = new AbortController();
  const stopped = new Error('stopped');

  const failed = connect(url, { signal: controller.signal }).topics.describe('orders');
  controller.abort(stopped);

  await expect(failed).rejects.toBe(stopped);
});

test.each([
  [502, 'NETWORK_EXCEPTION', true],
  [503, 'NETWORK_EXCEPTION', true],
  [504, 'NETWORK_EXCEPTION', true],
  [404, 'UNKNOWN_SERVER_ERROR', false],
  [500, 'UNKNOWN_SERVER_ERROR', false],
])('%i from something that is not Varve is %s', async (status, code, retriable) => {
  const url = await listen((_, response) => response.writeHead(status).end('<html>'));

  await expect(connect(url).topics.describe('orders')).rejects.toMatchObject({ code, retriable });
});

test('200 from something that is not Varve is not taken for an answer', async () => {
  const url = await listen((_, response) => response.end('<html>'));

  await expect(connect(url).topics.describe('orders')).rejects.toMatchObject({ code: 'UNKNOWN_SERVER_ERROR' });
});

test('a code that this version does not know keeps its name in the message', async () => {
  const body = JSON.stringify({ error_code: 49999, code: 'NEW_IN_2030', message: 'Do this.', retriable: false });
  const url = await listen((_, response) => response.writeHead(499).end(body));

  const failed = connect(url).topics.describe('orders');

  await expect(failed).rejects.toMatchObject({ code: 'UNKNOWN_SERVER_ERROR', message: 'NEW_IN_2030: Do this.' });
});

test('the path of the address, headers and the body are sent', async () => {
  const seen: unknown[] = [];
  const url = await listen((request, response) => {
    seen.push([request.method, request.url, request.headers.authorization, request.headers['content-type']]);
    response.end('{}');
  });

  const client = connect(`${url}/prod/`, { headers: { authorization: 'Bearer x' } });
  await client.topics.create('a b');
  await client.topics.describe('a b');

  expect(seen).toEqual([
    ['POST', '/prod/api/topics', 'Bearer x', 'application/json'],
    ['GET', '/prod/api/topics/a%20b', 'Bearer x', undefined],
  ]);
});
