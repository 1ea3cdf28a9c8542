import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { openEmbedded } from '../lib/open/embedded.ts';
import { type Figure, median, megabytes } from './figures.ts';
import { appendMuch, PARTITIONS, TOPIC } from './load.ts';
import { rawWrite, time } from './physical.ts';
import type { Scale } from './scale.ts';

const MIB = 1024 * 1024;
const FLUSHES = [MIB / 4, MIB, 4 * MIB, 8 * MIB];
/** As many as the Writer puts at a time. */
const SIDE_BY_SIDE = 4;

/** Records of 1 KB into 8 partitions through the library, beside files of the flush's size with the same fsyncs. */
export async function append(folder: string, scale: Scale): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const flushBytes of FLUSHES) {
    const varve: number[] = [];
    const [together, alone]: [number[], number[]] = [[], []];
    for (let turn = 0; turn < scale.turns; turn++) {
      varve.push(await appendOnce(join(folder, 'log'), flushBytes, scale.bytes));
      for (const [sideBySide, rates] of [
        [SIDE_BY_SIDE, together],
        [1, alone],
      ] as const) {
        const raw = join(folder, 'raw');
        rates.push(megabytes(scale.bytes, await rawWrite(raw, flushBytes, scale.bytes, sideBySide)));
        await rm(raw, { recursive: true });
      }
    }
    figures.push({
      what: `append, flushes of ${flushBytes / MIB} MiB`,
      varve: median(varve),
      limit: median(together),
      unit: 'MB/s',
      beside: `write + fsync, ${SIDE_BY_SIDE} at a time (one at a time ${median(alone).toFixed(0)} MB/s)`,
      ...(flushBytes === 4 * MIB && { goal: '0.50 or more' }),
    });
  }
  return figures;
}

/** MB/s of values. */
async function appendOnce(data: string, flushBytes: number, bytes: number): Promise<number> {
  const log = await openEmbedded({ data, writer: { flushBytes } });
  await log.topics.create(TOPIC, { partitions: PARTITIONS });
  let appended = 0;
  const ms = await time(async () => {
    appended = await appendMuch(log, bytes, flushBytes);
  });
  await log.close();
  await rm(data, { recursive: true });
  return megabytes(appended, ms);
}
