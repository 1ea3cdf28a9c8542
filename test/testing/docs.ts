import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { blocksOf } from '../readme/blocks.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

const REPORT = 'report.json';

/**
 * Runs the test files among the blocks of docs/testing.md that call `call`, as a project does that has varve installed; `files` lie
 * beside them. Answers how many tests passed; rejects with what Vitest printed when one fails.
 */
export async function runExample(call: string, files: Readonly<Record<string, string>> = {}): Promise<number> {
  const blocks = blocksOf(readFileSync(join(root, 'docs/testing.md'), 'utf8'));
  const examples = blocks.filter(({ text }) => text.includes(`await using`) && text.includes(`${call}(`));
  if (examples.length === 0) throw new Error(`docs/testing.md has no example of ${call}`);
  mkdirSync(join(root, '.vitest'), { recursive: true });
  const project = mkdtempSync(join(root, '.vitest/docs-'));
  try {
    mkdirSync(join(project, 'node_modules'));
    symlinkSync(root, join(project, 'node_modules/varve'));
    const config = 'export default { test: { include: ["*.test.ts"], testTimeout: 60_000 } };\n';
    const tests = examples.map(({ text, line }) => [`line-${line}.test.ts`, text]);
    const all = { ...files, 'vitest.config.mjs': config, ...(Object.fromEntries(tests) as Record<string, string>) };
    for (const [name, text] of Object.entries(all)) writeFileSync(join(project, name), text);
    await vitest(project);
    const report = readFileSync(join(project, REPORT), 'utf8');
    const { numPassedTests } = JSON.parse(report) as { numPassedTests: number };
    return numPassedTests;
  } finally {
    rmSync(project, { recursive: true, force: true });
  }
}

function vitest(cwd: string): Promise<void> {
  const args = [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--reporter=json', `--outputFile=${REPORT}`];
  return new Promise((resolve, reject) => {
    execFile(process.execPath, args, { cwd, timeout: 120_000 }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${stdout}\n${stderr}`, { cause: error }));
      else resolve();
    });
  });
}
