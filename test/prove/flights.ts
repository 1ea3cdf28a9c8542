import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { openEmbedded } from '../../lib/open/embedded.ts';
import { apiOf } from '../support/api.ts';
import { startServer } from '../support/server.ts';
import { count, millis, type Proof } from './trial.ts';

const PARTITIONS = 8;
const RECORDS_A_REQUEST = 1000;
const VARVE = fileURLToPath(new URL('../../bin/varve.js', import.meta.url));
const DATA_SETS = new URL('../../node_modules/vega-datasets/data/', import.meta.url);

/** A record as all ways of reading must give it: key and value as texts. */
interface Plain {
  key: string;
  value: string;
}

/** What is to be found in each partition, in order, as the answers of the appends say. */
type Expected = Plain[][];

/** Real data in by HTTP and by the command line; out by HTTP, by the command line and by the library, and the same each time. */
export const prove: Proof = async ({ size, folder, figure, claim }) => {
  const flights = keyed(readSet<{ distance: number }[]>('flights-200k.json'), ({ distance }) => String(distance));
  const chosen = size === 'full' ? flights : flights.slice(0, 20_000);
  const { features } = readSet<{ features: { id: string }[] }>('earthquakes.json');
  const quakes = keyed(features, ({ id }) => id);

  const server = await startServer(folder);
  const api = apiOf(server.url);
  await api.createTopic('flights', PARTITIONS);
  await api.createTopic('earthquakes', PARTITIONS);

  const begun = performance.now();
  const expected: Expected = Array.from({ length: PARTITIONS }, () => []);
  const misplaced: string[] = [];
  for (let at = 0; at < chosen.length; at += RECORDS_A_REQUEST) {
    const sent = chosen.slice(at, at + RECORDS_A_REQUEST);
    const answers = await api.append(
      'flights',
      sent.map(({ key, value }) => ({ key, value: JSON.parse(value) as unknown })),
    );
    for (const [i, { partition, offset }] of answers.entries()) {
      if (offset !== expected[partition]!.length) misplaced.push(`record ${at + i} at ${partition}/${offset}`);
      expected[partition]!.push(sent[i]!);
    }
  }
  const produced = performance.now() - begun;
  figure(
    'flights produced over HTTP',
    `${count(chosen.length)} in ${millis(produced)}, ${perSecond(chosen.length, produced)}`,
  );
  claim('the answers give each partition dense offsets in the order of sending', misplaced.length === 0, misplaced[0]);
  const partitionsOfKey = new Map<string, Set<number>>();
  for (const [partition, records] of expected.entries()) {
    for (const { key } of records) partitionsOfKey.set(key, (partitionsOfKey.get(key) ?? new Set()).add(partition));
  }
  const used = expected.filter((records) => records.length > 0).length;
  claim(
    `each of ${count(partitionsOfKey.size)} keys has one partition, and all ${PARTITIONS} are used`,
    used === PARTITIONS && [...partitionsOfKey.values()].every((partitions) => partitions.size === 1),
  );

  const lines = quakes.map(({ key, value }) => `{"key":${JSON.stringify(key)},"value":${value}}\n`).join('');
  await varve(['produce', 'earthquakes', '--records', '--url', server.url], lines);

  const compareAll = async (how: string, read: (topic: string) => Promise<Expected>) => {
    const start = performance.now();
    const found = await read('flights');
    const took = performance.now() - start;
    const different = firstDifference(expected, found);
    claim(
      `flights read by ${how}: the same values, in order per key and partition`,
      different === undefined,
      different,
    );
    figure(`  by ${how}`, `${count(found.flat().length)} in ${millis(took)}, ${perSecond(chosen.length, took)}`);
    const lost = setDifference(quakes, (await read('earthquakes')).flat());
    claim(`earthquakes read by ${how}: the same keys and values`, lost === undefined, lost);
  };

  await compareAll('HTTP', async (topic) => {
    const partitions = Array.from({ length: PARTITIONS }, async (_, partition) => {
      const records: Plain[] = [];
      for await (const { key, value } of api.readAll(topic, partition))
        records.push({ key: key ?? '', value: JSON.stringify(value) });
      return records;
    });
    return await Promise.all(partitions);
  });
  await compareAll('the command line', async (topic) => {
    const found: Expected = Array.from({ length: PARTITIONS }, () => []);
    const output = await varve(['consume', topic, '--url', server.url, '--from', 'earliest', '--output', 'json']);
    for (const line of output.split('\n')) {
      if (line === '') continue;
      const { partition, key, value } = JSON.parse(line) as { partition: number; key: string; value: unknown };
      found[partition]!.push({ key, value: JSON.stringify(value) });
    }
    return found;
  });
  await server.stop();
  const log = await openEmbedded({ data: folder });
  await compareAll('the library', async (topic) => {
    const found: Expected = Array.from({ length: PARTITIONS }, () => []);
    for await (const { partition, key, value } of log.read(topic, { from: 'earliest', follow: false })) {
      found[partition]!.push({ key: text(key), value: JSON.stringify(JSON.parse(text(value))) });
    }
    return found;
  });
  await log.close();
};

function readSet<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(name, DATA_SETS), 'utf8')) as T;
}

function keyed<T>(rows: readonly T[], keyOf: (row: T) => string): Plain[] {
  return rows.map((row) => ({ key: keyOf(row), value: JSON.stringify(row) }));
}

/** Runs the command line with `input`; what it printed. */
function varve(args: readonly string[], input = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(process.execPath, [VARVE, ...args], { maxBuffer: 2 ** 30 }, (error, stdout, stderr) => {
      if (error) reject(new Error(`varve ${args.join(' ')}: ${error.message}\n${stderr}`));
      else resolve(stdout);
    });
    child.stdin?.end(input);
  });
}

function firstDifference(expected: Expected, found: Expected): string | undefined {
  for (const [partition, records] of expected.entries()) {
    const others = found[partition]!;
    const at = records.findIndex(({ key, value }, i) => others[i]?.key !== key || others[i]?.value !== value);
    if (at >= 0) return `partition ${partition}, offset ${at}: ${JSON.stringify(others[at])}`;
    if (others.length !== records.length)
      return `partition ${partition}: ${others.length} records, not ${records.length}`;
  }
  return undefined;
}

function setDifference(expected: readonly Plain[], found: readonly Plain[]): string | undefined {
  const left = new Set(expected.map(({ key, value }) => `${key} ${value}`));
  if (expected.length !== found.length) return `${found.length} records, not ${expected.length}`;
  const foreign = found.find(({ key, value }) => !left.delete(`${key} ${value}`));
  return foreign && `${foreign.key} is not what was sent`;
}

const text = (bytes: Uint8Array | null) => Buffer.from(bytes ?? []).toString('utf8');
const perSecond = (records: number, ms: number) => `${count(Math.round((records * 1000) / ms))} records/s`;
