import { join } from 'node:path';
import { cached, command, here, type Provided, provide } from './cache.ts';
import type { Client } from './program.ts';

const TIMEOUT_MS = 300_000;

/** The interpreter of a virtual environment with the Python clients, whose archives must have the hashes of the lock file. */
export function python(): Promise<Provided<string>> {
  return provide('Python with its Kafka clients', async () => {
    const folder = await cached('python', ['python/requirements.txt'], async (to) => {
      await command('python3', ['-m', 'venv', to], TIMEOUT_MS);
      const install = ['-m', 'pip', 'install', '--quiet', '--only-binary', ':all:', '--require-hashes'];
      await command(join(to, 'bin', 'python'), [...install, '-r', here('python/requirements.txt')], TIMEOUT_MS);
    });
    return join(folder, 'bin', 'python');
  });
}

/** kafka-python, confluent-kafka and aiokafka, run by that interpreter. */
export function pythonClients(interpreter: string): readonly Client[] {
  const client = (name: string): Client => ({
    name,
    program: [interpreter, '-W', 'ignore', here(`python/with_${name.replaceAll('-', '_')}.py`)],
    codecs: ['none', 'gzip', 'snappy', 'lz4', 'zstd'],
    assignors: ['range', 'roundrobin', 'cooperative-sticky'],
    isStatic: true,
    lacks: [],
  });
  return [
    {
      ...client('kafka-python'),
      assignors: ['range', 'roundrobin', 'sticky', 'cooperative-sticky'],
      lacks: ['null header values'],
    },
    client('confluent-kafka'),
    { ...client('aiokafka'), assignors: ['range', 'roundrobin', 'sticky'] },
  ];
}
