import { mkdtempSync, rmSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { runPage } from './page.ts';

let folder: string;
let said: string[];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'varve-page-'));
  said = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const run = (...lines: string[]) =>
  runPage({ name: 'README.md', text: lines.join('\n') }, folder, process.env, (line) => said.push(line));

test('sh blocks share one shell: variables and folder stay', async () => {
  const result = await run(
    '```sh',
    'a=1',
    'mkdir b && cd b',
    '```',
    '```sh',
    'test "$a" = 1',
    'test "$(basename "$PWD")" = b',
    '```',
  );
  expect(result).toEqual({ passed: 2, failed: 0, skipped: 0 });
});

test('a failing command fails its block with its line on the page, and what follows is not reached', async () => {
  const result = await run(
    'text',
    '```sh',
    'true',
    'echo so far',
    'ls missing | cat',
    'true',
    '```',
    '```sh',
    'true',
    '```',
  );
  expect(result).toEqual({ passed: 0, failed: 1, skipped: 1 });
  expect(said.join('\n')).toMatch(/FAILED {2}README\.md:3 sh: exit code 2/);
  expect(said.join('\n')).toMatch(/\.sh:5: exit code 2/);
  expect(said.join('\n')).toContain('so far');
  expect(said.at(-1)).toBe('skipped README.md:9 sh: not reached');
});

test('ts and python blocks are programs; an error names the line of the page', async () => {
  const passing = await run('```ts', 'const a: number = 1;', 'console.log(a);', '```', '```python', 'print(1)', '```');
  expect(passing).toEqual({ passed: 2, failed: 0, skipped: 0 });
  const failing = await run('', '', '```ts', 'const a: number = 1;', 'throw new Error("no" + a);', '```');
  expect(failing).toEqual({ passed: 0, failed: 1, skipped: 0 });
  expect(said.join('\n')).toContain('.ts:5');
});

test('the types of a ts block are checked in a project that has such', async () => {
  await mkdir(join(folder, 'node_modules', '.bin'), { recursive: true });
  await writeFile(join(folder, 'tsconfig.json'), '{}');
  await writeFile(join(folder, 'node_modules', '.bin', 'tsc'), '#!/bin/sh\necho "tsc $*"\nexit 2\n', { mode: 0o755 });
  expect(await run('```ts', 'const a: number = "1";', '```')).toMatchObject({ failed: 1 });
  expect(said.join('\n')).toMatch(/tsc -p \S+\.json --noEmit/);
});

test('a block that reads its input meets its end', async () => {
  expect(await run('```sh', 'test -z "$(cat)"', '```', '```sh', 'true', '```')).toMatchObject({ passed: 2 });
});

test('a skipped block says why and is not run', async () => {
  expect(await run('_Not run by the tests: needs Docker._', '```sh', 'false', '```')).toMatchObject({
    skipped: 1,
    failed: 0,
  });
  expect(said).toEqual(['skipped README.md:3 sh: needs Docker.']);
});

test.each([
  ['', { passed: 1, failed: 0, skipped: 2 }],
  ['true', { passed: 1, failed: 1, skipped: 1 }],
])('what cannot be had here ends the page, as a failure only in CI (CI=%s)', async (ci, expected) => {
  const { CI: _, ...env } = process.env;
  const text = ['```sh', 'true', '```', '```sh', '(exit 69)', '```', '```sh', 'true', '```'].join('\n');
  const page = { name: 'README.md', text };
  expect(await runPage(page, folder, { ...env, ...(ci && { CI: ci }) }, () => {})).toEqual(expected);
});

test('a background block goes on while later blocks run, and is gone at the end', async () => {
  const server = `require('http').createServer((q, a) => a.end('hi')).listen(0, function () { require('fs').writeFileSync('port', String(this.address().port)); console.log('up'); })`;
  const result = await run(
    '```sh background',
    `'${process.execPath}' -e "${server}"`,
    '```',
    '```sh',
    'test "$(curl -s http://127.0.0.1:$(cat port))" = hi',
    'echo "http://127.0.0.1:$(cat port)" > url',
    '```',
  );
  expect(result, said.join('\n')).toEqual({ passed: 2, failed: 0, skipped: 0 });
});

test('a background block that ends is a failure', async () => {
  expect(await run('```sh background', 'exit 3', '```')).toMatchObject({ failed: 1 });
  expect(said.join('\n')).toContain('ended with exit code 3');
});

test('a port that is taken is named', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  expect(await run(`\`\`\`sh background until=http://127.0.0.1:${port}/`, 'sleep 60', '```')).toMatchObject({
    failed: 1,
  });
  expect(said.join('\n')).toContain(`another process already listens on 127.0.0.1:${port}`);
  server.close();
});
