import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { connect, type ReadRecord } from '../../../lib/client/client.ts';
import { poll } from '../../support/poll.ts';
import { type RunningDoor, runDoor } from '../http/running-door.ts';
import { ndjson, startVarve, varve } from './varve.ts';

const vega = new URL('../../../node_modules/vega-datasets/data/', import.meta.url);

let door: RunningDoor;
let folder: string;

beforeEach(async () => {
  door = await runDoor();
  await door.log.topics.create('events', { partitions: 4 });
  folder = await mkdtemp(join(tmpdir(), 'varve-produce-'));
});

afterEach(async () => {
  await door.close();
  await rm(folder, { recursive: true, force: true });
});

const produce = (input: string | Uint8Array, ...args: string[]) =>
  varve(door.url, ['produce', 'events', ...args], { input });

async function readAll(topic = 'events'): Promise<ReadRecord[]> {
  const records: ReadRecord[] = [];
  for await (const record of connect(door.url).read(topic, { follow: false })) records.push(record);
  return records;
}

describe('real data there and back', () => {
  test('flights, keyed by their origin: all there, once, in order per key', async () => {
    const flights = JSON.parse(await readFile(new URL('flights-2k.json', vega), 'utf8')) as { origin: string }[];
    const file = join(folder, 'flights.ndjson');
    await writeFile(file, ndjson(flights));

    const produced = await produce('', '--file', file, '--key', 'origin');

    expect(produced).toMatchObject({ code: 0, stdout: '' });
    expect(produced.stderr).toMatch(/^2,000 records to 4 partitions of events in \d+\.\d\d s\n$/);
    const consumed = (await varve(door.url, ['consume', 'events'])).json() as ReadRecord[];
    expect(consumed).toHaveLength(flights.length);
    const byKey = Map.groupBy(consumed, ({ key }) => key!);
    for (const [origin, expected] of Map.groupBy(flights, ({ origin }) => origin)) {
      const records = byKey.get(origin)!;
      expect(records.map(({ value }) => value)).toEqual(expected);
      expect(new Set(records.map(({ partition }) => partition)).size).toBe(1);
    }
  });

  test('earthquakes, nested and in many alphabets, keyed by a field within', async () => {
    const text = await readFile(new URL('earthquakes.json', vega), 'utf8');
    const { features } = JSON.parse(text) as { features: { properties: { code: string } }[] };

    expect((await produce(ndjson(features), '--key', 'properties.code')).code).toBe(0);

    const byKey = new Map((await readAll()).map(({ key, value }) => [key, value]));
    expect(byKey.size).toBe(features.length);
    for (const feature of features) expect(byKey.get(feature.properties.code)).toEqual(feature);
  });

  test('what consume prints, produce --records takes: keys, headers, times, bytes and tombstones', async () => {
    await door.log.topics.create('copy', { partitions: 4 });
    await door.log.append('events', [
      { key: 'a', value: '{"n":1}', headers: [{ key: 'h', value: 'x' }], timestamp: 1_700_000_000_000 },
      { key: Buffer.from([255, 0]), value: Buffer.from([0, 254]), partition: 3, timestamp: 5 },
      { key: 'b', value: null },
      { value: 'not JSON', headers: [{ key: 'h', value: Buffer.from([200]) }] },
    ]);

    const { stdout } = await varve(door.url, ['consume', 'events']);
    const copied = await varve(door.url, ['produce', 'copy', '--records'], { input: stdout });

    expect(copied.code).toBe(0);
    const content = (records: ReadRecord[]) => records.map((record) => JSON.stringify(record)).sort();
    const copy = (await readAll('copy')).map((record) =>
      record.value === '"not JSON"' ? { ...record, value: 'not JSON' } : record,
    );
    expect(content(copy)).toEqual(content(await readAll()));
  });
});

describe('a value', () => {
  test('is stored to the letter, and a long number stays what it is', async () => {
    const line = '{"id": 12345678901234567890, "price": 1.10, "text": "ü\\u00fc"}';

    expect((await produce(`  ${line}\r\n`, '--key', 'id', '--partition', '0')).code).toBe(0);

    const [batch] = (await door.log.poll('events', 0, 0)).records;
    expect(Buffer.from(batch!.value!).toString()).toBe(line);
    expect(Buffer.from(batch!.key!).toString()).toBe('12345678901234567890');
    const { stdout } = await varve(door.url, ['consume', 'events', '--output', 'value']);
    expect(stdout).toContain('"id":12345678901234567890');
  });

  test('may be any JSON; null is no value', async () => {
    const { code } = await produce('1\n"text"\n[1]\n{}\ntrue\nnull\n', '--partition', '0');

    expect(code).toBe(0);
    expect((await readAll()).map(({ value }) => value)).toEqual([1, 'text', [1], {}, true, null]);
    expect((await door.log.poll('events', 0, 5)).records[0]!.value).toBeNull();
  });

  test('blank lines, a missing last line break and a byte order mark are no trouble', async () => {
    await produce('\uFEFF1\n\n   \r\n2', '--partition', '0');

    expect((await readAll()).map(({ value }) => value)).toEqual([1, 2]);
  });
});

