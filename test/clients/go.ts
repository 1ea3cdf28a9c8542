import { globSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE, cached, command, here, type Provided, provide } from './cache.ts';
import type { Client } from './program.ts';

/** A machine of two cores compiles for minutes when it has all else to do. */
const TIMEOUT_MS = 900_000;

const ENV = { GOMODCACHE: join(CACHE, 'gomod'), GOFLAGS: '-mod=readonly -modcacherw', GOTOOLCHAIN: 'local' };

/** Compiles a program of one file into another. */
export async function goProgram(source: string, to: string): Promise<void> {
  // A file named alone is built with the modules of the folder that the command runs in.
  await command('go', ['-C', here('go'), 'build', '-buildvcs=false', '-o', to, source], TIMEOUT_MS, ENV);
}

/** franz-go and sarama; modules must have the checksums of go.sum. Needs the Go that go.mod names. */
export function goClients(): Promise<Provided<readonly Client[]>> {
  return provide('Go with its Kafka clients', async () => {
    const sources = globSync(['go.mod', 'go.sum', '*/*.go'], { cwd: here('go') }).sort();
    const folder = await cached(
      'go',
      sources.map((source) => `go/${source}`),
      async (to) => {
        const build = ['-C', here('go'), 'build', '-trimpath', '-buildvcs=false', '-o', to];
        await command('go', [...build, './franz-go', './sarama'], TIMEOUT_MS, ENV);
      },
    );
    const client = (name: string): Client => ({
      name,
      program: [join(folder, name)],
      codecs: ['none', 'gzip', 'snappy', 'lz4', 'zstd'],
      assignors: ['range', 'roundrobin', 'sticky', 'cooperative-sticky'],
      isStatic: true,
      lacks: [],
    });
    return [client('franz-go'), client('sarama')];
  });
}
