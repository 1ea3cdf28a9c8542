import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { poll } from '../../support/poll.ts';
import { type ServerProcess, startServer } from '../../support/server.ts';
import { ndjson, startVarve, varve } from './varve.ts';

let data: string;
let server: ServerProcess;

beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), 'varve-restart-'));
  server = await startServer(data);
});

afterEach(async () => {
  await server.kill();
  await rm(data, { recursive: true, force: true });
});

/** The same log at the same address. */
async function startAgain(): Promise<void> {
  server = await startServer(data, { args: ['--http-port', new URL(server.url).port] });
}

test('a server that is killed while records are produced and followed costs time, and no record is lost or doubled', async () => {
  const { url } = server;
  const values = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => ({ n: from + index }));
  const printed = (text: string) => text.split('\n').filter((line) => line !== '');
  await varve(url, ['topic', 'create', 'events', '--partitions', '1']);
  const follower = startVarve(url, ['consume', 'events', '--follow', '--output', 'value']);
  const producer = startVarve(url, ['produce', 'events']);

  producer.process.stdin.write(ndjson(values(0, 20_000)));
  await poll('some are printed', 20_000, () => (printed(follower.stdout).length > 0 ? true : undefined));
  await server.kill();
  producer.process.stdin.end(ndjson(values(20_000, 40_000)));
  await startAgain();

  expect(await producer.ended).toBe(0);
  expect(producer.stderr).toMatch(/^40,000 records to 1 partition of events/);
  await poll('all are printed', 20_000, () => (printed(follower.stdout).length >= 40_000 ? true : undefined));
  follower.process.kill('SIGINT');
  expect(await follower.ended).toBe(0);
  const expected = printed(ndjson(values(0, 40_000)));
  expect(printed(follower.stdout)).toEqual(expected);
  const { stdout } = await varve(url, ['consume', 'events', '--output', 'value']);
  expect(printed(stdout)).toEqual(expected);
}, 90_000);
