import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeBatch } from '../../lib/format/records/batch.ts';
import type { EventLog } from '../../lib/log/event-log.ts';
import { openEmbedded } from '../../lib/open/embedded.ts';

/** Nobody could sit through it. */
const LINGER = 3_600_000;

describe('an embedded log whose writer lingers for an hour', () => {
  let folder: string;
  let log: EventLog;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'varve-writer-'));
    log = await openEmbedded({ data: join(folder, 'data'), writer: { linger: LINGER } });
    await log.topics.create('t');
  });
  afterEach(async () => {
    await log.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('appends at once what comes while nothing is under way', async () => {
    expect(await log.append('t', [{ value: 'alone' }])).toMatchObject([{ offset: 0 }]);
    expect(await log.append('t', [{ value: 'again' }])).toMatchObject([{ offset: 1 }]);
  });

  it('appends what comes meanwhile as soon as that is done, small or large', async () => {
    const values = Array.from({ length: 50 }, (_, i) => `${i}`.padEnd(i % 2 === 0 ? 10 : 100_000));
    const answers: Promise<{ offset: number }[]>[] = [];
    for (const value of values) {
      answers.push(log.append('t', [{ value }]));
      await new Promise((resolve) => setImmediate(resolve));
    }
    const offsets = (await Promise.all(answers)).map(([answer]) => answer!.offset);
    expect(offsets).toEqual(values.map((_, i) => i));
  });

  it('keeps a batch of its own, whatever the caller does with its buffer', async () => {
    const batch = Buffer.from(encodeBatch([{ key: null, value: Buffer.from('kept'), headers: [], timestamp: 1 }]));

    await log.appendBatch('t', 0, batch);
    batch.fill(0);

    const { records } = await log.poll('t', 0, 0);
    expect(records.map(({ value }) => Buffer.from(value!).toString())).toEqual(['kept']);
  });
});
