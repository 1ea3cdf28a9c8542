import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ServerProcess, startServer } from '../support/server.ts';
import { type ApacheKafka, startApacheKafka } from './apache-kafka.ts';
import { java, TOOLS } from './java.ts';
import { finish, killStarted } from './processes.ts';
import { COUNTED, EXACT, HALT_AT, type Outcome, runStreams, TABLE } from './streams.ts';
import { streamsInput } from './streams-input.ts';
import { topicsOf, type Written } from './topics.ts';

const kafka = await java();
const BEGIN = Math.floor(Date.now() / 60_000) * 60_000 - 1_200_000;

const lastByKey = (records: readonly Written[]) =>
  Object.fromEntries(records.map(({ key, value }) => [key, value] as const));

describe.skipIf('unavailable' in kafka)('Kafka Streams, the same programs over the same input', () => {
  let folder: string;
  let apache: ApacheKafka;
  let varve: ServerProcess;
  let theirs: Outcome;
  let ours: Outcome;

  beforeAll(async () => {
    if (!('ok' in kafka)) return;
    folder = await mkdtemp(join(tmpdir(), 'varve-streams-'));
    const config = ['--config', 'group.initial.rebalance.delay.ms=0'];
    [apache, varve] = await Promise.all([
      startApacheKafka(kafka.ok, join(folder, 'apache')),
      startServer(join(folder, 'varve'), { args: config, timeout: 60_000 }),
    ]);
    [theirs, ours] = await Promise.all([
      runStreams(kafka.ok, apache.kafka, join(folder, 'state-apache'), BEGIN),
      runStreams(kafka.ok, varve.kafka, join(folder, 'state-varve'), BEGIN),
    ]);
  });
  afterAll(async () => {
    await killStarted();
    await varve?.kill();
    await rm(folder, { recursive: true, force: true });
  });

  test.each(EXACT)('%s is on Varve what it is on Apache Kafka, record for record', (topic) => {
    expect(ours.written.get(topic)).not.toEqual([]);
    expect(ours.written.get(topic)).toEqual(theirs.written.get(topic));
  });

  test('a table counted from two partitions ends with the same counts', () => {
    expect(lastByKey(ours.written.get(TABLE)!)).toEqual(lastByKey(theirs.written.get(TABLE)!));
  });

  test('every store is restored from its changelog', () => {
    const [fresh, afterKill, afterClose] = ours.restored;
    // A global table is its topic, and always restored.
    expect(fresh).toEqual([expect.stringContaining('shops')]);
    expect(afterKill).toEqual(['pages-store 0']);
    const some = ['page-counts-store 0', 'closed-store 1', 'paid-this-join-store 0', 'customers-store 1'];
    expect(afterClose).toEqual(expect.arrayContaining(some));
    expect(ours.restored).toEqual(theirs.restored);
  });

  test('after a kill everything uncommitted is processed once more, upon restored state', () => {
    const clicks = streamsInput(BEGIN, 0).filter(({ topic }) => topic === 'clicks');
    expect(ours.written.get(COUNTED)).toEqual(theirs.written.get(COUNTED));
    expect(ours.written.get(COUNTED)).toHaveLength(HALT_AT - 1 + clicks.length);
    for (const [user, of] of Map.groupBy(clicks, ({ key }) => key)) {
      const again = clicks.slice(0, HALT_AT - 1).filter(({ key }) => key === user).length;
      const pages = [...new Set(of.map(({ value }) => value))].sort();
      expect(lastByKey(ours.written.get(COUNTED)!)[user]).toBe(`${of.length + again} ${pages.join(' ')}`);
    }
  });

  test('the reset tool of Streams sets an application back to its beginning', async () => {
    if (!('ok' in kafka)) return;
    const application = ['--application-id', 'counting', '--input-topics', 'clicks', '--force'];
    const command = kafka.ok.command(
      TOOLS['kafka-streams-application-reset.sh'],
      ...['--bootstrap-server', varve.kafka, ...application],
    );
    const { code, stdout, stderr } = await finish(command, { timeout: 110_000 });
    expect(code, stdout + stderr).toBe(0);
    const topics = await topicsOf(varve.kafka);
    expect(await topics.committed('counting', 'clicks')).toEqual([0]);
    expect(await topics.names()).not.toContain('counting-pages-store-changelog');
    await topics.close();
  });
});
