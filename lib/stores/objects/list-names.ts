import { join } from 'node:path';
import type { FileSystem } from './file-system.ts';
import { isPart } from './names.ts';

/** Entries of one folder that are held in memory at a time. */
const PAGE = 1024;

/** Names of the files under `root` that start with `prefix` and sort after `after`, in order. What no object can be named is skipped. */
export async function* listNames(fs: FileSystem, root: string, prefix: string, after: string): AsyncGenerator<string> {
  yield* listFolder(fs, root, '', prefix, after);
}

/** `path` is the folder's own, ending in `/`, or empty for the root. */
async function* listFolder(
  fs: FileSystem,
  root: string,
  path: string,
  prefix: string,
  after: string,
): AsyncGenerator<string> {
  for (let cursor = ''; ; ) {
    const page = await smallestEntries(fs, join(root, path), (entry) => {
      const name = path + entry;
      if (entry <= cursor) return false;
      // A folder stands for every name that it begins.
      if (!name.endsWith('/')) return name.startsWith(prefix) && name > after;
      return (name.startsWith(prefix) || prefix.startsWith(name)) && (name > after || after.startsWith(name));
    });
    for (const entry of page) {
      if (entry.endsWith('/')) yield* listFolder(fs, root, path + entry, prefix, after);
      else yield path + entry;
    }
    if (page.length < PAGE) return;
    cursor = page.at(-1)!;
  }
}

/**
 * Up to PAGE entries of a folder that are wanted, the smallest ones, in order. A folder's entry ends in `/`: so it sorts among
 * files as the names below it do.
 */
async function smallestEntries(fs: FileSystem, folder: string, wanted: (entry: string) => boolean): Promise<string[]> {
  let found: string[] = [];
  for await (const entry of await fs.opendir(folder)) {
    const shown = entry.isDirectory() ? `${entry.name}/` : entry.name;
    if (!isPart(entry.name) || !wanted(shown)) continue;
    found.push(shown);
    if (found.length >= 2 * PAGE) found = found.sort().slice(0, PAGE);
  }
  return found.sort().slice(0, PAGE);
}
