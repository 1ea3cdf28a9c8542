import { createHash } from 'node:crypto';

/** What happened, in order: its hash tells whether two runs were the same. */
export interface Trace {
  note(line: string): void;
  readonly lines: readonly string[];
  hash(): string;
}

/** Keeps the newest `keep` lines; all of them count for the hash. */
export function createTrace(now: () => number, keep: number): Trace {
  const all = createHash('sha1');
  const lines: string[] = [];
  return {
    lines,
    note(line) {
      const entry = `${now().toFixed(1).padStart(10)} ${line}`;
      all.update(entry);
      if (keep === 0) return;
      lines.push(entry);
      if (lines.length > 2 * keep) lines.splice(0, lines.length - keep);
    },
    hash: () => all.copy().digest('hex'),
  };
}
