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

/** EX_UNAVAILABLE of sysexits.h: what `npm run localstack` ends with where it cannot be had. */
const UNAVAILABLE = 69;

/** In a project of TypeScript the types of a block are checked too: strictly, without what few projects of readers ask for. */
const AS_READERS_HAVE_IT = '--noEmit --noUncheckedIndexedAccess false --noUnusedLocals false';

/**
 * Runs the blocks of a page in order, in `folder`, to which the page belongs. `sh` blocks share one shell, in which any failing
 * command, also within a pipe, fails the block; `ts` and `python` blocks are programs. Ends at the first failure. A block that
 * finds that this machine lacks what it needs ends the page as well: the rest is skipped, but where CI is set it has failed.
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
  const written: string[] = [];
  let lacking = false;

  const write = (name: string, text: string, line = 1) => {
    const path = writeAtLine(folder, name, text, line);
    written.push(path);
    return path;
  };

  /** The page's project with nothing in it but this program, and what it imports. */
  const projectOf = (program: string, name: string) =>
    write(`${name}.json`, JSON.stringify({ extends: `${folder}/tsconfig.json`, include: [program], exclude: [] }));

  /** A file of sh that runs the block. */
  const scriptOf = ({ language, text, line }: Block): string => {
    const name = `${page.name}.${line}`;
    if (language === 'sh') return write(`.${name}.sh`, text, line);
    const program = write(`${name}.${language === 'ts' ? 'ts' : 'py'}`, text, line);
    const commands = {
      ts: `if [ -e '${folder}/tsconfig.json' ]; then tsc -p '${projectOf(program, name)}' ${AS_READERS_HAVE_IT}; fi; node '${program}'`,
      python: `python3 '${program}'`,
    };
    return write(`.${name}.sh`, `( PATH="${folder}/node_modules/.bin:$PATH"; ${commands[language]} )\n`);
  };

  const run = async (block: Block) => {
    const script = scriptOf(block);
    return block.background
      ? await shell.background(script, block.background.until, TIMEOUT)
      : await shell.run(script, TIMEOUT);
  };

  try {
    for (const block of blocks) {
      const where = `${page.name}:${block.line} ${block.language}`;
      if (block.skip !== undefined || result.failed > 0 || lacking) {
        result.skipped++;
        say(`skipped ${where}: ${block.skip ?? 'not reached'}`);
        continue;
      }
      const begun = performance.now();
      const { output, failure, code } = await run(block);
      const seconds = ((performance.now() - begun) / 1000).toFixed(1);
      if (failure === undefined) {
        result.passed++;
        say(`passed  ${where}, ${seconds} s${block.background ? ', goes on' : ''}`);
      } else if (code === UNAVAILABLE && !env.CI) {
        lacking = true;
        result.skipped++;
        say(`skipped ${where}: it cannot be had here\n${indented(output)}`);
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
    for (const path of written) rmSync(path, { force: true });
  }
  return result;
}

const indented = (text: string) => text.trimEnd().replaceAll(/^/gm, '    ');
