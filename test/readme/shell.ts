import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** What a block printed, and why it failed if it did. */
export interface Outcome {
  output: string;
  failure?: string;
  /** The exit code, where one is why it failed. */
  code?: number;
}

/** Terminals as a reader has them: one shell in which blocks run one after the other, and one more for each that stays. */
export interface Shell {
  /** Runs a script file of sh; any command that fails ends it, and the shell. */
  run(script: string, timeout: number): Promise<Outcome>;
  /** Starts a script in a shell of its own and waits until it is ready. */
  background(script: string, until: string | undefined, timeout: number): Promise<Outcome>;
  /** Ends every process that was started, first by SIGTERM. Answers what had to be killed. */
  close(): Promise<string[]>;
}

const MAX_OUTPUT = 256 * 1024;

export function openShell(folder: string, env: NodeJS.ProcessEnv): Shell {
  const children: ChildProcess[] = [];

  /** A bash that leads a process group, so that whatever it starts can be ended with it. */
  const bash = (...args: string[]) => {
    const child = spawn('bash', ['--norc', '--noprofile', ...args], { cwd: folder, env, detached: true });
    const output = { text: '' };
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output.text = (output.text + text).slice(-MAX_OUTPUT);
      });
    }
    children.push(child);
    return { child, output };
  };

  const main = bash();
  main.child.stdin.on('error', () => {}); // The shell ends at the first failure; its exit is what is reported.
  main.child.stdin.write(`set -eo pipefail\ntrap 'echo "$BASH_SOURCE:$LINENO: exit code $?" >&2' ERR\n`);

  return {
    async run(script, timeout) {
      const mark = `\n${randomUUID()}\n`;
      main.output.text = '';
      main.child.stdin.write(`. '${script}' < /dev/null\nprintf '${mark.replaceAll('\n', '\\n')}'\n`);
      const ended = await poll(timeout, () => main.output.text.includes(mark) || main.child.exitCode !== null);
      const [output = ''] = main.output.text.split(mark);
      if (!ended) return { output, failure: `did not end within ${timeout / 1000} s` };
      const code = main.child.exitCode;
      return code === null ? { output } : { output, failure: `exit code ${code}`, code };
    },

    async background(script, until, timeout) {
      if (until !== undefined && (await isListening(new URL(until)))) {
        return {
          output: '',
          failure: `another process already listens on ${new URL(until).host}: stop it and run again`,
        };
      }
      const { child, output } = bash(script);
      child.stdin.end();
      const answers = async () => (until === undefined ? output.text !== '' : await isOk(until));
      const end = () => child.exitCode ?? child.signalCode;
      const ready = await poll(timeout, async () => end() !== null || (await answers()));
      if (end() !== null) return { output: output.text, failure: `ended with exit code ${end()}` };
      if (!ready) return { output: output.text, failure: `was not ready within ${timeout / 1000} s` };
      return { output: output.text };
    },

    async close() {
      const groups = children.flatMap(({ pid }) => (pid === undefined ? [] : [pid]));
      const alive = () => groups.filter((pid) => signal(pid, 0));
      for (const pid of groups) signal(pid, 'SIGTERM');
      await poll(10_000, () => alive().length === 0);
      const killed = alive();
      for (const pid of killed) signal(pid, 'SIGKILL');
      return killed.map((pid) => children.find((child) => child.pid === pid)?.spawnargs.join(' ') ?? `${pid}`);
    },
  };
}

/** Writes text to a file such that line numbers in messages are the page's. */
export function writeAtLine(folder: string, name: string, text: string, line: number): string {
  const path = join(folder, name);
  writeFileSync(path, '\n'.repeat(line - 1) + text);
  return path;
}

/** Whether the process group exists and took the signal. */
function signal(group: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-group, name);
  } catch {
    return false;
  }
}

async function poll(timeout: number, done: () => boolean | Promise<boolean>): Promise<boolean> {
  const deadline = performance.now() + timeout;
  while (!(await done())) {
    if (performance.now() > deadline) return false;
    await delay(20);
  }
  return true;
}

async function isOk(url: string): Promise<boolean> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(2000) });
    await answer.arrayBuffer();
    return answer.ok;
  } catch {
    return false;
  }
}

function isListening(url: URL): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ host: url.hostname, port: Number(url.port || 80) });
    const answer = (taken: boolean) => {
      socket.destroy();
      resolve(taken);
    };
    socket.once('connect', () => answer(true)).once('error', () => answer(false));
  });
}
