import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ServerProcess, startServer } from '../support/server.ts';
import { type Java, TOOLS } from './java.ts';
import { type Finished, finish, killStarted, type Running, start } from './processes.ts';

const TUTORIAL_PORT = 9092;

/** What a reader of a tutorial has: the folder of a Kafka download, with `bin` and `libs`, and what listens on port 9092. */
export interface Download {
  readonly folder: string;
  readonly server: ServerProcess;
  /** The words as they are; where the tutorial's port is somebody else's here, with another in its place. */
  here9092(text: string): string;
  /** Runs a shell's lines, as the tutorial has them. */
  shell(lines: string, input?: string): Promise<Finished>;
  /** Runs them until they are stopped. */
  startShell(lines: string): Running;
  close(): Promise<void>;
}

async function isFree(port: number): Promise<boolean> {
  const probe = createServer();
  return new Promise((resolve) => {
    probe.once('error', () => resolve(false));
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(true)));
  });
}

export async function unpack(kafka: Java): Promise<Download> {
  const folder = await mkdtemp(join(tmpdir(), 'varve-download-'));
  await mkdir(join(folder, 'bin'));
  await symlink(kafka.jars, join(folder, 'libs'));
  for (const [name, main] of Object.entries(TOOLS)) {
    const line = kafka.command(main).map((word) => `'${word}'`);
    await writeFile(join(folder, 'bin', name), `#!/bin/sh\nexec ${line.join(' ')} "$@"\n`);
    await chmod(join(folder, 'bin', name), 0o755);
  }
  const start9092 = (port: number) => startServer(join(folder, 'data'), { args: ['--kafka-port', String(port)] });
  // It may be taken after it was free.
  const server = (await isFree(TUTORIAL_PORT))
    ? await start9092(TUTORIAL_PORT).catch(() => start9092(0))
    : await start9092(0);
  const here9092 = (text: string) => text.replaceAll('localhost:9092', `localhost:${server.kafka.split(':')[1]}`);
  const command = (lines: string) => ['sh', '-c', `cd '${folder}'\n${here9092(lines)}`] as const;
  return {
    folder,
    server,
    here9092,
    shell: (lines, input) => finish(command(lines), { timeout: 110_000, ...(input !== undefined && { input }) }),
    startShell: (lines) => start(command(lines)),
    async close() {
      await killStarted();
      await server.kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
