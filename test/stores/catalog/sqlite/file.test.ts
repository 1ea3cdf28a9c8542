import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../../lib/clock.ts';
import { systemRandom } from '../../../../lib/ids.ts';
import type { Catalog } from '../../../../lib/stores/catalog/catalog.ts';
import { openSqlite } from '../../../../lib/stores/catalog/sqlite/sqlite.ts';
import { append, createTopic, entriesOf, newEntry } from '../../../contract/catalog/subject.ts';
import { travelClock } from '../../../support/clock.ts';

let folder: string;
let path: string;
let opened: Catalog[];
let children: ChildProcess[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'varve-sqlite-'));
  path = join(folder, 'catalog.db');
  opened = [];
  children = [];
});

afterEach(async () => {
  for (const child of children) if (child.kill('SIGKILL')) await once(child, 'exit');
  for (const catalog of opened) await catalog.close();
  await rm(folder, { recursive: true });
});

async function open(clock = systemClock, worker = true): Promise<Catalog> {
  const catalog = await openSqlite({ path, clock, random: systemRandom, worker });
  opened.push(catalog);
  return catalog;
}

/** A process that holds the catalog and appends to the topic; answers each line it prints. */
async function startHolder(topicId: string): Promise<{ child: ChildProcess; lines: string[] }> {
  const holder = join(import.meta.dirname, 'holder.ts');
  const child = spawn(process.execPath, [holder, path, topicId], { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  const lines: string[] = [];
  createInterface(child.stdout!).on('line', (line) => lines.push(line));
  await expect.poll(() => lines.length, { timeout: 20_000, interval: 10 }).toBeGreaterThan(50);
  return { child, lines };
}

const subject = (catalog: Catalog) => ({
  catalog,
  clock: travelClock(),
  another: async () => catalog,
  reopen: async () => catalog,
});

describe('a catalog file', () => {
  it('that was made before bytes were counted is counted through when it is opened', async () => {
    const first = await open();
    const topic = await createTopic(subject(first), 2);
    const at = { topicId: topic.id, partition: 0 };
    const lengths = Array.from({ length: 300 }, (_, i) => 100 + (i % 7));
    for (const length of lengths) await append(first, at, [newEntry(subject(first), { length })]);
    await first.close();
    const old = new DatabaseSync(path);
    for (const table of ['entries', 'partitions']) old.exec(`ALTER TABLE ${table} DROP COLUMN running_bytes`);
    old.close();

    const catalog = await open();

    const sum = (some: readonly number[]) => some.reduce((all, length) => all + length, 0);
    const head = (await catalog.partitions.head(at))!;
    expect(head.bytes).toBe(sum(lengths));
    expect((await catalog.partitions.find(at, 100, head))!.before).toBe(sum(lengths.slice(0, 100)));
    expect((await catalog.partitions.head({ ...at, partition: 1 }))!.bytes).toBe(0);
    await append(catalog, at, [newEntry(subject(catalog), { length: 50 })]);
    expect((await catalog.partitions.head(at))!.bytes).toBe(sum(lengths) + 50);
  });

  it('that was made before groups were listed with protocol types lists them from then on', async () => {
    const first = await open();
    await first.groups.commit('g', 1, [{ topic: 't', topicId: 'id', partition: 0, offset: 5 }]);
    await first.close();
    const old = new DatabaseSync(path);
    old.exec('ALTER TABLE groups DROP COLUMN protocol_type');
    old.close();

    const catalog = await open();

    expect(await catalog.groups.list()).toEqual([{ id: 'g' }]);
    await catalog.groups.keep('g', 1, new Uint8Array([1]), 'consumer');
    expect(await catalog.groups.list()).toEqual([{ id: 'g', protocolType: 'consumer' }]);
  });

  it('that was made before leader epochs were kept keeps them from then on', async () => {
    const offset = { topic: 't', topicId: 'id', partition: 0, offset: 5, metadata: 'm' };
    const first = await open();
    await first.groups.commit('g', 1, [offset]);
    await first.close();
    const old = new DatabaseSync(path);
    old.exec('ALTER TABLE offsets DROP COLUMN leader_epoch');
    old.close();

    const catalog = await open();

    expect(await catalog.groups.offsets('g')).toEqual([offset]);
    await catalog.groups.commit('g', 1, [{ ...offset, leaderEpoch: 3 }]);
    expect(await catalog.groups.offsets('g')).toEqual([{ ...offset, leaderEpoch: 3 }]);
  });

  it('is made where there is none, and has one id for life', async () => {
    const first = await open();
    await first.close();

    const second = await open();

    expect(first.clusterId).toMatch(/^[A-Za-z0-9_-]{22}$/);
    expect(second.clusterId).toBe(first.clusterId);
  });

  it.each([true, false])('is held by one catalog at a time (in a thread of its own: %s)', async (worker) => {
    const first = await open(systemClock, worker);

    await expect(open(systemClock, worker)).rejects.toMatchObject({ code: 'DATA_FOLDER_IN_USE', retriable: true });

    await first.close();
    await open();
  });

  it('is free again the moment its process was killed, with all that it acknowledged', async () => {
    const first = await open();
    const { id: topicId } = await createTopic(subject(first));
    await first.close();

    const { child, lines } = await startHolder(topicId);
    await expect(open()).rejects.toMatchObject({ code: 'DATA_FOLDER_IN_USE' });
    child.kill('SIGKILL');
    await once(child, 'close');

    const found = await entriesOf(await open(), { topicId, partition: 0 });
    const acknowledged = lines.slice(1).filter((line) => /^\d+ [0-9a-f]{32}$/.test(line));
    expect(acknowledged.length).toBeGreaterThan(40);
    for (const line of acknowledged) {
      const [base, id] = line.split(' ');
      expect(found[Number(base)]).toMatchObject({ base: Number(base), entry: { id } });
    }
  });

  it('of a newer format is refused', async () => {
    await (await open()).close();
    const file = new DatabaseSync(path);
    file.exec("UPDATE meta SET value = '2' WHERE name = 'format'");
    file.close();

    await expect(open()).rejects.toMatchObject({ code: 'DATA_FORMAT_TOO_NEW', retriable: false });
  });

  it('that is no catalog is refused and left as it is', async () => {
    await writeFile(path, 'Dear diary, '.repeat(1_000));
    await expect(open()).rejects.toMatchObject({ code: 'DATA_UNREADABLE', message: expect.stringContaining(path) });
    expect((await stat(path)).size).toBe(12_000);

    await rm(path);
    const foreign = new DatabaseSync(path);
    foreign.exec('CREATE TABLE recipes (name TEXT)');
    foreign.close();
    await expect(open()).rejects.toMatchObject({ code: 'DATA_UNREADABLE' });

    path = join(folder, 'no such folder', 'catalog.db');
    await expect(open()).rejects.toMatchObject({ code: 'DATA_UNREADABLE' });
  });

  it('does not grow a log without limit', async () => {
    const catalog = await open();
    const { id: topicId } = await createTopic(subject(catalog));
    const bytes = systemRandom(60_000);

    for (let i = 0; i < 20; i += 1) {
      const entries = Array.from({ length: 50 }, () => newEntry({ clock: travelClock() }, { bytes }));
      await append(catalog, { topicId, partition: 0 }, entries);
    }

    expect((await stat(path)).size).toBeGreaterThan(40_000_000);
    expect((await stat(`${path}-wal`)).size).toBeLessThan(34_000_000);
  });
});

describe('what cannot be reached any more', () => {
  const counts = () => {
    const file = new DatabaseSync(path);
    const tables = ['partitions', 'entries', 'chunks', 'producers', 'deletions'];
    const all = tables.map((table) => [table, file.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.n]);
    file.close();
    return Object.fromEntries(all);
  };

  /** A topic with 3,000 entries, a third of them chunks, of 1,000 producers. */
  const fill = async (catalog: Catalog, clock: ReturnType<typeof travelClock>) => {
    const topic = await createTopic({ ...subject(catalog), clock });
    for (let i = 0; i < 15; i += 1) {
      const entries = Array.from({ length: 200 }, (_, k) =>
        newEntry(
          { clock },
          { ...(k % 3 === 0 && { bytes: systemRandom(400), producer: { id: i * 200 + k, epoch: 0, sequence: 0 } }) },
        ),
      );
      await append(catalog, { topicId: topic.id, partition: 0 }, entries);
    }
    return topic;
  };
  /** Lets the catalog idle, by its own clock, until it schedules nothing more. */
  const idle = async (clock: ReturnType<typeof travelClock>) => {
    for (let i = 0; i < 100; i += 1) {
      clock.advance(50);
      await Promise.resolve();
    }
  };

  it('goes when the catalog idles after a topic was deleted, with its chunks and producers', async () => {
    const clock = travelClock();
    const catalog = await open(clock, false);
    const kept = await createTopic({ ...subject(catalog), clock });
    const topic = await fill(catalog, clock);

    await catalog.topics.delete(topic);
    await append(catalog, { topicId: kept.id, partition: 0 }, [newEntry({ clock })]);
    await idle(clock);
    await catalog.close();

    expect(counts()).toEqual({ partitions: 1, entries: 1, chunks: 0, producers: 0, deletions: 0 });
  });

  it('goes when the log start was raised or the frontier moved', async () => {
    const clock = travelClock();
    const catalog = await open(clock, false);
    const at = { topicId: (await fill(catalog, clock)).id, partition: 0 };

    await catalog.partitions.raiseLogStart(at, 2_000);
    await idle(clock);

    expect(await entriesOf(catalog, at)).toHaveLength(1_000);
    await catalog.close();
    expect(counts()).toMatchObject({ entries: 1_000, deletions: 0 });
  });

  it('goes on going after a restart', async () => {
    const clock = travelClock();
    const catalog = await open(clock, false);
    await catalog.topics.delete(await fill(catalog, clock));
    await catalog.close();
    expect(counts().deletions).toBe(1);

    const reopened = await open(clock, false);
    await reopened.producers.allocate();
    await idle(clock);
    await reopened.close();

    expect(counts()).toMatchObject({ entries: 0, chunks: 0, producers: 0, deletions: 0 });
  });

  it('is forgotten of producers 7 days after their last batch', async () => {
    const clock = travelClock();
    const catalog = await open(clock, false);
    const at = { topicId: (await fill(catalog, clock)).id, partition: 0 };
    const producer = (sequence: number) => newEntry({ clock }, { producer: { id: 0, epoch: 0, sequence } });

    clock.advance(4 * 24 * 3_600_000);
    await append(catalog, at, [producer(1)]);
    clock.advance(4 * 24 * 3_600_000);
    await append(catalog, at, [newEntry({ clock })]);
    await idle(clock);
    await append(catalog, at, [producer(2)]);
    await catalog.close();

    expect(counts().producers).toBe(1);
  });
});
