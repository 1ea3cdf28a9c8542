import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Outside the clone, so that a fresh one need not fetch all again. */
export const CACHE = process.env.VARVE_CLIENTS_CACHE ?? join(homedir(), '.cache', 'varve-clients');

export const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** What is ready to run, or why it cannot be had here. */
export type Provided<T> = { ok: T } | { unavailable: string };

/**
 * A folder of the cache that `fill` has filled, once for each content of the files that say with what. It appears when it is
 * complete: who is interrupted leaves nothing half done.
 */
export async function cached(
  name: string,
  recipes: readonly string[],
  fill: (folder: string) => Promise<void>,
): Promise<string> {
  const digest = createHash('sha256');
  for (const recipe of recipes) digest.update(readFileSync(here(recipe)));
  const folder = join(CACHE, `${name}-${digest.digest('hex').slice(0, 12)}`);
  // Some tools remember the folder's name: it is filled where it stays, and marked when it is complete.
  const done = join(folder, '.complete');
  if (existsSync(done)) return folder;
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await fill(folder);
  await writeFile(`${done}.part`, '');
  await rename(`${done}.part`, done);
  return folder;
}

/** Runs a command to its end. Answers what it wrote to its standard output; rejects with what it printed when it fails. */
export async function command(
  file: string,
  args: readonly string[],
  timeout: number,
  env: NodeJS.ProcessEnv = {},
): Promise<string> {
  const { stdout } = await run(file, args, { timeout, maxBuffer: 16 * 1024 * 1024, env: { ...process.env, ...env } });
  return stdout;
}

/** What `make` made, or the first lines of what went wrong; they are printed too, so that nothing is skipped unseen. */
export async function provide<T>(what: string, make: () => Promise<T>): Promise<Provided<T>> {
  try {
    return { ok: await make() };
  } catch (error) {
    const reason = (error instanceof Error ? error.message : String(error)).split('\n').slice(0, 3).join(' ');
    const unavailable = `${what} cannot be had here: ${reason}`;
    console.warn(`skipped: ${unavailable}`);
    return { unavailable };
  }
}
