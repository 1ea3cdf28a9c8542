import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ServerProcess, startServer } from '../support/server.ts';
import { here } from './cache.ts';
import { finish } from './processes.ts';
import { python } from './python.ts';

const py = await python();
const COUNT = 10;

type Row = [partition: number, offset: number, key: string, value: string | null, headers: [string, string][]];
interface Trip {
  codecs: string[];
  first: Row[];
  second: Row[];
}

describe.skipIf('unavailable' in py)('Python clients', () => {
  let folder: string;
  let server: ServerProcess;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'varve-python-'));
    const config = ['num.partitions=2', 'group.initial.rebalance.delay.ms=0'].flatMap((pair) => ['--config', pair]);
    server = await startServer(folder, { args: config });
  });
  afterAll(async () => {
    await server?.kill();
    await rm(folder, { recursive: true, force: true });
  });

  test.each(['kafka-python', 'confluent-kafka', 'aiokafka'])(
    '%s writes with every codec, idempotently, reads in a group and resumes',
    async (client) => {
      const interpreter = 'ok' in py ? py.ok : '';
      const script = [interpreter, '-W', 'ignore', here('python/roundtrip.py'), client, server.kafka, `t-${client}`];
      const { code, stdout, stderr } = await finish(script as [string, ...string[]], { timeout: 100_000 });
      expect(code, stderr).toBe(0);
      const { codecs, first, second } = JSON.parse(stdout) as Trip;
      expect(first).toHaveLength(codecs.length * COUNT);
      for (const codec of codecs) {
        for (let i = 0; i < COUNT; i++) {
          const row = first.find(([, , key]) => key === `${codec}${i}`);
          expect(row?.[3]).toBe(i === 3 ? null : `${codec} ${i} ${'x'.repeat(200)}`);
          expect(row?.[4]).toEqual([['codec', codec]]);
        }
      }
      // Offsets of each partition rise by one, over the restart too.
      for (const rows of Map.groupBy([...first, ...second], ([partition]) => partition).values()) {
        expect(rows.map(([, offset]) => offset)).toEqual(rows.map((_, i) => i));
      }
      expect(second.map(([, , , value]) => value).filter((value) => value?.includes('again'))).toHaveLength(COUNT - 1);
    },
  );
});
