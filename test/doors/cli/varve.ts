import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';

const COMMAND = fileURLToPath(new URL('../../../bin/varve.js', import.meta.url));

/** Most of a short command's time is Node reading the TypeScript: once for all commands of a test file. */
const NODE_COMPILE_CACHE = mkdtempSync(join(tmpdir(), 'varve-compiled-'));
afterAll(() => rmSync(NODE_COMPILE_CACHE, { recursive: true, force: true }));

/** A command that runs, in a process of its own, with pipes around it. */
export interface RunningVarve {
  readonly process: ChildProcessWithoutNullStreams;
  /** What it printed so far. */
  readonly stdout: string;
  readonly stderr: string;
  /** The exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>;
}

export function startVarve(url: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): RunningVarve {
  const { PATH, HOME, TMPDIR } = process.env;
  const child = spawn(process.execPath, [COMMAND, ...args], {
    env: { PATH, HOME, TMPDIR, NODE_COMPILE_CACHE, VARVE_URL: url, ...env },
  });
  const running = {
    process: child,
    stdout: '',
    stderr: '',
    ended: once(child, 'close').then(([code, signal]) => code ?? signal),
  };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    running.stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    running.stderr += text;
  });
  // It may end before it has read everything.
  child.stdin.on('error', () => {});
  return running;
}

export interface Ended {
  code: number | NodeJS.Signals;
  stdout: string;
  stderr: string;
  /** Each line of stdout as JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape, and assert what they find
  json(): any[];
}

/** Runs a command to its end. `input` is its whole stdin. */
export async function varve(
  url: string,
  args: readonly string[],
  { input = '', env }: { input?: string | Uint8Array; env?: NodeJS.ProcessEnv } = {},
): Promise<Ended> {
  const running = startVarve(url, args, env);
  running.process.stdin.end(input);
  const code = await running.ended;
  const { stdout, stderr } = running;
  const lines = stdout.split('\n').filter((line) => line !== '');
  return { code, stdout, stderr, json: () => lines.map((line) => JSON.parse(line)) };
}

/** Newline-delimited JSON. */
export const ndjson = (values: readonly unknown[]) => values.map((value) => `${JSON.stringify(value)}\n`).join('');