describe('a key', () => {
  test('is text as it is, anything else as its JSON, and null is none', async () => {
    const values = [{ k: 'a' }, { k: 7 }, { k: { x: 1 } }, { k: null }];

    expect((await produce(ndjson(values), '--key', 'k', '--partition', '0')).code).toBe(0);

    expect((await readAll()).map(({ key }) => key)).toEqual(['a', '7', '{"x":1}', null]);
  });

  test('goes to the partition where the log puts it', async () => {
    const values = Array.from({ length: 50 }, (_, index) => ({ k: `key ${index}` }));
    await door.log.topics.create('other', { partitions: 4 });
    const expected = await door.log.append(
      'other',
      values.map(({ k }) => ({ key: k, value: '1' })),
    );

    const { stdout } = await produce(ndjson(values), '--key', 'k', '--verbose');

    const partitions = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).partition);
    expect(partitions).toEqual(expected.map(({ partition }) => partition));
  });
});

test('headers are given to every record; a record keeps its own', async () => {
  await produce(
    ndjson([{ value: 1 }, { value: 2, headers: { source: 'own' } }]),
    '--records',
    '--header',
    'source=cli',
    '--header',
    'a=b=c',
    '--partition',
    '0',
  );

  expect((await readAll()).map(({ headers }) => headers)).toEqual([
    { source: 'cli', a: 'b=c' },
    { source: 'own', a: 'b=c' },
  ]);
});

test('--verbose prints where each record is, in the order of the lines', async () => {
  const { json } = await produce(ndjson([1, 2, 3]), '--partition', '2', '--verbose');

  expect(json()).toMatchObject([
    { partition: 2, offset: 0 },
    { partition: 2, offset: 1 },
    { partition: 2, offset: 2 },
  ]);
});

test('what comes slowly is appended as it comes', async () => {
  const running = startVarve(door.url, ['produce', 'events', '--partition', '0']);
  for (let count = 1; count <= 3; count++) {
    running.process.stdin.write(`${count}\n`);
    await poll('the record is there', 10_000, async () =>
      (await door.log.offsets('events', 0)).latest === count ? true : undefined,
    );
  }
  running.process.stdin.end();
  expect(await running.ended).toBe(0);
});

test('SIGINT ends the input: what was read is appended, and counted, with 130', async () => {
  const running = startVarve(door.url, ['produce', 'events', '--partition', '0']);
  running.process.stdin.write('1\n2\n');
  await poll('the records are there', 10_000, async () =>
    (await door.log.offsets('events', 0)).latest === 2 ? true : undefined,
  );

  running.process.kill('SIGINT');

  expect(await running.ended).toBe(130);
  expect(running.stderr).toMatch(/^2 records to 1 partition of events/);
});

describe('bad input ends with 6 and names the line; the lines before it are appended', () => {
  test.each([
    ['not JSON', '{"a":1}\n\nsecret words\n{"a":2}\n', [], 3, /not JSON/],
    ['not UTF-8', Buffer.from([0x31, 0x0a, 0x22, 0xff, 0x22, 0x0a]), [], 2, /not UTF-8/],
    ['without the field of the key', '{"k":"secret"}\n{"other":"secret"}\n', ['--key', 'k'], 2, /no field k/],
    ['not a record', '{"value":1}\n{"value":1,"colour":"secret"}\n', ['--records'], 2, /colour/],
    ['a record with a wrong key', '{"value":1}\n{"key":["secret"],"value":1}\n', ['--records'], 2, /key/],
    ['both value and bytes', '{"value":1}\n{"value":1,"value_base64":"eA=="}\n', ['--records'], 2, /both value/],
  ])('%s', async (_name, input, args, line, why) => {
    const { code, stderr } = await produce(input, '--partition', '0', ...args);

    expect(code).toBe(6);
    const [summary, error, ...rest] = stderr.split('\n');
    expect(summary).toMatch(/^1 record to 1 partition of events in/);
    expect(error).toMatch(new RegExp(`^varve: Line ${line}\\b.*the lines before it were appended\\.$`));
    expect(error).toMatch(why);
    expect(rest).toEqual(['']);
    expect(stderr).not.toContain('secret');
    expect(await readAll()).toHaveLength(1);
  });

  test('a record that is too large', async () => {
    const { code, stderr } = await produce(JSON.stringify('x'.repeat(2_000_000)));

    expect(code).toBe(6);
    expect(stderr).toMatch(/max\.message\.bytes|too large|larger/);
  });

  test('a line without an end is refused before it fills the memory', async () => {
    const { code, stderr } = await produce(Buffer.alloc(9 * 1024 * 1024, 'x'));

    expect(code).toBe(6);
    expect(stderr).toMatch(/Line 1 is longer than 8 MiB/);
  });
});

test('an empty input appends nothing and is no mistake', async () => {
  const { code, stderr } = await produce('');

  expect(code).toBe(0);
  expect(stderr).toMatch(/^0 records to 0 partitions of events/);
});

test('an unknown partition is 4', async () => {
  const { code, stderr } = await produce('1\n', '--partition', '4');

  expect(code).toBe(4);
  expect(stderr).toMatch(/^0 records.*\nvarve: .*\n$/);
});

test('a failure ends the command at once, though more input may come', async () => {
  const running = startVarve(door.url, ['produce', 'events', '--partition', '4']);
  running.process.stdin.write('1\n');

  expect(await running.ended).toBe(4);
});
