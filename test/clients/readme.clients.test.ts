import { readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { poll } from '../support/poll.ts';
import { here } from './cache.ts';
import { type Download, unpack } from './download.ts';
import { goClients, goProgram } from './go.ts';
import { java } from './java.ts';
import { type Running, start } from './processes.ts';

const kafka = await java();
const go = await goClients();
const PATIENCE_MS = 110_000;

/** The only block of the README in this language that has these words. */
function block(language: string, words: string): string {
  const page = readFileSync(here('../../README.md'), 'utf8');
  const blocks = [...page.matchAll(/^```(\w+)\n(.*?)^```$/gms)];
  const found = blocks.filter(([, of, text]) => of === language && text!.includes(words)).map(([, , text]) => text!);
  expect(found).toHaveLength(1);
  return found[0]!;
}

describe.skipIf('unavailable' in kafka)('the programs of the README, as they stand there', () => {
  let download: Download;
  beforeAll(async () => {
    if ('ok' in kafka) download = await unpack(kafka.ok);
  });
  afterAll(() => download?.close());

  /** Until it has printed the line, or ended. */
  async function prints(program: Running, line: RegExp): Promise<void> {
    try {
      await poll(
        'the line, or the end',
        PATIENCE_MS,
        () => line.test(program.output()) || program.ended() || undefined,
      );
      expect(program.output()).toMatch(line);
    } finally {
      await program.stop();
    }
  }

  test('Java', async () => {
    await writeFile(join(download.folder, 'Orders.java'), download.here9092(block('java', 'KafkaConsumer')));
    await prints(download.startShell("exec java -cp 'libs/*' Orders.java"), /^0 o2 Hello from Java!$/m);
  });

  test.skipIf('unavailable' in go)('Go', async () => {
    const source = join(download.folder, 'orders.go');
    const program = join(download.folder, 'orders');
    await writeFile(source, download.here9092(block('go', 'kgo')));
    await goProgram(source, program);
    await prints(start([program]), /^\d o1 Hello from Go!$/m);
  });

  test('Connect', async () => {
    const lines = block('sh', 'connect-standalone.sh').replace('bin/connect', 'exec bin/connect');
    const worker = download.startShell(lines);
    try {
      const copy = () => readFile(join(download.folder, 'out.txt'), 'utf8').catch(() => '');
      await poll(
        'the file, or the end',
        PATIENCE_MS,
        async () => (await copy()) === 'one\ntwo\n' || worker.ended() || undefined,
      );
      expect(await copy(), worker.output()).toBe('one\ntwo\n');
    } finally {
      await worker.stop();
    }
  });
});
