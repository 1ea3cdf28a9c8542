import { appendFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { poll } from '../support/poll.ts';
import { type ServerProcess, startServer } from '../support/server.ts';
import { freePort, type Properties, properties } from './apache-kafka.ts';
import { java, TOOLS } from './java.ts';
import { killStarted, type Running, start } from './processes.ts';
import { type Topics, topicsOf } from './topics.ts';

const kafka = await java();
const PATIENCE_MS = 250_000;
const SELDOM = 3_600_000;

/** Lines as files have them, an empty one too. ASCII: the source counts characters, and skips as many bytes when it goes on. */
const part = (number: number) =>
  Array.from({ length: 200 }, (_, i) => (i === 7 ? '' : `part ${number}, line ${i}${'.'.repeat(i % 50)}`)).join('\n') +
  '\n';

/**
 * What Connect promises is at least once: the source goes on at the place in the file that stands in the worker's offsets file, the
 * sink at its group's committed offsets, and both are written every `offset.flush.interval.ms` after what they stand for. So a
 * worker that is killed when both are written goes on without a line lost or doubled, and one that is killed before does again
 * what it did since.
 */
describe.skipIf('unavailable' in kafka)('Kafka Connect, a file to a topic to a file', () => {
  let folder: string;
  let varve: ServerProcess;
  let topics: Topics;
  const path = (name: string) => join(folder, name);
  const text = (name: string) => readFile(path(name), 'utf8').catch(() => '');

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'varve-connect-'));
    const config = ['--config', 'group.initial.rebalance.delay.ms=0'];
    varve = await startServer(path('data'), { args: config, timeout: 60_000 });
    topics = await topicsOf(varve.kafka);
    await topics.create({ lines: 1, rows: 1 });
  });
  afterAll(async () => {
    await killStarted();
    await topics?.close();
    await varve?.kill();
    await rm(folder, { recursive: true, force: true });
  });

  async function file(name: string, values: Properties): Promise<string> {
    await writeFile(path(name), properties(values));
    return path(name);
  }

  function worker(more: Properties): Promise<string> {
    return file('worker.properties', {
      'bootstrap.servers': varve.kafka,
      'key.converter': 'org.apache.kafka.connect.storage.StringConverter',
      'value.converter': 'org.apache.kafka.connect.storage.StringConverter',
      'plugin.discovery': 'service_load',
      ...more,
    });
  }

  const source = (topic: string) => ({ 'connector.class': 'FileStreamSource', file: path('in'), topic });
  // A static member: who comes back after a kill need not wait until the one that was killed has been missed.
  const sink = (topics: string) => ({
    'connector.class': 'FileStreamSink',
    file: path('out'),
    topics,
    'consumer.override.group.instance.id': 'one',
  });

  function begin(tool: keyof typeof TOOLS, ...files: string[]): Running {
    if (!('ok' in kafka)) throw new Error(kafka.unavailable);
    return start(kafka.ok.command(TOOLS[tool], ...files));
  }

  async function startStandalone(flushMs: number): Promise<Running> {
    const offsets = { 'offset.storage.file.filename': path('offsets'), 'offset.flush.interval.ms': flushMs };
    return begin(
      'connect-standalone.sh',
      await worker({ ...offsets, listeners: 'http://127.0.0.1:0' }),
      await file('source.properties', { name: 'lines-in', ...source('lines') }),
      await file('sink.properties', { name: 'lines-out', ...sink('lines') }),
    );
  }

  async function until(what: string, worker: Running, isSo: () => Promise<boolean>): Promise<void> {
    const ask = async () => {
      if (worker.ended()) throw new Error('the worker ended');
      return (await isSo()) || undefined;
    };
    try {
      await poll(what, PATIENCE_MS, ask, 100);
    } catch (error) {
      throw new Error(`${error instanceof Error ? error.message : error}\n${worker.output()}`);
    }
  }

  async function untilCommitted(worker: Running): Promise<void> {
    const size = (await text('in')).length;
    await until('the source has noted its place', worker, async () =>
      (await text('offsets')).includes(`{"position":${size}}`),
    );
    await until('the sink has committed', worker, async () => {
      const [committed, ends] = [await topics.committed('connect-lines-out', 'lines'), await topics.ends('lines')];
      return committed.join() === ends.join();
    });
  }

  const writtenOut = (worker: Running, whole: string) =>
    until('the sink has written', worker, async () => (await text('out')).length >= whole.length);

  test('standalone: identical, follows the file, and goes on after a kill where it was', {
    timeout: 600_000,
  }, async () => {
    // Given a worker that has committed what it moved, some of it while it ran.
    await writeFile(path('in'), part(1));
    let connect = await startStandalone(200);
    await writtenOut(connect, part(1));
    await appendFile(path('in'), part(2));
    await writtenOut(connect, part(1) + part(2));
    expect(await text('out')).toBe(part(1) + part(2));
    await untilCommitted(connect);

    // When it is killed, the file grows, and a worker that seldom commits takes over, then nothing is lost or doubled.
    await connect.kill();
    await appendFile(path('in'), part(3));
    connect = await startStandalone(SELDOM);
    await writtenOut(connect, part(1) + part(2) + part(3));
    expect(await text('out')).toBe(await text('in'));

    // When that one is killed, what it moved is moved again: once more into the topic, and all of the topic since into the file.
    await connect.kill();
    await appendFile(path('in'), part(4));
    connect = await startStandalone(200);
    const whole = part(1) + part(2) + part(3) + part(3) + part(3) + part(4);
    await writtenOut(connect, whole);
    expect(await text('out')).toBe(whole);
    await untilCommitted(connect);

    // When it is stopped, it can be started again without a trace.
    await connect.stop();
    await appendFile(path('in'), part(5));
    connect = await startStandalone(200);
    await writtenOut(connect, whole + part(5));
    expect(await text('out')).toBe(whole + part(5));
    await connect.stop();
    const [lines] = (await topics.read('lines')).values();
    const moved = part(1) + part(2) + part(3) + part(3) + part(4) + part(5);
    expect(lines?.map(({ value }) => `${value}\n`).join('')).toBe(moved);
  });

  test('distributed: what a killed worker knew the next one finds in its topics', { timeout: 600_000 }, async () => {
    await writeFile(path('in'), part(1));
    await rm(path('out'), { force: true });
    const port = await freePort();
    const url = `http://127.0.0.1:${port}/connectors`;
    const kept = ['config', 'offset', 'status'].flatMap((what) => [
      [`${what}.storage.topic`, `connect-${what}s`],
      [`${what}.storage.replication.factor`, 1],
    ]);
    const properties = await worker({
      'group.id': 'connect',
      'offset.flush.interval.ms': 200,
      'offset.storage.partitions': 2,
      'status.storage.partitions': 2,
      listeners: `http://127.0.0.1:${port}`,
      ...Object.fromEntries(kept),
    });
    const answer = async (path: string, config?: object) => {
      const put = { method: 'PUT', headers: { 'content-type': 'application/json' }, body: JSON.stringify(config) };
      const response = await fetch(`${url}/${path}`, config === undefined ? {} : put).catch(() => undefined);
      return response?.ok ? await response.text() : '';
    };

    // Given connectors that have moved a file and noted it.
    let connect = begin('connect-distributed.sh', properties);
    for (const [name, config] of Object.entries({ 'rows-in': source('rows'), 'rows-out': sink('rows') })) {
      await until(`${name} is accepted`, connect, async () => (await answer(`${name}/config`, config)) !== '');
    }
    await writtenOut(connect, part(1));
    expect(await text('out')).toBe(part(1));
    const position = `"position":${part(1).length}`;
    await until('offsets are noted', connect, async () => (await answer('rows-in/offsets')).includes(position));
    const count = `"kafka_offset":${part(1).split('\n').length - 1}`;
    await until('offsets are committed', connect, async () => (await answer('rows-out/offsets')).includes(count));

    // When the worker is killed, then another goes on with the same connectors, where they were.
    await connect.kill();
    await appendFile(path('in'), part(2));
    connect = begin('connect-distributed.sh', properties);
    await writtenOut(connect, part(1) + part(2));
    expect(await text('out')).toBe(await text('in'));
    await connect.stop();
  });
});
