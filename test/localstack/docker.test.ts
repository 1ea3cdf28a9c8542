import { execFile } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';

const script = (name: string) => fileURLToPath(new URL(`../../localstack/${name}`, import.meta.url));

/** A command `docker` that writes down how it is called. Docker itself, and so what compose.yaml makes of it, is not run here. */
let folder: string;
let server: Server | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'varve-docker-'));
});
afterEach(() => {
  server?.close();
  server = undefined;
  rmSync(folder, { recursive: true, force: true });
});

function docker(engine: 'up' | 'down'): void {
  const info = engine === 'up' ? 'echo 28.2.2' : 'echo "Cannot connect to the Docker daemon" >&2';
  const lines = ['#!/bin/sh', `echo "$@" >>'${folder}/calls'`, `if [ "$1" = info ]; then ${info}; fi`, ''];
  writeFileSync(join(folder, 'docker'), lines.join('\n'));
  chmodSync(join(folder, 'docker'), 0o755);
}

const calls = () => readFileSync(join(folder, 'calls'), 'utf8').trim().split('\n');

function run(name: string, args: string[], env: NodeJS.ProcessEnv = {}): Promise<{ code: number; stdout: string }> {
  const settings = {
    LOCALSTACK_CACHE: join(folder, 'cache'),
    PATH: [folder, process.env.PATH].join(delimiter),
    ...env,
  };
  return new Promise((resolve) => {
    const child = execFile(script(name), args, { env: { HOME: folder, ...settings } }, (_, stdout) =>
      resolve({ code: child.exitCode ?? -1, stdout }),
    );
  });
}

test.each([
  ['up', 0],
  ['down', 1],
] as const)('Docker is there when its engine answers: %s', async (engine, code) => {
  docker(engine);

  expect(await run('docker', ['available'])).toMatchObject({ code });
});

test('LocalStack is started in Docker when that is asked for, found again, and stopped there', async () => {
  // Given a Docker that answers
  docker('up');
  server = createServer((_, response) => response.end('{}'));
  await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve));
  const port = String((server.address() as AddressInfo).port);
  const endpoint = `http://127.0.0.1:${port}\n`;

  // When it is started with Docker, started again without a word of it, and stopped
  const first = await run('start', [], { LOCALSTACK_PORT: port, LOCALSTACK_DOCKER: '1' });
  const ups = calls().filter((call) => call.includes(' up '));
  const again = await run('start', [], { LOCALSTACK_PORT: port });
  const stopped = await run('stop', [], { LOCALSTACK_PORT: port });

  // Then compose made it once, and took it away
  expect([first, again]).toEqual([
    { code: 0, stdout: endpoint },
    { code: 0, stdout: endpoint },
  ]);
  expect(ups).toHaveLength(1);
  expect(ups[0]).toContain(`--project-name varve-localstack-${port} up --detach --wait`);
  expect(stopped.code).toBe(0);
  expect(calls().at(-1)).toContain('down --volumes');
  expect(existsSync(join(folder, 'cache', `run-${port}`, 'docker'))).toBe(false);
});

test('the image is pinned, and only this machine reaches it', () => {
  const compose = readFileSync(script('compose.yaml'), 'utf8');

  expect(compose).toMatch(/image: localstack\/localstack:\d+\.\d+\.\d+\n/);
  const ports = /ports:\n((?:\s+- .*\n)+)/.exec(compose)?.[1]?.trim().split('\n') ?? [];
  expect(ports).toHaveLength(1);
  expect(ports.every((port) => port.includes('"127.0.0.1:'))).toBe(true);
});
