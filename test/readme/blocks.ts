/** A fenced block of a page that is to be run. */
export interface Block {
  language: 'sh' | 'ts' | 'python';
  /** Line of the page on which the block's text begins, counted from 1. */
  line: number;
  text: string;
  /** Why it is not run, as the page says. */
  skip?: string;
  /** It keeps running while later blocks run; ready when `until` (a URL) answers, or without one when it first prints. */
  background?: { until?: string };
}

const RUN = ['sh', 'ts', 'python'];
const MISSPELT: Record<string, string> = { bash: 'sh', shell: 'sh', console: 'sh', typescript: 'ts', py: 'python' };
const FENCE = /^(\s*)(`{3,}|~{3,})\s*(.*)$/;
const NOT_RUN = /^[\s_*>]*Not run by the tests:\s*(.+?)[\s_*]*$/;

/**
 * The blocks of a page, in order. What the page says to the runner:
 *
 * - A paragraph `_Not run by the tests: needs Docker._` right above a block skips it, with the reason for every reader to see.
 * - ` ```sh background until=http://127.0.0.1:8080/health ` is a command that stays in the foreground of a terminal of its own.
 *
 * Throws on a fence that a reader would take for one of these languages and the runner would not.
 */
export function blocksOf(page: string): Block[] {
  const lines = page.split('\n');
  const blocks: Block[] = [];
  for (let i = 0; i < lines.length; i++) {
    const [, indent = '', fence = '', info = ''] = FENCE.exec(lines[i]!) ?? [];
    if (fence === '') continue;
    const end = lines.findIndex((line, at) => at > i && line.trim().startsWith(fence) && FENCE.exec(line)?.[3] === '');
    if (end < 0) throw new Error(`line ${i + 1}: the fence is never closed`);
    const [language = '', ...options] = info.split(/\s+/);
    if (MISSPELT[language]) throw new Error(`line ${i + 1}: write ${MISSPELT[language]} instead of ${language}`);
    if (RUN.includes(language)) {
      const text = lines.slice(i + 1, end).map((line) => line.slice(line.startsWith(indent) ? indent.length : 0));
      blocks.push({
        language: language as Block['language'],
        line: i + 2,
        text: `${text.join('\n')}\n`,
        ...skipOf(lines, i),
        ...backgroundOf(options, i + 1),
      });
    }
    i = end;
  }
  return blocks;
}

/** The reason in the paragraph that ends right above the fence, which may be wrapped. */
function skipOf(lines: readonly string[], fence: number): { skip?: string } {
  let end = fence;
  while (end > 0 && lines[end - 1]!.trim() === '') end--;
  let start = end;
  while (start > 0 && lines[start - 1]!.trim() !== '' && !FENCE.test(lines[start - 1]!)) start--;
  const reason = NOT_RUN.exec(lines.slice(start, end).join(' '))?.[1];
  return reason === undefined ? {} : { skip: reason };
}

function backgroundOf(options: readonly string[], line: number): { background?: { until?: string } } {
  if (options.length === 0) return {};
  const [first, second, ...rest] = options;
  const until = second?.startsWith('until=') ? second.slice('until='.length) : undefined;
  if (first !== 'background' || rest.length > 0 || (second !== undefined && until === undefined)) {
    throw new Error(`line ${line}: after the language only "background" and "until=URL" are known`);
  }
  return { background: until === undefined ? {} : { until } };
}
