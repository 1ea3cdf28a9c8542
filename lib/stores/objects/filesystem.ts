import { dirname, join, resolve } from 'node:path';
import { LRUCache } from 'lru-cache';
import pLimit from 'p-limit';
import { type FileSystem, nodeFileSystem, type OpenFile } from './file-system.ts';
import { listNames } from './list-names.ts';
import { checkName, checkNames } from './names.ts';
import { ObjectError, type ObjectInfo, type ObjectStore } from './objects.ts';
import { resolveRange } from './range.ts';

/** Operations at a time; each holds at most one file handle. */
const MAX_OPEN = 64;
/** Folders whose own names are known to be durable. */
const MAX_FOLDERS = 4096;
/** Files whose sizes are asked for side by side while listing. */
const WAVE = 32;
/** Where objects are written before they get their name. `~` is in no object's name. */
const TEMPORARY = '~temp';

/**
 * Objects as files under `root`, which is made if need be. One process at a time: what it finds half-written is from a crash
 * and removed. A name's parts become folders, so an object's name cannot continue another's (`a` and `a/b`), and folders are
 * never removed: names should spread over a fixed set of them.
 *
 * A put writes a temporary file, fsyncs it, links it to its name, and fsyncs the folder. The link is what makes it put-once:
 * unlike a rename it never replaces, and of many concurrent ones a single one succeeds. The file is durable before it has a
 * name, so the name never shows a part of it; the folder is durable before the put resolves, so the name is not lost again.
 */
export async function openFilesystem(root: string, options: { fs?: FileSystem } = {}): Promise<ObjectStore> {
  const fs = options.fs ?? nodeFileSystem;
  const base = resolve(root);
  const temporary = join(base, TEMPORARY);
  const limit = pLimit(MAX_OPEN);
  const durableFolders = new LRUCache<string, true>({ max: MAX_FOLDERS });
  let drafts = 0;
  let closed = false;

  /** Runs one operation of the store within the limit on open files, and turns what it throws into an ObjectError. */
  function run<T>(what: string, signal: AbortSignal | undefined, operation: () => Promise<T>): Promise<T> {
    if (closed) throw new ObjectError('STORE_FAILED', 'The object store is closed: open it again.');
    return limit(async () => {
      signal?.throwIfAborted();
      try {
        return await operation();
      } catch (cause) {
        if (signal?.aborted && cause === signal.reason) throw cause;
        throw cause instanceof ObjectError ? cause : failure(what, cause);
      }
    });
  }

  function pathOf(name: string): string {
    checkName(name);
    return join(base, name);
  }

  /** Makes the folder. It counts as durable once its parent was synced by us: whoever made it may not have come that far. */
  async function ensureFolder(folder: string): Promise<void> {
    if (folder === base || durableFolders.has(folder)) return;
    await ensureFolder(dirname(folder));
    await fs.mkdir(folder, { recursive: true });
    await fs.syncFolder(dirname(folder));
    durableFolders.set(folder, true);
  }

  async function put(name: string, parts: readonly Uint8Array[], signal: AbortSignal | undefined): Promise<void> {
    const path = pathOf(name);
    const folder = dirname(path);
    const draft = join(temporary, String(drafts++));
    try {
      await write(await fs.open(draft, 'wx'), parts, signal);
      await ensureFolder(folder);
      await fs.link(draft, path).catch((cause: unknown) => {
        if (codeOf(cause) !== 'EEXIST') throw cause;
        throw new ObjectError('OBJECT_EXISTS', `${name} exists; names are never reused.`);
      });
    } catch (cause) {
      await fs.unlink(draft).catch(() => undefined);
      if (codeOf(cause) !== 'ENOSPC' && codeOf(cause) !== 'EDQUOT') throw cause;
      throw new ObjectError('STORE_FULL', `No room for ${name}: free some on the disk that holds ${base}.`, { cause });
    }
    // A draft that stays behind is removed at the next open.
    await Promise.all([fs.syncFolder(folder), fs.unlink(draft).catch(() => undefined)]);
  }

  async function get(name: string, range: { start?: number; length?: number }): Promise<Uint8Array> {
    const file = await fs.open(pathOf(name), 'r').catch(whenMissing);
    if (file === undefined) throw missing(name);
    try {
      const stats = await file.stat();
      if (!stats.isFile()) throw missing(name);
      const { start, length } = resolveRange(name, stats.size, range);
      // Not zeroed first, and no Buffer: its `slice` would hand out views where callers expect copies.
      const bytes = new Uint8Array(Buffer.allocUnsafeSlow(length).buffer);
      for (let at = 0; at < length; ) {
        const { bytesRead } = await file.read(bytes, at, length - at, start + at);
        if (bytesRead === 0)
          throw new ObjectError('STORE_FAILED', `${name} ended at byte ${start + at} of ${stats.size}.`);
        at += bytesRead;
      }
      return bytes;
    } finally {
      await file.close();
    }
  }

  async function stat(name: string): Promise<ObjectInfo | undefined> {
    const found = await fs.stat(pathOf(name)).catch(whenMissing);
    return found?.isFile() ? { name, size: found.size } : undefined;
  }

  async function list(prefix: string, after: string, max: number, signal?: AbortSignal): Promise<ObjectInfo[]> {
    const objects: ObjectInfo[] = [];
    let wave: string[] = [];
    const flush = async () => {
      signal?.throwIfAborted();
      for (const object of await Promise.all(wave.map(stat))) if (object !== undefined) objects.push(object);
      wave = [];
    };
    for await (const name of listNames(fs, base, prefix, after)) {
      if (objects.length + wave.length >= max || wave.length >= WAVE) await flush();
      if (objects.length >= max) return objects;
      wave.push(name);
    }
    await flush();
    return objects;
  }

  /** Durable too: a list of what to delete may be dropped afterwards. */
  async function remove(names: readonly string[], signal: AbortSignal | undefined): Promise<void> {
    checkNames(names);
    const folders = new Set<string>();
    for (const name of names) {
      signal?.throwIfAborted();
      if ((await stat(name)) === undefined) continue;
      await fs.unlink(pathOf(name)).catch(whenMissing);
      folders.add(dirname(pathOf(name)));
    }
    for (const folder of folders) await fs.syncFolder(folder);
  }

  try {
    await makeRoot(fs, base);
    await ensureFolder(temporary);
    for await (const { name } of await fs.opendir(temporary)) await fs.unlink(join(temporary, name));
  } catch (cause) {
    throw failure(`open ${base}`, cause);
  }

  return {
    put: async (name, parts, { signal } = {}) => run(`put ${name}`, signal, () => put(name, parts, signal)),
    get: async (name, { signal, ...range } = {}) => run(`get ${name}`, signal, () => get(name, range)),
    stat: async (name, { signal } = {}) => run(`stat ${name}`, signal, () => stat(name)),
    list: async (prefix, { after = '', limit: max = 1000, signal } = {}) =>
      run(`list ${prefix}`, signal, () => list(prefix, after, max, signal)),
    delete: async (names, { signal } = {}) =>
      run(`delete ${names.length} objects`, signal, () => remove(names, signal)),
    async close() {
      closed = true;
      // What runs or waits holds a place each: with all places taken nothing is under way.
      await Promise.all(Array.from({ length: MAX_OPEN }, () => limit(() => Promise.resolve())));
    },
  };
}

