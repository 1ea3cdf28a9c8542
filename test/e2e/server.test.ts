import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openEmbedded } from '../../lib/open/embedded.ts';
import { apiOf } from '../support/api.ts';
import { answersWell, type ServerProcess, startServer } from '../support/server.ts';

let data: string;
let servers: ServerProcess[];

beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), 'varve-e2e-'));
  servers = [];
});

afterEach(async () => {
  await Promise.all(servers.map((server) => server.kill()));
  await rm(data, { recursive: true, force: true });
});

async function start(): Promise<ServerProcess> {
  const server = await startServer(data);
  servers.push(server);
  return server;
}

async function valuesOf(server: ServerProcess, topic: string): Promise<unknown[]> {
  const values: unknown[] = [];
  for await (const { value } of apiOf(server.url).readAll(topic, 0)) values.push(value);
  return values;
}

test('what was acknowledged is there after a clean stop, which ends with exit code 0', async () => {
  const first = await start();
  await apiOf(first.url).createTopic('orders', 1);
  await apiOf(first.url).append('orders', [{ value: { n: 1 } }, { value: { n: 2 } }]);
  expect(await first.stop()).toBe(0);

  const second = await start();
  expect(await valuesOf(second, 'orders')).toEqual([{ n: 1 }, { n: 2 }]);
  expect(await apiOf(second.url).append('orders', [{ value: { n: 3 } }])).toMatchObject([{ partition: 0, offset: 2 }]);
});

test('what was acknowledged is there after a kill', async () => {
  const first = await start();
  await apiOf(first.url).createTopic('orders', 1);
  await apiOf(first.url).append('orders', [{ value: 'carried' }]);
  await apiOf(first.url).append('orders', [{ value: 'an object '.repeat(10_000) }]);
  await first.kill();

  expect(await valuesOf(await start(), 'orders')).toEqual(['carried', 'an object '.repeat(10_000)]);
});

test('a batch that was answered before the kill is not appended again when it is sent after it', async () => {
  const first = await start();
  await apiOf(first.url).createTopic('orders', 1);
  const producer = { ...(await apiOf(first.url).allocateProducer()), sequence: 0 };
  const send = (server: ServerProcess) =>
    apiOf(server.url).append('orders', [{ value: 1 }], { partition: 0, producer });
  const [answer] = await send(first);
  await first.kill();

  const second = await start();
  expect(await send(second)).toMatchObject([{ offset: answer!.offset }]);
  expect(await valuesOf(second, 'orders')).toEqual([1]);
});

test('a second server on the same folder says so and ends; the first goes on', async () => {
  const first = await start();
  await expect(startServer(data)).rejects.toThrow(/ended \(exit code [1-9]\d*\)[\s\S]*in use/i);
  expect(await answersWell(first.url)).toBe(true);
});

test('the library can open the folder of a server that stopped, and not before', async () => {
  const server = await start();
  await apiOf(server.url).createTopic('orders', 1);
  await expect(openEmbedded({ data })).rejects.toMatchObject({ code: 'DATA_FOLDER_IN_USE' });
  await server.stop();

  const log = await openEmbedded({ data });
  expect((await log.topics.list()).map(({ name }) => name)).toContain('orders');
  await log.close();
});

test('a web page under a foreign name cannot talk to it', async () => {
  const { url } = await start();
  const status = await new Promise<number | undefined>((resolve, reject) => {
    request(`${url}/health`, { headers: { host: 'evil.example' } }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    })
      .once('error', reject)
      .end();
  });
  expect(status).toBe(403);
});
