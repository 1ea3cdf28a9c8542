import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { buildFunctions } from '../../cdk/build-functions.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'varve-bundles-'));
  buildFunctions(folder);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

it('every function is 700 KB or less: a cold start loads all of it', async () => {
  const names = await readdir(folder);
  expect(names).toEqual(expect.arrayContaining(['admin', 'fetch', 'produce']));
  for (const name of names) {
    const text = await readFile(join(folder, name, 'index.mjs'), 'utf8');
    const imported = [...text.matchAll(/\bfrom"\.\/([\w.-]+)"/g)].map((found) => found[1]!);
    const sizes = await Promise.all(['index.mjs', ...imported].map((one) => stat(join(folder, name, one))));
    const size = sizes.reduce((sum, one) => sum + one.size, 0);
    expect([name, size <= 700_000, size]).toEqual([name, true, size]);
  }
});

it('a bundle is whole: it runs where there are no packages', async () => {
  const run = `const { handler } = await import(process.argv[1]); console.log(JSON.stringify(await handler({}, {}))); process.exit();`;
  const env = { VARVE_BUCKET: 'b', VARVE_TABLE: 't', AWS_REGION: 'us-east-1', AWS_ENDPOINT_URL: 'http://127.0.0.1:1' };
  for (const name of ['admin', 'fetch', 'produce']) {
    const args = ['--input-type=module', '--eval', run, pathToFileURL(join(folder, name, 'index.mjs')).href];
    const { stdout } = await promisify(execFile)(process.execPath, args, { env, cwd: folder });
    expect(JSON.parse(stdout.trim().split('\n').at(-1)!)).toMatchObject({ statusCode: 400 });
  }
});

it('a bundle does not hold what functions never use', async () => {
  const text = await readFile(join(folder, 'produce', 'index.mjs'), 'utf8');
  // Single sign-on, assumed roles, Prometheus.
  for (const absent of ['sso_session', 'AssumeRoleWithWebIdentity', 'collectDefaultMetrics']) {
    expect([absent, text.includes(absent)]).toEqual([absent, false]);
  }
});
