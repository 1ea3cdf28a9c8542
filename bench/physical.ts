/** What the machine itself can do: the same bytes with nothing of Varve around them, but its checksum alone. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32c } from '../lib/format/records/crc32c.ts';

/** Milliseconds that `run` takes. */
export async function time(run: () => Promise<void> | void): Promise<number> {
  const begun = performance.now();
  await run();
  return performance.now() - begun;
}

/**
 * Writes `total` bytes as files of `size` each, `sideBySide` at a time, each one as durable as a segment: write, fsync, rename, fsync
 * of the folder. Milliseconds. The files are left in `folder`.
 */
export async function rawWrite(folder: string, size: number, total: number, sideBySide: number): Promise<number> {
  await mkdir(folder, { recursive: true });
  const bytes = randomBytes(size);
  const parent = await open(folder, 'r');
  let left = Math.ceil(total / size);
  const worker = async () => {
    while (left > 0) {
      const name = join(folder, `${left--}`);
      const file = await open(`${name}.part`, 'wx');
      await file.writev([bytes]);
      await file.sync();
      await file.close();
      await rename(`${name}.part`, name);
      await parent.sync();
    }
  };
  const took = await time(async () => {
    await Promise.all(Array.from({ length: sideBySide }, worker));
  });
  await parent.close();
  return took;
}

/** Reads every file in `folder` and below, whole and one after the other, into one buffer. Milliseconds, and the bytes read. */
export async function rawRead(folder: string): Promise<{ ms: number; bytes: number }> {
  const files = await filesIn(folder);
  const sizes = await Promise.all(files.map(async (path) => (await stat(path)).size));
  const buffer = Buffer.alloc(Math.max(...sizes), 1);
  const ms = await time(async () => {
    for (const path of files) {
      const file = await open(path, 'r');
      await file.read(buffer, 0, buffer.length, 0);
      await file.close();
    }
  });
  return { ms, bytes: sizes.reduce((sum, size) => sum + size, 0) };
}

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

/** CRC-32C over `total` bytes in pieces of `size`. Milliseconds. */
export function rawCrc(size: number, total: number): Promise<number> {
  const bytes = randomBytes(size);
  return time(() => {
    for (let done = 0; done < total; done += size) crc32c(bytes);
  });
}

/** Milliseconds of each of `count` fsyncs, every one after a write of 4 KiB to the end of one file. */
export async function fsyncs(folder: string, count: number): Promise<number[]> {
  const path = join(folder, 'fsyncs');
  const file = await open(path, 'a');
  const page = randomBytes(4096);
  const took: number[] = [];
  for (let i = 0; i < count; i++) {
    await file.write(page);
    took.push(await time(() => file.sync()));
  }
  await file.close();
  await rm(path);
  return took;
}

/** How `dropCaches` works here, to be printed beside what was read cold. */
export const CACHES_DROPPED_BY = canDropAll() ? '/proc/sys/vm/drop_caches' : 'dd iflag=nocache, file by file';

/** Makes the next read of the files in `folder` a read of the disk. They must have been synced. */
export async function dropCaches(folder: string): Promise<void> {
  if (canDropAll()) {
    writeFileSync('/proc/sys/vm/drop_caches', '1');
    return;
  }
  for (const path of await filesIn(folder))
    execFileSync('dd', [`if=${path}`, 'iflag=nocache', 'count=0', 'status=none']);
}

function canDropAll(): boolean {
  return process.getuid?.() === 0 && existsSync('/proc/sys/vm/drop_caches');
}
