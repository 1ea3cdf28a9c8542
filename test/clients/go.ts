import { globSync } from 'node:fs';
import { join } from 'node:path';
import { CACHE, cached, command, here, type Provided, provide } from './cache.ts';
import type { Client } from './program.ts';

/** A machine of two cores compiles for minutes when it has all else to do. */
const TIMEOUT_MS = 900_000;

/** franz-go and sarama; modules must have the checksums of go.sum. Needs the Go that go.mod names. */
export function goClients(): Promise<Provided<readonly Client[]>> {
  return provide('Go with its Kafka clients', async () => {
    const sources = globSync(['go.mod', 'go.sum', '*/*.go'], { cwd: here('go') }).sort();
    const folder = await cached(
      'go',
      sources.map((source) => `go/${source}`),
      async (to) => {
        const env = { GOMODCACHE: join(CACHE, 'gomod'), GOFLAGS: '-mod=readonly -modcacherw', GOTOOLCHAIN: 'local' };
        const build = ['-C', here('go'), 'build', '-trimpath', '-buildvcs=false', '-o', to];
        await command('go', [...build, './franz-go', './sarama'], TIMEOUT_MS, env);
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
