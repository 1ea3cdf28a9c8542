import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningDoor, runDoor } from '../http/running-door.ts';
import { varve } from './varve.ts';

let door: RunningDoor;

beforeAll(async () => {
  door = await runDoor();
  await door.log.topics.create('orders', { partitions: 2 });
});

afterAll(() => door.close());

const run = (...args: string[]) => varve(door.url, args);

describe('help', () => {
  test.each([
    [[], ['server', 'topic', 'produce', 'consume', 'group', '--url', 'VARVE_URL', 'Exit codes']],
    [
      ['server'],
      ['--host', '--http-port', '--kafka-port', '--data', '--config', '--insecure', '--allow-host', '--cors-origin'],
    ],
    [['gateway'], ['--bucket', '--table', '--host', '--kafka-port', '--kafka-advertised', '--config', '--insecure']],
    [['topic'], ['create', 'list', 'describe', 'alter', 'delete']],
    [
      ['topic', 'create'],
      ['--partitions', '--config'],
    ],
    [
      ['topic', 'alter'],
      ['--partitions', '--config', '--unset'],
    ],
    [
      ['topic', 'describe'],
      ['--all', '--output'],
    ],
    [['produce'], ['--file', '--records', '--key', '--partition', '--header', '--verbose', '--url']],
    [['consume'], ['--from', '--partition', '--follow', '--max', '--group', '--output', '--url']],
    [['group'], ['list', 'describe', 'reset', 'delete']],
    [
      ['group', 'reset'],
      ['--topic', '--to', '--partition'],
    ],
  ])('of varve %j names everything there is', async (command, names) => {
    const { code, stdout, stderr } = await run(...command, '--help');

    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    for (const name of names) expect(stdout).toContain(name);
  });

  test('the version is that of the package', async () => {
    expect(await run('--version')).toMatchObject({ code: 0, stdout: '0.1.0\n' });
  });
});

describe('a wrong command line ends with 2, and one line that says why', () => {
  test.each([
    [['bogus'], /unknown command 'bogus'/],
    [['topic', 'creat', 'x'], /unknown command 'creat'.*create/],
    [['topic', 'create'], /missing required argument 'topic'/],
    [['topic', 'create', 'x', '--partitions', 'many'], /whole number from 1/],
    [['topic', 'create', 'x', '--config', 'novalue'], /name=value/],
    [['topic', 'alter', 'orders'], /Say what to change/],
    [['consume', 'orders', '--bogus'], /unknown option '--bogus'/],
    [['consume', 'orders', '--from', 'yesterday'], /earliest, latest/],
    [['consume', 'orders', '--from', '5'], /--partition/],
    [['consume', 'orders', '--output', 'xml'], /json, value, table/],
    [['consume', 'orders', '--max', '0'], /whole number from 1/],
    [['produce', 'orders', '--key', 'id', '--records'], /cannot be used with/],
    [['produce', 'orders', '--file', '/nowhere/at/all.ndjson'], /Cannot read \/nowhere\/at\/all.ndjson/],
    [['group', 'reset', 'g', '--to', 'earliest'], /--topic/],
    [['group', 'reset', 'g', '--topic', 'orders', '--to', '3'], /--partition/],
    [['topic', 'list', '--url', 'ftp://somewhere'], /--url/],
    [['topic', 'list', '--url', 'nowhere'], /--url/],
  ])('varve %j', async (args, message) => {
    const { code, stdout, stderr } = await run(...args);

    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^varve: .*\n$/);
  });

  test('a command that needs another one shows which there are', async () => {
    for (const args of [[], ['topic'], ['group']]) {
      const { code, stderr } = await run(...args);
      expect({ args, code }).toEqual({ args, code: 2 });
      expect(stderr).toContain('Usage: varve');
    }
  });
});

describe('what the server refuses has an exit code of its own, and one line that says why', () => {
  test.each([
    [4, ['topic', 'describe', 'nope'], /nope/],
    [4, ['topic', 'delete', 'nope'], /nope/],
    [4, ['produce', 'nope'], /nope/],
    [4, ['consume', 'nope'], /nope/],
    [4, ['consume', 'orders', '--partition', '7'], /7/],
    [4, ['group', 'describe', 'nobody'], /nobody/],
    [4, ['group', 'delete', 'nobody'], /nobody/],
    [4, ['group', 'reset', 'g', '--topic', 'nope', '--to', 'latest'], /nope/],
    [5, ['topic', 'create', 'orders'], /orders/],
    [1, ['topic', 'create', 'a/b'], /name/],
    [1, ['topic', 'create', 'b', '--config', 'no.such.key=1'], /no\.such\.key/],
    [1, ['topic', 'alter', 'orders', '--partitions', '1'], /partition/],
    [1, ['consume', 'orders', '--partition', '0', '--from', '99'], /99/],
  ])('%i: varve %j', async (expected, args, message) => {
    const { code, stdout, stderr } = await run(...args);

    expect({ code, stdout, stderr }).toEqual({ code: expected, stdout: '', stderr });
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^varve: .*\n$/);
  });

  test('3: nothing answers', async () => {
    const gone = await runDoor();
    await gone.close();
    for (const args of [
      ['topic', 'list'],
      ['produce', 'orders'],
      ['consume', 'orders', '--follow'],
    ]) {
      const { code, stdout, stderr } = await varve(gone.url, args);
      expect({ code, stdout }).toEqual({ code: 3, stdout: '' });
      expect(stderr).toMatch(/^varve: Cannot reach http:.*is the server running\?\n$/);
    }
  });

  test.each([
    [3, 'a gateway that has lost its server', 502, '<html>'],
    [7, 'a log that cannot now', 503, '{"error_code":50301,"code":"LOG_CLOSED","message":"Again.","retriable":true}'],
    [1, 'something that is not Varve', 200, '<html>'],
    [1, 'a refusal of a newer server', 400, '{"error_code":40099,"code":"NEW_IN_2030","message":"No."}'],
  ])('%i: %s', async (expected, _name, status, body) => {
    const other = createServer((_, response) => response.writeHead(status).end(body)).listen(0, '127.0.0.1');
    await once(other, 'listening');

    const { code, stderr } = await varve(`http://127.0.0.1:${(other.address() as AddressInfo).port}`, [
      'topic',
      'list',
    ]);
    other.close();

    expect({ code, stderr }).toEqual({ code: expected, stderr: expect.stringMatching(/^varve: .*\n$/) });
  });
});

test('--url overrides VARVE_URL, before and after the command', async () => {
  const nowhere = { VARVE_URL: 'http://127.0.0.1:1' };
  for (const args of [
    ['--url', door.url, 'topic', 'list'],
    ['topic', 'list', '--url', door.url],
  ]) {
    const { code, stdout } = await varve(door.url, args, { env: nowhere });
    expect(code).toBe(0);
    expect(stdout).toContain('orders');
  }
});

test('nothing that is printed into a pipe has colours or moves the cursor', async () => {
  const colourful = { FORCE_COLOR: '1', CLICOLOR_FORCE: '1', TERM: 'xterm-256color' };
  for (const args of [['--help'], ['topic', 'list'], ['topic', 'describe', 'nope'], ['consume', 'orders']]) {
    const { stdout, stderr } = await varve(door.url, args, { env: colourful });
    expect(stdout + stderr).not.toContain('\x1b');
    expect(stdout + stderr).not.toContain('\r');
  }
});
