import { afterEach, beforeEach, expect, test } from 'vitest';
import { type RunningDoor, runDoor } from '../http/running-door.ts';
import { varve } from './varve.ts';

let door: RunningDoor;

beforeEach(async () => {
  door = await runDoor();
});

afterEach(() => door.close());

const run = (...args: string[]) => varve(door.url, args);

test('a topic is created, shown, altered and deleted', async () => {
  const settings = ['--partitions', '3', '--config', 'retention.ms=60000', '--config', 'cleanup.policy=compact'];
  expect(await run('topic', 'create', 'orders', ...settings)).toMatchObject({
    code: 0,
    stdout: 'Created topic orders with 3 partitions.\n',
    stderr: '',
  });
  await door.log.append('orders', [
    { partition: 1, key: 'k', value: 'a' },
    { partition: 1, key: 'k', value: 'b' },
  ]);
  await door.log.deleteRecords('orders', 1, 1);

  const described = await run('topic', 'describe', 'orders');
  expect(described.code).toBe(0);
  expect(described.stdout).toMatch(/^TOPIC +PARTITIONS +CREATED +ID\norders +3 +20\d\d-.*Z +[0-9a-f-]{36}\n/);
  expect(described.stdout).toMatch(
    /\nPARTITION +EARLIEST +LATEST +RECORDS\n +0 +0 +0 +0\n +1 +1 +2 +1\n +2 +0 +0 +0\n/,
  );
  expect(described.stdout).toMatch(/\nretention\.ms +60000 +no/);
  expect(described.stdout).not.toContain('max.message.bytes');
  expect((await run('topic', 'describe', 'orders', '--all')).stdout).toMatch(/\nmax\.message\.bytes +\d+ +yes/);

  const alter = ['--partitions', '4', '--config', 'retention.ms=5000', '--unset', 'cleanup.policy'];
  expect((await run('topic', 'alter', 'orders', ...alter)).code).toBe(0);
  const [json] = (await run('topic', 'describe', 'orders', '--output', 'json')).json();
  expect(json).toMatchObject({ name: 'orders', partitions: 4, config: { 'retention.ms': { value: '5000' } } });
  expect(json.config['cleanup.policy']).toMatchObject({ value: 'delete', is_default: true });
  expect(json.offsets[1]).toEqual({ partition: 1, earliest: 1, latest: 2 });

  expect(await run('topic', 'delete', 'orders')).toMatchObject({ code: 0, stdout: 'Deleted topic orders.\n' });
  expect((await run('topic', 'list')).stdout).toBe('TOPIC  PARTITIONS  ID\n');
});

test('topics are listed in columns, or as JSON, one a line', async () => {
  await door.log.topics.create('b', { partitions: 12 });
  await door.log.topics.create('a-longer-name');

  const { stdout } = await run('topic', 'list');
  expect(stdout).toMatch(
    /^TOPIC +PARTITIONS {2}ID\na-longer-name {11}1 {2}[0-9a-f-]{36}\nb {22}12 {2}[0-9a-f-]{36}\n$/,
  );
  expect((await run('topic', 'list', '--output', 'json')).json()).toMatchObject([
    { name: 'a-longer-name', partitions: 1 },
    { name: 'b', partitions: 12 },
  ]);
});
