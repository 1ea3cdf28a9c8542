import { cp, mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import { VarveError } from '../../lib/errors.ts';
import { systemRandom } from '../../lib/ids.ts';
import { parseBrokerConfig } from '../../lib/log/broker-config.ts';
import type { EventLog } from '../../lib/log/event-log.ts';
import { createLog } from '../../lib/log/log.ts';
import { embeddedPrices } from '../../lib/log/placement.ts';
import { openEmbedded } from '../../lib/open/embedded.ts';
import type { Catalog } from '../../lib/stores/catalog/catalog.ts';
import { openSqlite } from '../../lib/stores/catalog/sqlite/sqlite.ts';
import { openMemory as openMemoryObjects } from '../../lib/stores/objects/memory.ts';
import { fullDisk } from '../faults/full-disk.ts';
import { powerLoss, seeded } from '../faults/power-loss.ts';

/** Large enough that a flush of it is a segment. */
const large = (n: number) => `${n}:${'x'.repeat(100_000)}`;
const text = (bytes: Uint8Array | null) => Buffer.from(bytes!).toString();
const failure = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: VarveError) => error,
  );

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'varve-faults-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function segments(data: string): Promise<string[]> {
  const root = join(data, 'objects', 'segments');
  const names = await readdir(root, { recursive: true, withFileTypes: true });
  return names.filter((name) => name.isFile()).map((name) => join(name.parentPath, name.name));
}

it('an append that the catalog has no right to is told so, and not to be sent again', async () => {
  const catalog = await openSqlite({ path: ':memory:', clock: systemClock, random: systemRandom });
  const denied = new VarveError('CLUSTER_AUTHORIZATION_FAILED', 'no right to it');
  const append: Catalog['partitions']['append'] = async (_to, entries) => ({
    outcomes: entries.map(() => ({ status: 'unknown', cause: denied })),
  });
  const log = createLog({
    catalog: { ...catalog, partitions: { ...catalog.partitions, append } },
    objects: openMemoryObjects(),
    clock: systemClock,
    random: systemRandom,
    brokerConfig: parseBrokerConfig([]),
    prices: embeddedPrices,
  });
  await log.topics.create('t');

  await expect(log.append('t', [{ value: 'x' }])).rejects.toMatchObject({
    code: 'CLUSTER_AUTHORIZATION_FAILED',
    retriable: false,
  });

  await log.close();
});

describe('a damaged segment', () => {
  let log: EventLog;
  afterEach(() => log?.close());

  it.each([
    { damage: 'a flipped byte', code: 'CORRUPT_MESSAGE', hurt: (file: string) => flip(file, 50_000) },
    { damage: 'a flipped length', code: 'CORRUPT_MESSAGE', hurt: (file: string) => flip(file, 9) },
    { damage: 'a truncation', code: 'CORRUPT_MESSAGE', hurt: (file: string) => truncate(file, 60_000) },
    { damage: 'its loss', code: 'KAFKA_STORAGE_ERROR', hurt: (file: string) => rm(file) },
  ])('$damage is an error that names it, and what else there is stays readable', async ({ code, hurt }) => {
    const data = join(folder, 'data');
    log = await openEmbedded({ data });
    await log.topics.create('t', { config: { 'max.message.bytes': '5000000' } });
    await log.append('t', [{ value: large(0) }]);
    await log.close();
    const [damaged] = await segments(data);
    log = await openEmbedded({ data });
    await log.append('t', [{ value: large(1) }]);
    await log.close();

    await hurt(damaged!);

    log = await openEmbedded({ data });
    const error = await failure(log.poll('t', 0, 0));
    expect(error?.code).toBe(code);
    expect(error?.message).toContain(damaged!.split('/').at(-1));
    expect((await log.poll('t', 0, 1)).records.map(({ value }) => text(value))).toEqual([large(1)]);
  });

  async function flip(file: string, at: number): Promise<void> {
    const bytes = await readFile(file);
    bytes[at]! ^= 0x10;
    await writeFile(file, bytes);
  }
});

describe('a full disk', () => {
  it('fails the append, leaves the log readable, and is over when there is room', async () => {
    const disk = fullDisk();
    const log = await openEmbedded({ data: join(folder, 'data'), fs: disk.fs });
    try {
      await log.topics.create('t');
      await log.append('t', [{ value: large(0) }]);

      disk.room = 10_000;
      const error = await failure(log.append('t', [{ value: large(1) }]));
      expect(error).toMatchObject({ code: 'KAFKA_STORAGE_ERROR', retriable: true });
      expect(error?.message).toContain('full');
      expect((await log.poll('t', 0, 0)).records.map(({ value }) => text(value))).toEqual([large(0)]);

      disk.room = Number.POSITIVE_INFINITY;
      expect((await log.append('t', [{ value: large(2) }]))[0]!.offset).toBe(1);
    } finally {
      await log.close();
    }
  });
});

describe('power loss', () => {
  it.each([1, 2, 3, 4])('no acknowledged record is lost, and no entry points to nothing (seed %i)', async (seed) => {
    const random = seeded(seed);
    const data = join(folder, 'data');
    const before = await openEmbedded({ data });
    await before.topics.create('t', { partitions: 2 });
    await before.close();

    // Only the objects lose power: SQLite syncs by itself, and whatever it knows must point to bytes that survived.
    const objects = join(data, 'objects');
    const disk = await powerLoss(objects, { failAt: 5 + Math.floor(random() * 120), survival: 'lose', random });
    const log = await openEmbedded({ data, fs: disk.fs });
    const acknowledged: { partition: number; offset: number; value: string }[] = [];
    await Promise.all(
      Array.from({ length: 8 }, async (_, writer) => {
        for (let i = 0; !disk.failed(); i++) {
          const value = i % 3 === 0 ? `${writer}:${i}` : `${writer}:${large(i)}`;
          const answer = await log.append('t', [{ value, partition: writer % 2 }]).catch(() => undefined);
          if (answer) acknowledged.push({ ...answer[0]!, value });
        }
      }),
    );
    const survived = join(folder, 'survived');
    await mkdir(survived);
    await log.close();
    await cp(join(data, 'catalog.sqlite'), join(survived, 'catalog.sqlite'));
    await disk.survivors(join(survived, 'objects'));

    const after = await openEmbedded({ data: survived });
    try {
      const read: string[][] = [[], []];
      for await (const { partition, offset, value } of after.read('t', { follow: false })) {
        expect(offset).toBe(read[partition]!.length);
        read[partition]!.push(text(value));
      }
      expect(acknowledged.length).toBeGreaterThan(0);
      for (const { partition, offset, value } of acknowledged) expect(read[partition]![offset]).toBe(value);
    } finally {
      await after.close();
    }
  });
});
