import { afterEach, beforeEach, expect, test } from 'vitest';
import { type RunningDoor, runDoor } from '../http/running-door.ts';
import { varve } from './varve.ts';

let door: RunningDoor;

beforeEach(async () => {
  door = await runDoor();
  await door.log.topics.create('events', { partitions: 2 });
  await door.log.append('events', [
    { partition: 0, value: '1', timestamp: 1_000 },
    { partition: 0, value: '2', timestamp: 2_000 },
    { partition: 1, value: '3', timestamp: 3_000 },
  ]);
});

afterEach(() => door.close());

const run = (...args: string[]) => varve(door.url, ['group', ...args]);

const committed = async () =>
  (await door.log.groups.offsets('g')).map(({ partition, offset }) => [partition, offset]).sort();

test('groups are listed and described', async () => {
  await door.log.groups.commit('g', [
    { topic: 'events', partition: 0, offset: 1 },
    { topic: 'events', partition: 1, offset: 1 },
  ]);
  await door.log.groups.commit('another', [{ topic: 'events', partition: 0, offset: 0 }]);

  expect(await run('list')).toMatchObject({ code: 0, stdout: 'GROUP\nanother\ng\n', stderr: '' });
  expect((await run('list', '--output', 'json')).json()).toEqual([{ group: 'another' }, { group: 'g' }]);
  expect((await run('describe', 'g')).stdout).toBe(
    [
      'TOPIC   PARTITION  COMMITTED  LATEST  LAG',
      'events          0          1       2    1',
      'events          1          1       1    0',
      '',
    ].join('\n'),
  );
  expect((await run('describe', 'g', '--output', 'json')).json()).toMatchObject([
    { topic: 'events', partition: 0, offset: 1, latest: 2, lag: 1 },
    { topic: 'events', partition: 1, offset: 1, latest: 1, lag: 0 },
  ]);
});

test('a group is reset to the ends, to a time, and to an offset of one partition', async () => {
  const reset = (...to: string[]) => run('reset', 'g', '--topic', 'events', '--to', ...to);

  expect(await reset('latest')).toMatchObject({ code: 0, stderr: '' });
  expect(await committed()).toEqual([
    [0, 2],
    [1, 1],
  ]);
  await reset('earliest');
  expect(await committed()).toEqual([
    [0, 0],
    [1, 0],
  ]);
  await reset('time:2000');
  expect(await committed()).toEqual([
    [0, 1],
    [1, 0],
  ]);
  await reset('1', '--partition', '1');
  expect(await committed()).toEqual([
    [0, 1],
    [1, 1],
  ]);
  expect((await reset('5', '--partition', '1')).code).toBe(1);
  expect((await reset('latest')).stdout).toBe(
    ['TOPIC   PARTITION  COMMITTED', 'events          0          2', 'events          1          1', ''].join('\n'),
  );
});

test('a group is deleted, unless a consumer of the library holds it', async () => {
  const consumer = door.log.consumer({ group: 'g', topics: ['events'] });
  const { value } = await consumer[Symbol.asyncIterator]().next();
  await value!.commit();

  expect((await run('delete', 'g')).code).toBe(5);
  await consumer.close();
  expect(await run('delete', 'g')).toMatchObject({ code: 0, stdout: 'Deleted group g.\n' });
  expect((await run('describe', 'g')).code).toBe(4);
});
