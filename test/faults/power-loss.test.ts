import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type FileSystem, nodeFileSystem } from '../../lib/stores/objects/file-system.ts';
import { openFilesystem } from '../../lib/stores/objects/filesystem.ts';
import { type PowerLossOptions, powerLoss, type Survival, seeded } from './power-loss.ts';

type Objects = ReadonlyMap<string, Buffer>;

interface Crash {
  /** Everything the folder must or may hold afterwards. */
  acknowledged: Map<string, Buffer>;
  attempted: Map<string, Buffer>;
  steps: number;
}

let folder: string;
let folders = 0;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'varve-power-'));
});
afterEach(() => rm(folder, { recursive: true }));

const honest = (fs: FileSystem) => fs;
/** For looking at what is left: no power is lost there, and waiting for the real disk takes most of the time. */
const withoutSync: FileSystem = { ...nodeFileSystem, syncFolder: async () => undefined };

/** Puts objects into the store on `disk`, all at once or one by one, until the power fails; what survives is written to `after`. */
async function crash(
  disk: string,
  after: string,
  objects: Objects,
  options: PowerLossOptions & { atOnce: boolean; alter: (fs: FileSystem) => FileSystem },
): Promise<Crash> {
  const power = await powerLoss(disk, options);
  const acknowledged = new Map<string, Buffer>();
  const attempted = new Map<string, Buffer>();
  try {
    const store = await openFilesystem(join(disk, 'data', 'objects'), { fs: options.alter(power.fs) });
    const put = async ([name, content]: [string, Buffer]) => {
      attempted.set(name, content);
      await store.put(name, [content.subarray(0, 700), content.subarray(700)]);
      acknowledged.set(name, content);
    };
    if (options.atOnce) await Promise.allSettled([...objects].map(put));
    else for (const each of objects) await put(each);
  } catch (cause) {
    if (!power.failed()) throw cause;
  }
  const steps = power.steps();
  await power.survivors(after);
  return { acknowledged, attempted, steps };
}

/** What a store that opens on `disk` shows that it must not: acknowledged objects lost or changed, objects that nobody put. */
async function violations(disk: string, { acknowledged, attempted }: Crash): Promise<string[]> {
  const found: string[] = [];
  const store = await openFilesystem(join(disk, 'data', 'objects'), { fs: withoutSync });
  for (const [name, content] of acknowledged) {
    const bytes = await store.get(name).catch(() => undefined);
    if (bytes === undefined) found.push(`lost ${name}`);
    else if (Buffer.compare(bytes, content) !== 0) found.push(`acknowledged ${name}, but it is not whole`);
  }
  for (const { name } of await store.list('')) {
    const content = attempted.get(name);
    if (content === undefined) found.push(`never put ${name}`);
    else if (Buffer.compare(await store.get(name), content) !== 0) found.push(`shows a part of ${name}`);
  }
  for (const [name, content] of attempted) {
    if ((await store.stat(name)) === undefined) await store.put(name, [content]);
  }
  if ((await readdir(join(disk, 'data', 'objects', '~temp'))).length > 0) found.push('left temporary files');
  await store.close();
  return found;
}

async function newDisk(): Promise<string> {
  const disk = join(folder, String(folders++));
  await mkdir(disk);
  return disk;
}

function objectsOf(random: () => number, names: readonly string[]): Map<string, Buffer> {
  const fill = () =>
    Buffer.from(Array.from({ length: 1_500 + Math.floor(random() * 2_000) }, () => 1 + random() * 255));
  return new Map(names.map((name) => [name, fill()]));
}

/** Fails the power at every step of opening a store and putting three objects, with each of these fates of what was not fsynced. */
async function everyCrashPoint(
  fates: readonly Survival[],
  alter: (fs: FileSystem) => FileSystem,
): Promise<{ points: number; found: string[] }> {
  const objects = objectsOf(seeded(1), ['segments/ab/1', 'segments/ab/2', 'top']);
  const found: string[] = [];
  for (let failAt = 0; ; failAt++) {
    let steps = 0;
    for (const [fate, survival] of fates.entries()) {
      const random = seeded(failAt * 100 + fate);
      const after = await newDisk();
      const crashed = await crash(await newDisk(), after, objects, { failAt, survival, random, atOnce: false, alter });
      for (const each of await violations(after, crashed)) found.push(`step ${failAt}, ${survival}: ${each}`);
      steps = crashed.steps;
    }
    if (steps <= failAt) return { points: failAt, found };
  }
}

