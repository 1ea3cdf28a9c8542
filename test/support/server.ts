import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import packageJson from '../../package.json' with { type: 'json' };
import { poll } from './poll.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const COMMAND = fileURLToPath(new URL('../../bin/varve.js', import.meta.url));
const MAX_OUTPUT = 64 * 1024;
/** Node's, as `npm start` has them. */
const FLAGS = packageJson.scripts.start.split(' ').filter((word) => word.startsWith('--'));

/** A server in a process of its own, on a free port. */
export interface ServerProcess {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  /** `127.0.0.1:PORT` of the Kafka door. */
  readonly kafka: string;
  readonly pid: number;
  /** Milliseconds from the start of the process to the first answer of /health that says it is well. */
  readonly startedIn: number;
  /** The end of what it printed. */
  output(): string;
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>;
  /** SIGTERM; answers the exit code, null when it had to be killed after 10 seconds. */
  stop(): Promise<number | null>;
}

export interface ServerOptions {
  /** Further arguments of `varve server`. */
  args?: readonly string[];
  env?: NodeJS.ProcessEnv;
  /** A command that runs the server as its own process, such as strace with its options. `pid` and signals are then its. */
  through?: readonly string[];
  /** Milliseconds until it must be well; default 20,000. */
  timeout?: number;
}

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Resolves when /health answers; throws with what the process printed when it ends or takes too long. */
export async function startServer(data: string, options: ServerOptions = {}): Promise<ServerProcess> {
  const { args = [], env, through = [], timeout = 20_000 } = options;
  const [command = '', ...rest] = [
    ...through,
    process.execPath,
    ...FLAGS,
    COMMAND,
    'server',
    '--http-port',
    '0',
    '--kafka-port',
    '0',
    '--data',
    data,
    ...args,
  ];
  const begun = performance.now();
  const child = spawn(command, rest, { cwd: root, env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = once(child, 'exit');
  exited.catch(() => {}); // A command that is missing: said by `ended` below.
  running.add(child);
  let printed = '';
  let ended: string | undefined;
  const gone = (how: string) => {
    ended = how;
    running.delete(child);
  };
  child.once('exit', (code, signal) => gone(`exit code ${code ?? signal}`));
  child.once('error', (error) => gone(error.message));
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      printed = (printed + text).slice(-MAX_OUTPUT);
    });
  }

  let url = '';
  const isWell = async () => {
    if (ended !== undefined) throw new Error(`the server ended (${ended}):\n${printed}`);
    url ||= /http:\/\/(127\.0\.0\.1|localhost):\d+/.exec(printed)?.[0] ?? '';
    if (url === '') return undefined;
    return (await answersWell(url)) ? true : undefined;
  };
  try {
    await poll('the server answers /health', timeout, isWell, 2);
  } catch (error) {
    child.kill('SIGKILL');
    throw new Error(`${error instanceof Error ? error.message : error}\n${printed}`);
  }
  return {
    url,
    kafka: /Kafka +(\S+:\d+)/.exec(printed)?.[1] ?? '',
    pid: child.pid!,
    startedIn: performance.now() - begun,
    output: () => printed,
    async kill() {
      child.kill('SIGKILL');
      if (ended === undefined) await exited;
    },
    async stop() {
      child.kill('SIGTERM');
      const patience = setTimeout(() => child.kill('SIGKILL'), 10_000);
      if (ended === undefined) await exited;
      clearTimeout(patience);
      return child.exitCode;
    },
  };
}

/** Whether /health answers 200 within a second. */
export async function answersWell(url: string): Promise<boolean> {
  try {
    const answer = await fetch(`${url}/health`, { signal: AbortSignal.timeout(1000) });
    await answer.arrayBuffer();
    return answer.ok;
  } catch {
    return false;
  }
}
