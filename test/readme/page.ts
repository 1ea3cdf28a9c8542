import { rmSync } from 'node:fs';
import { type Block, blocksOf } from './blocks.ts';
import { openShell, writeAtLine } from './shell.ts';

export interface PageResult {
  passed: number;
  failed: number;
  skipped: number;
}

/** `npm ci` on a slow line is the longest. */
const TIMEOUT = 300_000;

/**
 * Runs the blocks of a page in order, in `folder`, to which the page belongs. `sh` blocks share one shell, in which any failing
 * command, also within a pipe, fails the block; `ts` and `python` blocks are programs. Ends at the first failure.
 */
export async function runPage(
  page: { name: string; text: string },
  folder: string,
  env: NodeJS.ProcessEnv,
  say: (line: string) => void,
): Promise<PageResult> {
  const result: PageResult = { passed: 0, failed: 0, skipped: 0 };
  const blocks = blocksOf(page.text);
  const shell = openShell(folder, env);
  const programs: string[] = [];

  const scriptOf = (block: Block): string => {
    const write = (name: string) => writeAtLine(folder, name, block.text, block.line);
    const program = (path: string, runtime: string) => {
      programs.push(path);
      return writeAtLine(
        folder,
        `.${block.line}.sh`,
        `PATH="${folder}/node_modules/.bin:$PATH" ${runtime} '${path}'\n`,
        1,
      );
    };
    if (block.language === 'ts') return program(write(`${page.name}.${block.line}.ts`), 'node');
    if (block.language === 'python') return program(write(`${page.name}.${block.line}.py`), 'python3');
    return write(`.${page.name}.${block.line}.sh`);
  };

  const run = async (block: Block) => {
    const script = scriptOf(block);
    programs.push(script);
    return block.background
      ? await shell.background(script, block.background.until, TIMEOUT)
      : await shell.run(script, TIMEOUT);
  };

  try {
    for (const block of blocks) {
      const where = `${page.name}:${block.line} ${block.language}`;
      if (block.skip !== undefined || result.failed > 0) {
        result.skipped++;
        say(`skipped ${where}: ${block.skip ?? 'not reached'}`);
        continue;
      }
      const begun = performance.now();
      const { output, failure } = await run(block);
      const seconds = ((performance.now() - begun) / 1000).toFixed(1);
      if (failure === undefined) {
        result.passed++;
        say(`passed  ${where}, ${seconds} s${block.background ? ', goes on' : ''}`);
      } else {
        result.failed++;
        say(`FAILED  ${where}: ${failure}, ${seconds} s\n${indented(block.text)}\n  it printed:\n${indented(output)}`);
      }
    }
  } finally {
    for (const killed of await shell.close()) {
      result.failed++;
      say(`FAILED  ${page.name}: did not end within 10 s of SIGTERM: ${killed}`);
    }
    for (const path of programs) rmSync(path, { force: true });
  }
  return result;
}

const indented = (text: string) => text.trimEnd().replaceAll(/^/gm, '    ');
