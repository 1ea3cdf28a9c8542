import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { type ApiGateway, type ApiGatewayOptions, runApiGateway } from '../../support/api-gateway.ts';
import { type RunningDoor, runDoor } from '../http/running-door.ts';
import { ndjson, varve } from './varve.ts';

const key = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };
const region = 'eu-central-1';
const iam = { ...key, region };
const IN_ENVIRONMENT = { AWS_ACCESS_KEY_ID: key.accessKeyId, AWS_SECRET_ACCESS_KEY: key.secretAccessKey };
/** Not the credentials of the machine that runs the tests, nor of the cloud that it is in. */
let alone: NodeJS.ProcessEnv;
let folder: string;
let door: RunningDoor;
let gateway: ApiGateway;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'varve-profiles-'));
  const file = join(folder, 'credentials');
  const lines = [`aws_access_key_id = ${key.accessKeyId}`, `aws_secret_access_key = ${key.secretAccessKey}`];
  writeFileSync(file, ['[shop]', ...lines, ''].join('\n'));
  const none = join(folder, 'config');
  alone = { AWS_SHARED_CREDENTIALS_FILE: file, AWS_CONFIG_FILE: none, AWS_EC2_METADATA_DISABLED: 'true' };
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

beforeEach(async () => {
  door = await runDoor();
  await door.log.topics.create('orders', { partitions: 1 });
});
afterEach(async () => {
  await gateway.close();
  await door.close();
});

async function behind(api: ApiGatewayOptions, args: string[], env: NodeJS.ProcessEnv = {}, input = '') {
  gateway = await runApiGateway(door.url, api);
  return varve(gateway.url, args, { env: { ...alone, ...env }, input });
}

test('--profile signs, over what the environment has', async () => {
  const other = { AWS_ACCESS_KEY_ID: 'AKIDOTHER', AWS_SECRET_ACCESS_KEY: 'other' };

  const ended = await behind(
    { iam },
    ['produce', 'orders', '--profile', 'shop', '--region', region],
    other,
    ndjson([{ total: 1 }, { total: 2 }]),
  );

  expect(ended).toMatchObject({ code: 0 });
  expect(await door.log.offsets('orders', 0)).toEqual({ earliest: 0, latest: 2 });
  expect(gateway.claims.every((claim) => claim?.accessKeyId === key.accessKeyId)).toBe(true);
});

test('--aws-sigv4 signs with what the environment has, region included', async () => {
  const env = { ...IN_ENVIRONMENT, AWS_REGION: region };

  const ended = await behind({ iam }, ['topic', 'list', '--output', 'json', '--aws-sigv4'], env);

  expect(ended.code).toBe(0);
  expect(ended.json()).toMatchObject([{ name: 'orders' }]);
});

test('without being asked for, nothing is signed; the refusal says how', async () => {
  const ended = await behind({ iam }, ['topic', 'list'], { ...IN_ENVIRONMENT, AWS_REGION: region });

  expect(ended).toMatchObject({ code: 8, stdout: '' });
  expect(ended.stderr).toMatch(/^varve: The API asks who calls.*--profile or --aws-sigv4.*\n$/);
});

test('a profile that there is not is said, and nothing is sent', async () => {
  const ended = await behind({ iam }, ['topic', 'list', '--profile', 'nobody', '--region', region]);

  expect(ended).toMatchObject({ code: 8, stdout: '' });
  expect(ended.stderr).toMatch(/^varve: There are no AWS credentials.*\n$/);
  expect(gateway.claims).toEqual([]);
});

test('an address that does not say its region wants --region', async () => {
  const ended = await behind({ iam }, ['topic', 'list', '--aws-sigv4'], IN_ENVIRONMENT);

  expect(ended).toMatchObject({ code: 2, stdout: '' });
  expect(ended.stderr).toMatch(/^varve: .*--region.*\n$/);
});

test.each([
  ['--api-key', ['--api-key', 'k'], {}],
  ['VARVE_API_KEY, which other users of the machine do not see', [], { VARVE_API_KEY: 'k' }],
])('an API key comes by %s', async (_, flags, env) => {
  const ended = await behind({ apiKey: 'k' }, ['topic', 'list', '--output', 'json', ...flags], env);

  expect(ended.code).toBe(0);
  expect(ended.json()).toHaveLength(1);
});

test('a wrong API key is refused, and not repeated on the terminal', async () => {
  const ended = await behind({ apiKey: 'k' }, ['topic', 'list', '--api-key', 'guessed']);

  expect(ended).toMatchObject({ code: 8, stdout: '' });
  expect(ended.stderr).toContain('--api-key');
  expect(ended.stderr).not.toContain('guessed');
});
