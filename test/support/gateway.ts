import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { localstack } from './localstack.ts';
import { poll } from './poll.ts';

const COMMAND = fileURLToPath(new URL('../../bin/varve.js', import.meta.url));
const MAX_OUTPUT = 64 * 1024;

/** `npm run gateway`, in a process of its own. */
export interface GatewayProcess {
  readonly port: number;
  /** `127.0.0.1:PORT` */
  readonly bootstrap: string;
  /** The end of what it printed. */
  output(): string;
  /** SIGKILL; resolves when the process is gone. */
  kill(): Promise<void>;
  /** SIGTERM; answers the exit code. */
  stop(): Promise<number | null>;
}

const running = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL');
});

/** Resolves when it listens: on `port`, or on a free one. */
export async function startGatewayProcess(
  { endpoint, bucket, table }: { endpoint: string; bucket: string; table: string },
  { port = 0, args = [] }: { port?: number; args?: readonly string[] } = {},
): Promise<GatewayProcess> {
  const named = ['--bucket', bucket, '--table', table, '--kafka-port', String(port)];
  const child = spawn(process.execPath, [COMMAND, 'gateway', ...named, ...args], {
    env: {
      ...process.env,
      AWS_ENDPOINT_URL: endpoint,
      AWS_REGION: localstack.region,
      AWS_ACCESS_KEY_ID: localstack.credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: localstack.credentials.secretAccessKey,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  const exited = once(child, 'exit').finally(() => running.delete(child));
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      printed = (printed + text).slice(-MAX_OUTPUT);
    });
  }
  const end = async (signal: NodeJS.Signals) => {
    child.kill(signal);
    if (child.exitCode === null && child.signalCode === null) await exited;
    return child.exitCode;
  };
  try {
    const bootstrap = await poll('the gateway listens', 30_000, () => {
      if (child.exitCode !== null) throw new Error('the gateway ended');
      return /Kafka +(127\.0\.0\.1:\d+)/.exec(printed)?.[1];
    });
    return {
      bootstrap,
      port: Number(bootstrap.split(':')[1]),
      output: () => printed,
      async kill() {
        await end('SIGKILL');
      },
      stop: () => end('SIGTERM'),
    };
  } catch (error) {
    await end('SIGKILL');
    throw new Error(`${error instanceof Error ? error.message : error}\n${printed}`);
  }
}