/** Makes the store's own folder, and every name on the way to it durable. */
async function makeRoot(fs: FileSystem, root: string): Promise<void> {
  const made = await fs.mkdir(root, { recursive: true });
  for (let folder = root; ; folder = dirname(folder)) {
    await fs.syncFolder(dirname(folder)).catch((cause: unknown) => {
      // A root that was given to us may lie in a folder that we may not open; then its name is not our doing.
      if (made !== undefined || codeOf(cause) !== 'EACCES') throw cause;
    });
    if (folder === (made ?? root)) return;
  }
}

/** Writes the parts durably, one after the other, and closes the file. */
async function write(file: OpenFile, parts: readonly Uint8Array[], signal: AbortSignal | undefined): Promise<void> {
  try {
    let rest = parts.filter((part) => part.length > 0);
    while (rest.length > 0) {
      signal?.throwIfAborted();
      rest = dropBytes(rest, (await file.writev(rest)).bytesWritten);
    }
    await file.sync();
    signal?.throwIfAborted();
  } finally {
    await file.close();
  }
}

/** What remains of the parts after the first `count` bytes. */
function dropBytes(parts: Uint8Array[], count: number): Uint8Array[] {
  let whole = 0;
  let left = count;
  while (whole < parts.length && left >= parts[whole]!.length) left -= parts[whole++]!.length;
  const rest = parts.slice(whole);
  if (left > 0) rest[0] = rest[0]!.subarray(left);
  return rest;
}

function codeOf(cause: unknown): string | undefined {
  return (cause as NodeJS.ErrnoException | undefined)?.code;
}

function whenMissing(cause: unknown): undefined {
  if (codeOf(cause) !== 'ENOENT' && codeOf(cause) !== 'ENOTDIR') throw cause;
}

function missing(name: string): ObjectError {
  return new ObjectError('OBJECT_MISSING', `There is no object ${name}.`);
}

function failure(what: string, cause: unknown): ObjectError {
  return new ObjectError('STORE_FAILED', `The file system failed to ${what}: ${(cause as Error).message}.`, { cause });
}
