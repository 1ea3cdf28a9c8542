import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { type FileSystem, nodeFileSystem, type OpenFile } from '../../lib/stores/objects/file-system.ts';

/**
 * What a disk may do with what was not fsynced.
 * `lose`: nothing of it survives. `names`: folder entries do, file contents do not. `some`: by the dice, each change on its own;
 * of a file's contents a prefix, zeros, or holes.
 */
export type Survival = 'lose' | 'names' | 'some';

export interface PowerLossOptions {
  /** The power fails instead of this step, counted from 0; never when absent. A step is an operation that changes the disk. */
  failAt?: number;
  survival: Survival;
  /** Numbers in [0, 1). */
  random: () => number;
}

export interface PowerLoss {
  fs: FileSystem;
  /** Steps begun so far. */
  steps(): number;
  failed(): boolean;
  /** Ends the power now, if it has not failed, and writes what survived to `folder`. */
  survivors(folder: string): Promise<void>;
}

/** What every operation meets once the power has failed. */
export class PowerFailed extends Error {
  override readonly name = 'PowerFailed';
}

interface Inode {
  content: Buffer;
  /** How many of its bytes are on the platter. */
  synced: number;
}

type Entries = Map<string, Inode | Folder>;

interface Folder {
  /** What a running program sees. */
  entries: Entries;
  /** What was there at the last fsync. */
  synced: Entries;
}

/**
 * A FileSystem over the real one, below `root`, that keeps account of what was fsynced: contents by the file's own fsync,
 * names by the folder's, and nothing by anything else, which is the least that POSIX promises. What exists under `root` counts
 * as fsynced. Nothing is fsynced for real: the account decides.
 */
export async function powerLoss(root: string, options: PowerLossOptions): Promise<PowerLoss> {
  const { survival, random } = options;
  const tree = await load(root);
  let steps = 0;
  let failed = false;

  function alive(): void {
    if (failed) throw new PowerFailed('the power has failed');
  }
  function step(): void {
    alive();
    if (steps++ === options.failAt) failed = true;
    alive();
  }
  /** Undefined for what lies outside of `root`: it is left alone. */
  function find(path: string): Inode | Folder | undefined {
    const way = relative(root, path);
    if (way.startsWith('..')) return undefined;
    let at: Inode | Folder | undefined = tree;
    for (const name of way.split(sep).filter((part) => part !== '')) {
      at = at !== undefined && 'entries' in at ? at.entries.get(name) : undefined;
    }
    return at;
  }
  function parent(path: string): [Folder, string] {
    return [find(dirname(path)) as Folder, relative(dirname(path), path)];
  }

  const fs: FileSystem = {
    async open(path, flags) {
      if (flags === 'r') {
        alive();
        return nodeFileSystem.open(path, flags);
      }
      step();
      const file = await nodeFileSystem.open(path, flags);
      const inode: Inode = { content: Buffer.alloc(0), synced: 0 };
      const [folder, name] = parent(path);
      folder.entries.set(name, inode);
      return tracked(file, inode);
    },
    async link(from, to) {
      step();
      await nodeFileSystem.link(from, to);
      const [folder, name] = parent(to);
      folder.entries.set(name, find(from)!);
    },
    async unlink(path) {
      step();
      await nodeFileSystem.unlink(path);
      const [folder, name] = parent(path);
      folder.entries.delete(name);
    },
    async mkdir(path, how) {
      step();
      const made = await nodeFileSystem.mkdir(path, how);
      for (const each of foldersBetween(root, path)) {
        const [folder, name] = parent(each);
        if (!folder.entries.has(name)) folder.entries.set(name, { entries: new Map(), synced: new Map() });
      }
      return made;
    },
    async syncFolder(path) {
      step();
      const folder = find(path);
      if (folder === undefined || !('entries' in folder)) return nodeFileSystem.syncFolder(path);
      const seen = new Map(folder.entries);
      await nodeFileSystem.stat(path);
      alive();
      folder.synced = seen;
    },
    async stat(path) {
      alive();
      return nodeFileSystem.stat(path);
    },
    async opendir(path) {
      alive();
      return nodeFileSystem.opendir(path);
    },
  };

  function tracked(file: OpenFile, inode: Inode): OpenFile {
    return {
      async writev(parts) {
        // The power may fail in the midst of a write.
        const cut = steps === options.failAt;
        const bytes = Buffer.concat(parts);
        if (cut) inode.content = Buffer.concat([inode.content, bytes.subarray(0, Math.floor(random() * bytes.length))]);
        step();
        const { bytesWritten } = await file.writev(parts);
        inode.content = Buffer.concat([inode.content, bytes.subarray(0, bytesWritten)]);
        return { bytesWritten };
      },
      async sync() {
        step();
        const length = inode.content.length;
        await file.stat();
        alive();
        inode.synced = Math.max(inode.synced, length);
      },
      read: (...where) => file.read(...where),
      stat: () => file.stat(),
      close: () => file.close(),
    };
  }

  function surviving(inode: Inode): Buffer {
    if (survival !== 'some') return inode.content.subarray(0, inode.synced);
    const content = Buffer.from(inode.content);
    const dice = random();
    if (dice < 0.25) return content.subarray(0, inode.synced);
    if (dice < 0.5) content.fill(0, inode.synced);
    else if (dice < 0.75) {
      const kept = inode.synced + Math.floor(random() * (content.length - inode.synced + 1));
      return content.subarray(0, kept);
    } else {
      for (let at = inode.synced; at < content.length; at += 512) {
        if (random() < 0.5) content.fill(0, at, Math.min(at + 512, content.length));
      }
    }
    return content;
  }

  async function write(folder: Folder, to: string, files: Map<Inode, Buffer>): Promise<void> {
    await mkdir(to, { recursive: true });
    for (const name of new Set([...folder.entries.keys(), ...folder.synced.keys()])) {
      const latest = survival === 'names' || (survival === 'some' && random() < 0.5);
      const node = (latest ? folder.entries : folder.synced).get(name);
      if (node === undefined) continue;
      if ('entries' in node) await write(node, join(to, name), files);
      else {
        // All names of a file show the same contents.
        if (!files.has(node)) files.set(node, surviving(node));
        await writeFile(join(to, name), files.get(node)!);
      }
    }
  }

  return {
    fs,
    steps: () => steps,
    failed: () => failed,
    async survivors(folder) {
      failed = true;
      await write(tree, folder, new Map());
    },
  };
}

/** Numbers in [0, 1) that follow from the seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

async function load(root: string): Promise<Folder> {
  const entries: Entries = new Map();
  for (const entry of await readdir(root, { withFileTypes: true })) {
    const path = join(root, entry.name);
    if (entry.isDirectory()) entries.set(entry.name, await load(path));
    else {
      const content = await readFile(path);
      entries.set(entry.name, { content, synced: content.length });
    }
  }
  return { entries, synced: new Map(entries) };
}

/** The folders below `root` that lead to `path`, and `path`, outermost first. */
function foldersBetween(root: string, path: string): string[] {
  const way = relative(root, path);
  if (way === '' || way.startsWith('..')) return [];
  const parts = way.split(sep);
  return parts.map((_, i) => join(root, ...parts.slice(0, i + 1)));
}
