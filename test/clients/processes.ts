import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

/** A command that runs, and what it has printed so far. */
export interface Running {
  readonly pid: number;
  output(): string;
  /** Whether it has ended, by itself or not. */
  ended(): boolean;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
  /** SIGTERM, then SIGKILL; resolves when it is gone. */
  stop(): Promise<void>;
}

/** A command that is told lines, and tells lines. */
export interface Conversation {
  say(line: string): void;
  /** Ends its input. */
  end(): void;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
  /** Undefined while it runs, null when it was killed. */
  exitCode(): number | null | undefined;
  /** The end of what it printed to its standard error. */
  complaints(): string;
}

export interface Finished {
  code: number | null;
  stdout: string;
  stderr: string;
}

const MAX_COMPLAINTS = 8192;

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** SIGKILL for all that `start` and `finish` have begun and that has not ended: what a failed test leaves. */
export async function killStarted(): Promise<void> {
  const closed = [...running].map((child) => once(child, 'close'));
  for (const child of running) child.kill('SIGKILL');
  await Promise.all(closed);
}

function begin([file, ...args]: readonly [string, ...string[]], cwd?: string): ChildProcess {
  const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'pipe'], ...(cwd !== undefined && { cwd }) });
  running.add(child);
  child.once('close', () => running.delete(child));
  for (const stream of [child.stdout!, child.stderr!]) stream.setEncoding('utf8');
  return child;
}

/** Runs to the end; killed after `timeout` milliseconds, which answers code null. */
export async function finish(
  command: readonly [string, ...string[]],
  { input = '', timeout = 60_000, cwd }: { input?: string; timeout?: number; cwd?: string } = {},
): Promise<Finished> {
  const child = begin(command, cwd);
  let stdout = '';
  let stderr = '';
  child.stdout!.on('data', (text: string) => {
    stdout += text;
  });
  child.stderr!.on('data', (text: string) => {
    stderr += text;
  });
  child.stdin!.on('error', () => {});
  child.stdin!.end(input);
  const cut = setTimeout(() => child.kill('SIGKILL'), timeout);
  await once(child, 'close');
  clearTimeout(cut);
  return { code: child.exitCode, stdout, stderr };
}

/** With `onLine` what goes to stdout is told line by line, and not kept. */
export function start(command: readonly [string, ...string[]], onLine?: (line: string) => void): Running {
  const child = begin(command);
  const closed = once(child, 'close');
  let printed = '';
  if (onLine) createInterface(child.stdout!).on('line', onLine);
  for (const stream of onLine ? [child.stderr!] : [child.stdout!, child.stderr!]) {
    stream.on('data', (text: string) => {
      printed += text;
    });
  }
  return {
    pid: child.pid!,
    output: () => printed,
    ended: () => !running.has(child),
    async kill() {
      child.kill('SIGKILL');
      await closed;
    },
    async stop() {
      child.kill('SIGTERM');
      const cut = setTimeout(() => child.kill('SIGKILL'), 10_000);
      await closed;
      clearTimeout(cut);
    },
  };
}

export function converse(command: readonly [string, ...string[]], onLine: (line: string) => void): Conversation {
  const child = begin(command);
  const closed = once(child, 'close');
  let ended = false;
  let complaints = '';
  closed.then(
    () => {
      ended = true;
    },
    (error: unknown) => {
      ended = true;
      complaints += String(error);
    },
  );
  createInterface({ input: child.stdout! }).on('line', onLine);
  child.stderr!.on('data', (text: string) => {
    complaints = (complaints + text).slice(-MAX_COMPLAINTS);
  });
  // It may be gone: its exit code says so.
  child.stdin!.on('error', () => {});
  return {
    say(line) {
      child.stdin!.write(`${line}\n`);
    },
    end() {
      child.stdin!.end();
    },
    async kill() {
      child.kill('SIGKILL');
      if (!ended) await closed.catch(() => {});
    },
    exitCode: () => (ended ? child.exitCode : undefined),
    complaints: () => complaints,
  };
}
