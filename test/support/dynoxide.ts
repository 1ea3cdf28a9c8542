import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';

/** The DynamoDB engine of the tests: an optional package, one binary, in memory, up in some 35 ms. */
const binary = fileURLToPath(new URL('../../node_modules/@dynoxide/linux-x64/dynoxide', import.meta.url));

/** Why tests over DynamoDB are skipped here; undefined when they run. */
export const dynoxideMissing: string | undefined = existsSync(binary)
  ? undefined
  : `the optional package @dynoxide/linux-x64 is not installed on ${process.platform}-${process.arch}`;

export interface Dynoxide {
  endpoint: string;
  /** What the AWS SDK needs to talk to it. */
  client: { endpoint: string; region: string; credentials: { accessKeyId: string; secretAccessKey: string } };
  stop(): Promise<void>;
}

const READY_MS = 10_000;

/** A fresh, empty engine on a free port. */
export async function startDynoxide(): Promise<Dynoxide> {
  const deadline = performance.now() + READY_MS;
  while (performance.now() < deadline) {
    // It does not tell the port that it took, so it is given one; somebody else may take that first.
    const port = await freePort();
    const child = spawn(binary, ['--port', String(port)], { stdio: 'ignore' });
    const orphaned = () => child.kill('SIGKILL');
    process.once('exit', orphaned);
    child.once('exit', () => process.off('exit', orphaned));
    const endpoint = `http://127.0.0.1:${port}`;
    if (await answers(endpoint, child, deadline)) {
      return {
        endpoint,
        client: { endpoint, region: 'us-east-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' } },
        stop: () => stop(child),
      };
    }
    await stop(child);
  }
  throw new Error(`dynoxide was not ready within ${READY_MS} ms`);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port was given');
  return address.port;
}

/** False when the process ended. */
async function answers(endpoint: string, child: ChildProcess, deadline: number): Promise<boolean> {
  while (performance.now() < deadline && child.exitCode === null) {
    const up = await fetch(endpoint).then(
      () => true,
      () => false,
    );
    if (up) return child.exitCode === null;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return false;
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}
