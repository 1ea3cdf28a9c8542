/**
 * `npm run test:readme [-- PAGE]`: what the README shows, as a reader would type it, in a fresh clone of the last commit, with not
 * a character changed. It needs the ports that the page names to be free. How a page talks to the runner: blocks.ts.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runPage } from './page.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const git = (...args: string[]) => execFileSync('git', args, { cwd: root, encoding: 'utf8' });

const name = process.argv[2] ?? 'README.md';
const folder = mkdtempSync(join(tmpdir(), 'varve-readme-'));
try {
  if (git('status', '--porcelain').trim() !== '')
    console.log('note: changes that are not committed are not part of this run');
  const clone = join(folder, 'varve');
  git('clone', '--quiet', '--local', '--no-hardlinks', root, clone);
  const path = join(clone, name);
  if (!existsSync(path)) throw new Error(`there is no ${name} in the last commit`);
  const result = await runPage({ name, text: readFileSync(path, 'utf8') }, clone, readerEnv(), console.log);
  if (result.passed + result.failed === 0) throw new Error(`${name} has no block to run`);
  console.log(`readme: passed ${result.passed}, failed ${result.failed}, skipped ${result.skipped}`);
  process.exitCode = result.failed === 0 ? 0 : 1;
} catch (error) {
  console.log(`readme: ${error instanceof Error ? error.message : error}`);
  console.log('readme: passed 0, failed 1, skipped 0');
  process.exitCode = 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** The environment without what npm, vitest or a developer put there: what a reader's new terminal has. */
function readerEnv(): NodeJS.ProcessEnv {
  const ours = /^(npm_|VARVE_|VITEST|NODE_ENV|NODE_OPTIONS|INIT_CWD)/i;
  const path = (process.env.PATH ?? '').split(':').filter((entry) => !entry.includes('node_modules'));
  const kept = Object.entries(process.env).filter(([key]) => !ours.test(key));
  return { ...Object.fromEntries(kept), PATH: path.join(':') };
}
