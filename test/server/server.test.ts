import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EXIT } from '../../lib/server/exit-codes.ts';
import { openEvents } from '../doors/http/event-reader.ts';
import { poll } from '../support/poll.ts';
import { type ServerProcess, startServer } from '../support/server.ts';

const VARVE = fileURLToPath(new URL('../../bin/varve.js', import.meta.url));

let data: string;
const started: ServerProcess[] = [];
beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), 'varve-server-'));
});
afterEach(async () => {
  for (const server of started.splice(0)) await server.kill();
  await rm(data, { recursive: true, force: true });
});

async function start(...given: Parameters<typeof startServer> extends [string, ...infer Rest] ? Rest : never) {
  const server = await startServer(data, ...given);
  started.push(server);
  return server;
}

/** `varve server` that ends by itself. */
function run(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [VARVE, 'server', ...args], (error, stdout, stderr) => {
      resolve({ code: Number(error?.code ?? 0), stdout, stderr });
    });
  });
}

async function post(url: string, path: string, body: unknown): Promise<{ status: number; body: unknown }> {
  const answer = await fetch(url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: answer.status, body: await answer.json() };
}

describe('varve server', () => {
  test('says what runs and what to try, and logs in JSON', async () => {
    const server = await start({ env: { VARVE_LOG_LEVEL: 'debug' } });
    const { status } = await post(server.url, '/api/topics', { name: 'orders' });
    expect(status).toBe(201);
    await poll('the request is logged', 5_000, () =>
      server.output().includes('"path":"/api/topics"') ? true : undefined,
    );
    const output = server.output();
    expect(output).toContain(`HTTP  ${server.url}`);
    expect(output).toContain(`${data} (0 topics)`);
    expect(output).toMatch(/npx varve topic create .*\n.*curl .*\n.*npx varve consume/);
    const logged = output.split('\n').filter((line) => line.startsWith('{'));
    expect(logged.map((line) => JSON.parse(line))).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ level: 30, msg: 'running' }),
        expect.objectContaining({ level: 20, msg: 'request', method: 'POST', path: '/api/topics', status: 201 }),
      ]),
    );
    expect(await server.stop()).toBe(EXIT.ok);
  });

  test('a data folder in use, wrong options and a taken port each end in one line and their own code', async () => {
    const server = await start();
    const port = new URL(server.url).port;
    const other = await mkdtemp(join(tmpdir(), 'varve-server-'));
    try {
      const runs = await Promise.all([
        run('--http-port', '0', '--kafka-port', '0', '--data', data),
        run('--http-port', '99999', '--data', other),
        run('--host', '0.0.0.0', '--data', other),
        run('--config', 'no.such.key=1', '--data', other),
        run('--http-port', port, '--data', other),
      ]);
      expect(runs.map(({ code }) => code)).toEqual([
        EXIT.dataFolderInUse,
        EXIT.wrongOptions,
        EXIT.wrongOptions,
        EXIT.wrongOptions,
        EXIT.cannotListen,
      ]);
      for (const { stderr, stdout } of runs) {
        expect(stdout).toBe('');
        expect(stderr).toMatch(/^varve: .+\n$/);
      }
      expect(runs[0]!.stderr).toContain('in use');
      expect(runs[2]!.stderr).toContain('--insecure');
      expect(runs[4]!.stderr).toContain('--http-port');
    } finally {
      await rm(other, { recursive: true, force: true });
    }
  });

  test('--config reaches the log', async () => {
    const server = await start({ args: ['--config', 'num.partitions=5', '--config', 'node.id=9'] });
    expect((await post(server.url, '/api/topics', { name: 't' })).body).toMatchObject({ partitions: 5 });
    expect(await (await fetch(`${server.url}/brokers`)).json()).toEqual({ brokers: [9] });
  });

  test('stopped under load it ends well, and nothing that it acknowledged is lost or doubled', async () => {
    const server = await start();
    await post(server.url, '/api/topics', { name: 't', partitions: 4 });
    const acknowledged = new Map<string, number>();
    let refused = 0;
    const events = await openEvents(`${server.url}/api/topics/t/events`);
    const writers = Array.from({ length: 8 }, async (_, writer) => {
      for (let n = 0; ; n++) {
        try {
          const answer = await post(server.url, `/api/topics/t/partitions/${writer % 4}/records`, [
            { value: `${writer}-${n}` },
          ]);
          if (answer.status !== 200) throw new Error(`status ${answer.status}`);
          const [{ offset }] = (answer.body as { offsets: { offset: number }[] }).offsets as [{ offset: number }];
          acknowledged.set(`${writer}-${n}`, offset);
        } catch {
          refused++;
          return;
        }
      }
    });
    await poll('the load is there', 10_000, () => (acknowledged.size > 200 ? true : undefined));
    const begun = performance.now();
    expect(await server.stop()).toBe(EXIT.ok);
    expect(performance.now() - begun).toBeLessThan(5_000);
    await Promise.all(writers);
    expect(refused).toBe(8);
    for (;;) if ((await events.next().catch(() => undefined)) === undefined) break;

    const again = await start();
    for (const partition of [0, 1, 2, 3]) {
      const path = `/api/topics/t/partitions/${partition}/records?limit=10000&max_bytes=8388608`;
      const { records } = (await (await fetch(again.url + path)).json()) as {
        records: { offset: number; value: string }[];
      };
      expect(records.map(({ offset }) => offset)).toEqual(records.map((_, offset) => offset));
      expect(new Set(records.map(({ value }) => value)).size).toBe(records.length);
      for (const { offset, value } of records) {
        if (acknowledged.has(value)) expect(acknowledged.get(value)).toBe(offset);
        acknowledged.delete(value);
      }
    }
    expect([...acknowledged]).toEqual([]);
  });

  test('a signal that comes twice, as npm and the terminal send it, still stops it well', async () => {
    const server = await start();
    process.kill(server.pid, 'SIGINT');
    process.kill(server.pid, 'SIGINT');
    expect(await server.stop()).toBe(EXIT.ok);
    expect(server.output()).toContain('"stopped"');
  });

  test('another signal, half a second later, ends it at once, though a client holds on to a request', async () => {
    const server = await start();
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    socket.on('error', () => {});
    socket.write(
      'POST /api/topics HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{',
    );
    await poll('the request is in flight', 5_000, async () => {
      const metrics = await (await fetch(`${server.url}/metrics`)).text();
      return /nodejs_active_handles\{type="Socket"\} [2-9]/.test(metrics) ? true : undefined;
    });
    process.kill(server.pid, 'SIGTERM');
    await poll('it is stopping', 5_000, () => (server.output().includes('"stopping"') ? true : undefined));
    const begun = performance.now();
    await poll('it is gone', 4_000, () => {
      try {
        process.kill(server.pid, 'SIGTERM');
        return undefined;
      } catch {
        return true;
      }
    });
    expect(performance.now() - begun).toBeLessThan(4_000);
    socket.destroy();
  });
});

describe('an older Node', () => {
  test('is told what to install', async () => {
    // The check alone, under a version that it is made to see.
    const check = fileURLToPath(new URL('../../bin/check-node.js', import.meta.url));
    const script = `Object.defineProperty(process.versions, 'node', { value: '20.20.0' });
      const { requireNode } = await import(${JSON.stringify(check)}); requireNode();`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    const [code] = await once(child, 'close');
    expect(code).toBe(1);
    expect(said).toBe('Varve needs Node 22.18 or newer; this is 20.20.0. Install Node 24 from nodejs.org.\n');
  });
});
