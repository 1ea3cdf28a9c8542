import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { poll } from '../../support/poll.ts';
import { type RunningDoor, runDoor } from '../http/running-door.ts';
import { startVarve, varve } from './varve.ts';

let door: RunningDoor;

beforeEach(async () => {
  door = await runDoor();
  await door.log.topics.create('events', { partitions: 2 });
});

afterEach(() => door.close());

const consume = (...args: string[]) => varve(door.url, ['consume', 'events', ...args]);

const append = (partition: number, ...values: unknown[]) =>
  door.log.append(
    'events',
    values.map((value) => ({ partition, value: JSON.stringify(value) })),
  );

const count = (from: number, to: number) => Array.from({ length: to - from }, (_, index) => from + index);

async function values(...args: string[]): Promise<unknown[]> {
  const { code, stderr, json } = await consume('--output', 'value', ...args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return json();
}

describe('what is printed', () => {
  test('are records as JSON, one a line, into a pipe', async () => {
    await door.log.append('events', [
      { partition: 1, key: 'k', value: '{ "a":\n 1 }', timestamp: 5, headers: [{ key: 'h', value: 'v' }] },
    ]);

    const { code, stdout } = await consume();

    expect(code).toBe(0);
    expect(stdout).toBe('{"partition":1,"offset":0,"timestamp":5,"key":"k","value":{"a":1},"headers":{"h":"v"}}\n');
  });

  test('are values alone with --output value', async () => {
    await door.log.append('events', [
      { partition: 0, value: '{"a":1}' },
      { partition: 0, value: 'text' },
      { partition: 0, value: null },
      { partition: 0, value: Buffer.from([255]) },
    ]);

    expect((await consume('--output', 'value')).stdout).toBe('{"a":1}\n"text"\nnull\n"/w=="\n');
  });

  test('are columns with --output table, which no record can break', async () => {
    await door.log.append('events', [
      { partition: 0, key: 'two\nlines \u001b[31m', value: `"${'x'.repeat(500)}"`, timestamp: 0 },
    ]);

    const { stdout } = await consume('--output', 'table');

    const [head, row, ...rest] = stdout.split('\n');
    expect(head).toMatch(/^PARTITION +OFFSET +TIMESTAMP +KEY +VALUE$/);
    expect(row).toMatch(/^ +0 +0 {2}1970-01-01T00:00:00\.000Z {2}two\\u000alines \\u001b\[3… {2}"xxx+…$/);
    expect(row!.length).toBe(120);
    expect(rest).toEqual(['']);
  });
});

describe('from where', () => {
  test('earliest, latest, an offset, a time; all partitions or one', async () => {
    await door.log.append('events', [
      { partition: 0, value: '1', timestamp: Date.parse('2026-01-01T00:00:00Z') },
      { partition: 0, value: '2', timestamp: Date.parse('2026-01-02T00:00:00Z') },
      { partition: 1, value: '3', timestamp: Date.parse('2026-01-03T00:00:00Z') },
    ]);

    expect((await values()).sort()).toEqual([1, 2, 3]);
    expect(await values('--partition', '0')).toEqual([1, 2]);
    expect(await values('--partition', '0', '--from', '1')).toEqual([2]);
    expect(await values('--from', 'latest')).toEqual([]);
    expect((await values('--from', '2026-01-01T12:00:00Z')).sort()).toEqual([2, 3]);
    expect(await values('--from', `time:${Date.parse('2026-01-03T00:00:00Z')}`)).toEqual([3]);
    expect(await values('--partition', '0', '--max', '1')).toEqual([1]);
  });
});

describe('--follow', () => {
  test('prints what comes later, as it comes, until SIGINT, which is no mistake', async () => {
    await append(0, 'early');
    const running = startVarve(door.url, ['consume', 'events', '--follow', '--output', 'value']);
    await poll('the first is printed', 10_000, () => (running.stdout === '"early"\n' ? true : undefined));

    await append(1, 'late');
    await poll('the late one is printed', 10_000, () => (running.stdout.endsWith('"late"\n') ? true : undefined));
    await append(0, 'later');
    await poll('the later one is printed', 10_000, () => (running.stdout.endsWith('"later"\n') ? true : undefined));
    running.process.kill('SIGINT');

    expect(await running.ended).toBe(0);
    expect(running.stderr).toBe('');
  });

  test('ends after --max, and with SIGTERM', async () => {
    const enough = startVarve(door.url, ['consume', 'events', '--follow', '--max', '2', '--output', 'value']);
    const ended = startVarve(door.url, ['consume', 'events', '--follow', '--output', 'value']);
    await append(0, 1, 2, 3);
    expect(await enough.ended).toBe(0);
    expect(enough.stdout).toBe('1\n2\n');

    await poll('all are printed', 10_000, () => (ended.stdout === '1\n2\n3\n' ? true : undefined));
    ended.process.kill('SIGTERM');
    expect(await ended.ended).toBe(0);
  });

  test('ends with 3 when the server is gone for longer than --timeout', async () => {
    await append(0, 1);
    const running = startVarve(door.url, ['--timeout', '1', 'consume', 'events', '--follow']);
    await poll('the first is printed', 10_000, () => (running.stdout !== '' ? true : undefined));

    await door.close();

    expect(await running.ended).toBe(3);
    expect(running.stderr).toMatch(/^varve: Cannot reach .*\n$/);
  });
});

describe('a reader that goes away', () => {
  test.each([[[]], [['--follow']], [['--group', 'g']]])('ends it quietly with 0 %j', async (args) => {
    for (let round = 0; round < 10; round++) await append(0, ...count(0, 5000));
    const running = startVarve(door.url, ['consume', 'events', ...args]);
    await once(running.process.stdout, 'data');

    running.process.stdout.destroy();
    if (args.includes('--follow')) await append(0, ...count(0, 5000));

    expect(await running.ended).toBe(0);
    expect(running.stderr).toBe('');
  });
});

describe('--group', () => {
  test('goes on where it stopped, and commits what was printed', async () => {
    await append(0, ...count(0, 10));

    expect(await values('--group', 'g', '--max', '4')).toEqual([0, 1, 2, 3]);
    expect(await door.log.groups.offsets('g')).toMatchObject([{ topic: 'events', partition: 0, offset: 4 }]);
    expect(await values('--group', 'g')).toEqual([4, 5, 6, 7, 8, 9]);
    expect(await values('--group', 'g')).toEqual([]);
    await append(1, 'new');
    expect(await values('--group', 'g')).toEqual(['new']);
    expect(await values('--group', 'other')).toHaveLength(11);
  });

  test('--from counts for what the group has not committed', async () => {
    await append(0, 1, 2);

    expect(await values('--group', 'g', '--from', 'latest')).toEqual([]);
    expect(await values('--group', 'g', '--partition', '0', '--from', '1')).toEqual([2]);
    expect(await values('--group', 'g', '--from', 'earliest')).toEqual([]);
  });

  test('begins at the first record that is left when those after its offset are deleted', async () => {
    await append(0, ...count(0, 10));
    expect(await values('--group', 'g', '--max', '2')).toEqual([0, 1]);
    await door.log.deleteRecords('events', 0, 7);

    expect(await values('--group', 'g')).toEqual([7, 8, 9]);
  });

  test('a kill loses nothing: what was not committed is printed again', async () => {
    await append(0, ...count(0, 1000));
    const running = startVarve(door.url, ['consume', 'events', '--group', 'g', '--follow', '--output', 'value']);
    await once(running.process.stdout, 'data');
    running.process.kill('SIGKILL');
    await running.ended;
    await append(0, ...count(1000, 1100));

    const seen = new Set([...running.stdout.split('\n'), ...(await values('--group', 'g')).map(String)]);

    for (const value of count(0, 1100)) expect(seen.has(String(value))).toBe(true);
  });

  test('SIGINT commits what was printed while it followed', async () => {
    await append(0, 1);
    const running = startVarve(door.url, ['consume', 'events', '--group', 'g', '--follow', '--output', 'value']);
    await poll('it is printed', 10_000, () => (running.stdout === '1\n' ? true : undefined));
    await append(0, 2);
    await poll('it is printed', 10_000, () => (running.stdout === '1\n2\n' ? true : undefined));

    running.process.kill('SIGINT');

    expect(await running.ended).toBe(0);
    expect(await door.log.groups.offsets('g')).toMatchObject([{ partition: 0, offset: 2 }]);
  });

  test('while a consumer of the library holds the group, it ends with 5', async () => {
    await append(0, 1);
    const consumer = door.log.consumer({ group: 'g', topics: ['events'] });
    const batches = consumer[Symbol.asyncIterator]();
    await batches.next();

    const { code, stderr } = await consume('--group', 'g');
    await consumer.close();

    expect(code).toBe(5);
    expect(stderr).toMatch(/^varve: .*\n$/);
  });
});
