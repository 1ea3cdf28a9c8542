import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { EXIT } from '../../lib/server/exit-codes.ts';
import { poll } from '../support/poll.ts';
import { type ServerProcess, startServer } from '../support/server.ts';

let data: string;
let server: ServerProcess | undefined;
beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), 'varve-upkeep-'));
});
afterEach(async () => {
  await server?.kill();
  await rm(data, { recursive: true, force: true });
});

/** Files of segments, and their bytes together. */
async function onDisk(): Promise<{ files: number; bytes: number }> {
  const folder = join(data, 'objects', 'segments');
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  // One may be deleted while it is looked at.
  const sizes = await Promise.all(
    files.map((file) =>
      stat(file).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  );
  return { files: files.length, bytes: sizes.reduce((sum, size) => sum + size, 0) };
}

async function send(path: string, body: unknown): Promise<unknown> {
  const answer = await fetch(server!.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  expect(answer.status).toBeLessThan(300);
  return answer.json();
}

const CONFIG = ['log.retention.check.interval.ms=100', 'log.segment.delete.delay.ms=0'];
const args = CONFIG.flatMap((one) => ['--config', one]);

test('a server gives back the disk that old records took, and keeps what is young', async () => {
  server = await startServer(data, { args });
  const large = 'x'.repeat(200_000);
  await send('/api/topics', { name: 'kept', config: { 'retention.ms': '-1' } });
  await send('/api/topics', { name: 'logs', config: { 'retention.ms': '-1' } });
  await send('/api/topics/kept/records', [{ value: large }]);
  for (let i = 0; i < 20; i++) await send('/api/topics/logs/records', [{ value: large }]);
  const before = await onDisk();
  expect(before.bytes).toBeGreaterThan(21 * 200_000);

  await fetch(`${server.url}/api/topics/logs`, {
    method: 'PATCH',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ config: { 'retention.ms': '1' } }),
  }).then((answer) => expect(answer.status).toBe(200));

  const after = await poll('the files are gone', 20_000, async () => {
    const now = await onDisk();
    return now.files <= 1 ? now : undefined;
  });
  expect(after.files).toBe(1);
  expect(after.bytes).toBeLessThan(210_000);
  const kept = await fetch(`${server.url}/api/topics/kept/partitions/0/records?offset=0`);
  expect(await kept.text()).toContain(large);
  const range = await (await fetch(`${server.url}/api/topics/logs/partitions/0/offsets`)).json();
  expect(range).toMatchObject({ earliest: 20, latest: 20 });
  expect(await send('/api/topics/logs/records', [{ value: 'next' }])).toBeDefined();
  expect(server.output()).toContain('old data was deleted');
  expect(await server.stop()).toBe(EXIT.ok);
});

test('a server that is started again goes on with what one before it left', async () => {
  server = await startServer(data);
  await send('/api/topics', { name: 'logs', config: { 'retention.ms': '1' } });
  for (let i = 0; i < 5; i++) await send('/api/topics/logs/records', [{ value: 'x'.repeat(200_000) }]);
  await server.kill();
  expect((await onDisk()).files).toBe(5);

  server = await startServer(data, { args });

  await poll('the files are gone', 20_000, async () => ((await onDisk()).files === 0 ? true : undefined));
  expect(await server.stop()).toBe(EXIT.ok);
});