describe('the filesystem store through a loss of power', () => {
  test('given a crash at any step of a put, then no acknowledged object is lost and none shows in part', async () => {
    const { points, found } = await everyCrashPoint(['lose', 'names', 'some', 'some', 'some'], honest);
    expect(found).toEqual([]);
    expect(points).toBeGreaterThan(25);
  });

  test('given 16 puts at once and crash after crash at random moments, then the same', async () => {
    for (let seed = 1; seed <= 16; seed++) {
      const random = seeded(seed);
      const total: Crash = { acknowledged: new Map(), attempted: new Map(), steps: 0 };
      let disk = await newDisk();
      for (let round = 0; round < 3; round++) {
        const names = Array.from({ length: 16 }, (_, i) => `segments/${Math.floor(random() * 4)}/${round}-${i}`);
        const objects = objectsOf(random, names);
        const after = await newDisk();
        const failAt = Math.floor(random() * 130);
        const crashed = await crash(disk, after, objects, {
          failAt,
          survival: seed % 2 === 0 ? 'lose' : 'some',
          random,
          atOnce: true,
          alter: honest,
        });
        for (const [name, content] of crashed.attempted) total.attempted.set(name, content);
        for (const [name, content] of crashed.acknowledged) total.acknowledged.set(name, content);
        expect(await violations(after, total), `seed ${seed}, round ${round}, step ${failAt}`).toEqual([]);
        // The check put what was missing.
        for (const [name, content] of total.attempted) total.acknowledged.set(name, content);
        disk = after;
      }
    }
  });

  test('given objects whose deletion resolved before the crash, then they stay deleted', async () => {
    const disk = await newDisk();
    const power = await powerLoss(disk, { survival: 'lose', random: seeded(1) });
    const store = await openFilesystem(join(disk, 'data'), { fs: power.fs });
    for (const name of ['a/1', 'a/2', 'b/3', 'top']) await store.put(name, [Buffer.from(name)]);
    await store.delete(['a/1', 'b/3', 'top']);

    const after = await newDisk();
    await power.survivors(after);

    const again = await openFilesystem(join(after, 'data'), { fs: withoutSync });
    expect((await again.list('')).map((object) => object.name)).toEqual(['a/2']);
    await again.close();
  });

  describe('the check itself can fail:', () => {
    test('given a store whose files are never fsynced, then it finds objects in part', async () => {
      const { found } = await everyCrashPoint(['names'], (fs) => ({
        ...fs,
        async open(path, flags) {
          const file = await fs.open(path, flags);
          return { ...file, stat: () => file.stat(), sync: async () => undefined };
        },
      }));
      expect(found.some((each) => each.includes('is not whole'))).toBe(true);
      expect(found.some((each) => each.includes('shows a part of'))).toBe(true);
    });

    test('given a store whose folders are never fsynced, then it finds objects lost', async () => {
      const { found } = await everyCrashPoint(['lose'], (fs) => ({ ...fs, syncFolder: async () => undefined }));
      expect(found.some((each) => each.includes('lost segments/ab/1'))).toBe(true);
      expect(found.some((each) => each.includes('lost top'))).toBe(true);
    });

    test('given a store that fsyncs the folder of an object but not the folders above it, then it finds objects lost', async () => {
      const { found } = await everyCrashPoint(['lose'], (fs) => ({
        ...fs,
        syncFolder: async (path) => (basename(path) === 'segments' ? undefined : fs.syncFolder(path)),
      }));
      expect(found.some((each) => each.includes('lost segments/ab/1'))).toBe(true);
    });
  });
});
