import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startVarve } from '../../lib/testing/testing.ts';

const folders = () => readdirSync(tmpdir()).filter((name) => name.startsWith('varve-test-'));

test('logs that run side by side know nothing of each other', async () => {
  await using one = await startVarve();
  await using other = await startVarve();

  await one.client.topics.create('orders', { partitions: 1 });
  await one.client.append('orders', [{ value: 1 }]);

  expect(one.url).not.toBe(other.url);
  expect(await one.log.offsets('orders', 0)).toEqual({ earliest: 0, latest: 1 });
  expect(await other.log.topics.list()).toEqual([]);
});

test('in the end nothing is left: no folder, no address, and what waits is over', async () => {
  // Given a log, of which only this one's folder is new, and someone who waits for a record
  const before = new Set(folders());
  const varve = await startVarve();
  await varve.client.topics.create('orders', { partitions: 1 });
  const [made] = folders().filter((name) => !before.has(name) && existsSync(join(tmpdir(), name, 'catalog.sqlite')));
  const waiting = varve.client.poll('orders', 0, 'latest', { wait: 30_000 }).catch((error: unknown) => error);

  // When it is closed, twice
  const begun = performance.now();
  await Promise.all([varve.close(), varve.close()]);

  // Then who waited knows, soon
  await waiting;
  expect(performance.now() - begun).toBeLessThan(5_000);
  expect(made).toBeDefined();
  expect(existsSync(join(tmpdir(), made!))).toBe(false);
  await expect(fetch(`${varve.url}/health`)).rejects.toThrow();
  await expect(varve.log.topics.list()).rejects.toMatchObject({ code: 'LOG_CLOSED' });
});

test('a folder that is given stays, with what is in it', async () => {
  const data = mkdtempSync(join(tmpdir(), 'varve-given-'));
  try {
    const first = await startVarve({ data, config: ['num.partitions=3'] });
    expect(await first.client.topics.create('orders')).toMatchObject({ partitions: 3 });
    await first.close();

    await using second = await startVarve({ data });
    expect(await second.client.topics.describe('orders')).toMatchObject({ partitions: 3 });
  } finally {
    rmSync(data, { recursive: true, force: true });
  }
});

test('a port that is taken is said, and nothing is left', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const data = mkdtempSync(join(tmpdir(), 'varve-given-'));
  try {
    const { port } = server.address() as AddressInfo;
    await expect(startVarve({ data, port })).rejects.toThrow(/another process/);
    // The folder's lock is free again.
    await (await startVarve({ data })).close();
  } finally {
    server.close();
    rmSync(data, { recursive: true, force: true });
  }
});
