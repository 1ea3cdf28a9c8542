import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type FileSystem, nodeFileSystem, type OpenFile } from '../../../lib/stores/objects/file-system.ts';
import { openFilesystem } from '../../../lib/stores/objects/filesystem.ts';
import { objectStoreContract } from '../../contract/objects.ts';
import { fullDisk } from '../../faults/full-disk.ts';

objectStoreContract('filesystem', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'varve-objects-'));
  const root = join(folder, 'data', 'objects');
  let store = await openFilesystem(root);
  return {
    store,
    async reopen() {
      await store.close();
      store = await openFilesystem(root);
      return store;
    },
    async cleanup() {
      await store.close();
      await rm(folder, { recursive: true });
    },
  };
});

describe('the filesystem store', () => {
  let root: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'varve-objects-'));
  });
  afterEach(() => rm(root, { recursive: true }));

  const drafts = () => readdir(join(root, '~temp'));
  /** The real file system, with some operations of its open files replaced. */
  const withFiles = (alter: (file: OpenFile) => Partial<OpenFile>): FileSystem => ({
    ...nodeFileSystem,
    async open(path, flags) {
      const file = await nodeFileSystem.open(path, flags);
      const plain: OpenFile = {
        writev: (parts) => file.writev(parts),
        read: (...where) => file.read(...where),
        stat: () => file.stat(),
        sync: () => file.sync(),
        close: () => file.close(),
      };
      return { ...plain, ...alter(plain) };
    },
  });

  test('given a put, then file and folders are fsynced in an order that leaves no gap, before it resolves', async () => {
    const calls: string[] = [];
    const noted = <T>(call: string, result: T): T => {
      calls.push(call);
      return result;
    };
    const files = withFiles((file) => ({
      writev: (parts) => noted('write', file.writev(parts)),
      sync: () => noted('fsync', file.sync()),
      close: () => noted('close', file.close()),
    }));
    const store = await openFilesystem(root, {
      fs: {
        ...files,
        link: (from, to) => noted(`link ${basename(to)}`, files.link(from, to)),
        mkdir: (path, how) => noted(`mkdir ${basename(path)}`, files.mkdir(path, how)),
        syncFolder: (path) => noted(`fsync ${path === root ? 'root' : basename(path)}`, files.syncFolder(path)),
      },
    });
    calls.length = 0;
    await store.put('segments/ab/one', [Buffer.from('x')]);
    const made = ['mkdir segments', 'fsync root', 'mkdir ab', 'fsync segments'];
    expect(calls).toEqual(['write', 'fsync', 'close', ...made, 'link one', 'fsync ab']);

    calls.length = 0;
    await store.put('segments/ab/two', [Buffer.from('x')]);
    expect(calls).toEqual(['write', 'fsync', 'close', 'link two', 'fsync ab']);
    await store.close();
  });

  test('given temporary files that a crash left, then they are not listed and gone after the next open', async () => {
    await (await openFilesystem(root)).close();
    await writeFile(join(root, '~temp', '0'), 'half');
    await writeFile(join(root, '~temp', '17'), 'half');
    const store = await openFilesystem(root);
    expect(await drafts()).toEqual([]);
    await writeFile(join(root, '~temp', '3'), 'half');
    expect(await store.list('')).toEqual([]);
    await store.close();
  });

  test('given a disk that fills up, then STORE_FULL, nothing left behind, reads go on, and puts too once there is room', async () => {
    const disk = fullDisk();
    const store = await openFilesystem(root, { fs: disk.fs });
    await store.put('before', [Buffer.alloc(1000, 1)]);

    disk.room = 5_000;
    const parts = Array.from({ length: 10 }, () => Buffer.alloc(1000, 2));
    await expect(store.put('folder/large', parts)).rejects.toMatchObject({ code: 'STORE_FULL' });
    expect(disk.room).toBe(0);
    await expect(store.put('other/small', [Buffer.alloc(1)])).rejects.toMatchObject({ code: 'STORE_FULL' });

    expect(await drafts()).toEqual([]);
    expect((await store.list('')).map((object) => object.name)).toEqual(['before']);
    expect(await store.get('before')).toHaveLength(1000);

    disk.room = 20_000;
    await store.put('folder/large', parts);
    expect(Buffer.compare(await store.get('folder/large'), Buffer.alloc(10_000, 2))).toBe(0);
    await store.close();
  });

  test('given an fsync that fails, then STORE_FAILED, and neither object nor temporary file is there', async () => {
    const fs = withFiles(() => ({
      sync: () => Promise.reject(Object.assign(new Error('EIO: i/o error, fsync'), { code: 'EIO' })),
    }));
    const store = await openFilesystem(root, { fs });
    await expect(store.put('a', [Buffer.from('x')])).rejects.toMatchObject({ code: 'STORE_FAILED' });
    expect(await store.list('')).toEqual([]);
    expect(await drafts()).toEqual([]);
    await store.close();
  });

  test('given an fsync of the folder that fails, then the put does not resolve', async () => {
    let broken = false;
    const store = await openFilesystem(root, {
      fs: {
        ...nodeFileSystem,
        syncFolder: (path) => (broken ? Promise.reject(new Error('EIO')) : nodeFileSystem.syncFolder(path)),
      },
    });
    await store.put('f/a', []);
    broken = true;
    await expect(store.put('f/b', [])).rejects.toMatchObject({ code: 'STORE_FAILED' });
    await store.close();
  });

  test('given a disk that writes and reads less than asked at a time, then objects are whole all the same', async () => {
    const fs = withFiles((file) => ({
      writev: (parts) => file.writev([Buffer.concat(parts).subarray(0, 1013)]),
      read: (buffer, offset, length, position) => file.read(buffer, offset, Math.min(length, 777), position),
    }));
    const store = await openFilesystem(root, { fs });
    const content = Buffer.from(Array.from({ length: 50_000 }, (_, i) => i * 31));
    await store.put('short', [content.subarray(0, 1), content.subarray(1, 30_000), content.subarray(30_000)]);
    expect(Buffer.compare(await store.get('short'), content)).toBe(0);
    expect(
      Buffer.compare(await store.get('short', { start: 500, length: 40_000 }), content.subarray(500, 40_500)),
    ).toBe(0);
    await store.close();
  });

  test('given a file that ends before its size, then STORE_FAILED and not fewer bytes', async () => {
    const fs = withFiles((file) => ({
      stat: async () => ({ size: (await file.stat()).size + 1, isFile: () => true }),
    }));
    const store = await openFilesystem(root, { fs });
    await store.put('cut', [Buffer.from('0123456789')]);
    await expect(store.get('cut')).rejects.toMatchObject({ code: 'STORE_FAILED' });
    await store.close();
  });

  test('given 500 operations at once, then at most 64 files are open at a time and all are closed', async () => {
    let open = 0;
    let most = 0;
    const fs = withFiles((file) => {
      most = Math.max(most, ++open);
      return {
        close() {
          open--;
          return file.close();
        },
      };
    });
    const store = await openFilesystem(root, { fs });
    const names = Array.from({ length: 250 }, (_, i) => `busy/${i}`);
    await Promise.all(names.flatMap((name) => [store.put(name, [Buffer.from(name)]), store.get(name).catch(() => 0)]));
    await Promise.all(names.map((name) => store.get(name)));
    expect(most).toBeGreaterThan(16);
    expect(most).toBeLessThanOrEqual(64);
    expect(open).toBe(0);
    await store.close();
  });

  test('given an abort between two writes, then the put ends with its reason and leaves nothing', async () => {
    const controller = new AbortController();
    const fs = withFiles((file) => ({
      async writev(parts) {
        controller.abort(new Error('enough'));
        return file.writev([parts[0]!]);
      },
    }));
    const store = await openFilesystem(root, { fs });
    const put = store.put('cut', [Buffer.from('a'), Buffer.from('b')], { signal: controller.signal });
    await expect(put).rejects.toThrow('enough');
    expect(await store.stat('cut')).toBeUndefined();
    expect(await drafts()).toEqual([]);
    await store.close();
  });

  test('given a name that continues another`s, then STORE_FAILED and both names stay as they were', async () => {
    const store = await openFilesystem(root);
    await store.put('a', [Buffer.from('1')]);
    await expect(store.put('a/b', [Buffer.from('2')])).rejects.toMatchObject({ code: 'STORE_FAILED' });
    expect((await store.list('')).map((object) => object.name)).toEqual(['a']);
    await store.close();
  });

  test('given thousands of folders, the first ones empty, and files that no object can be named, then the list is right', async () => {
    const folders = Array.from({ length: 2_300 }, (_, i) => `f${String(i).padStart(4, '0')}`);
    await Promise.all(folders.map((folder) => mkdir(join(root, folder))));
    for (const stray of ['no name', '~lost', 'ü']) await writeFile(join(root, stray), '');
    const names = folders.slice(2_100).map((folder) => `${folder}/x`);
    await Promise.all(names.map((name) => writeFile(join(root, name), '12')));
    const store = await openFilesystem(root);
    expect(await store.list('', { limit: 5_000 })).toEqual(names.map((name) => ({ name, size: 2 })));
    expect(await store.list('', { limit: 3 })).toEqual(names.slice(0, 3).map((name) => ({ name, size: 2 })));
    expect((await store.list('', { after: names[100]!, limit: 1 }))[0]!.name).toBe(names[101]);
    await store.close();
  });

  test('given a root that is a file, or lies below one, then opening fails with STORE_FAILED', async () => {
    await writeFile(join(root, 'file'), '');
    await expect(openFilesystem(join(root, 'file'))).rejects.toMatchObject({ code: 'STORE_FAILED' });
    await expect(openFilesystem(join(root, 'file', 'below'))).rejects.toMatchObject({ code: 'STORE_FAILED' });
  });
});
