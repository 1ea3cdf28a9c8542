import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { pathToFileURL } from 'node:url';
import type { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openEnvironments } from '../../lib/runtime/environments.ts';
import { poll } from '../support/poll.ts';

let folder: string;
/** Environments that were started, and those of them that have ended. */
let started: number;
let ended: number;

function count(worker: Worker): void {
  started++;
  worker.once('exit', () => ended++);
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'varve-environments-'));
  [started, ended] = [0, 0];
  process.on('worker', count);
});
afterEach(() => {
  process.off('worker', count);
  rmSync(folder, { recursive: true, force: true });
});

function write(source: string): string {
  const path = join(folder, 'handler.mjs');
  writeFileSync(path, source);
  return pathToFileURL(path).href;
}

const until = (what: string, holds: () => boolean) => poll(what, 20_000, () => (holds() ? true : undefined));

it('an environment that ends between two invocations is not used for the next', async () => {
  // Given a function whose environment ends after its first answer
  const module = write(`
    import { existsSync } from 'node:fs';
    const end = new URL('end', import.meta.url);
    export function handler(event) {
      if (event.first) setInterval(() => existsSync(end) && process.exit(1), 10);
      return event;
    }`);
  const environments = await openEnvironments({ module, name: 'handler', timeout: 20_000 });
  expect(await environments.invoke('{"first":true}')).toBe('{"first":true}');
  writeFileSync(join(folder, 'end'), '');
  await until('it has ended', () => ended === 1);

  // When it is invoked again
  const answer = await environments.invoke('{"first":false}');

  // Then another one has answered
  expect(answer).toBe('{"first":false}');
  await environments.close();
  await until('all have ended', () => ended === started);
});

it('an environment that loads while all are closed ends as well', async () => {
  // Given a function that changed, and now never ends to load
  const environments = await openEnvironments({
    module: write('export const handler = () => 1'),
    name: 'handler',
    timeout: 20_000,
  });
  write('setInterval(() => {}, 1_000); await new Promise(() => {}); export const handler = () => "changed";');
  const invoked = environments.invoke('{}').catch((error: Error) => error.message);
  await until('it loads', () => started === 2);

  // When they are closed
  await environments.close();

  // Then the function is not invoked, and nothing is left
  expect(await invoked).toBe('Runtime exited');
  await until('all have ended', () => ended === started);
});
