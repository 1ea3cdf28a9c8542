import { join } from 'node:path';
import type { EventLog } from '../lib/log/event-log.ts';
import { openEmbedded } from '../lib/open/embedded.ts';
import { type Figure, median, megabytes } from './figures.ts';
import { appendMuch, PARTITIONS, TOPIC } from './load.ts';
import { CACHES_DROPPED_BY, dropCaches, rawCrc, rawRead, time } from './physical.ts';
import type { Scale } from './scale.ts';

const MIB = 1024 * 1024;
const FETCH_BYTES = 8 * MIB;

/** Reads what `append` wrote: raw batches and decoded records, by a log just opened over files that are not in memory. */
export async function read(folder: string, scale: Scale): Promise<Figure[]> {
  const data = join(folder, 'log');
  const writing = await openEmbedded({ data });
  await writing.topics.create(TOPIC, { partitions: PARTITIONS });
  const bytes = await appendMuch(writing, scale.bytes, 8 * MIB);
  await writing.close();

  const ways = {
    'fetch, cold, 8 partitions side by side': { cold: true, run: (log: EventLog) => sideBySide(log, fetchAll) },
    'fetch, cold, one partition after the other': { cold: true, run: (log: EventLog) => inTurn(log, fetchAll) },
    'fetch, from the page cache, side by side': { cold: false, run: (log: EventLog) => sideBySide(log, fetchAll) },
    'poll (decoded), cold, side by side': { cold: true, run: (log: EventLog) => sideBySide(log, pollAll) },
  };
  const rates = new Map(Object.keys(ways).map((name) => [name, [] as number[]]));
  const cold: number[] = [];
  const warm: number[] = [];
  const crc: number[] = [];
  for (let turn = 0; turn < scale.turns; turn++) {
    for (const [name, way] of Object.entries(ways)) {
      if (way.cold) await dropCaches(data);
      const log = await openEmbedded({ data });
      rates.get(name)!.push(megabytes(bytes, await time(() => way.run(log))));
      await log.close();
    }
    await dropCaches(data);
    for (const found of [cold, warm]) {
      const raw = await rawRead(data);
      found.push(megabytes(raw.bytes, raw.ms));
    }
    crc.push(megabytes(bytes, await rawCrc(4 * MIB, bytes)));
  }
  const coldLimit = Math.min(median(cold), median(crc));
  return [
    {
      what: 'cold read of the same files',
      limit: median(cold),
      unit: 'MB/s',
      beside: `one at a time; by ${CACHES_DROPPED_BY}`,
    },
    { what: 'the same from the page cache', limit: median(warm), unit: 'MB/s' },
    { what: 'CRC-32C alone', limit: median(crc), unit: 'MB/s' },
    ...Object.entries(ways).map(
      ([name, way]): Figure => ({
        what: name,
        varve: median(rates.get(name)!),
        limit: way.cold ? coldLimit : Math.min(median(warm), median(crc)),
        unit: 'MB/s',
        beside: `the lower of ${way.cold ? 'cold' : 'warm'} read and CRC`,
        ...(name.startsWith('fetch, cold, 8') && { goal: '0.50 or more' }),
      }),
    ),
  ];
}

type ReadAll = (log: EventLog, partition: number) => Promise<void>;
const partitions = Array.from({ length: PARTITIONS }, (_, partition) => partition);

async function sideBySide(log: EventLog, readAll: ReadAll): Promise<void> {
  await Promise.all(partitions.map((partition) => readAll(log, partition)));
}

async function inTurn(log: EventLog, readAll: ReadAll): Promise<void> {
  for (const partition of partitions) await readAll(log, partition);
}

const fetchAll: ReadAll = async (log, partition) => {
  for (let offset = 0; ; ) {
    const { batches, highWatermark } = await log.fetch(TOPIC, partition, offset, { maxBytes: FETCH_BYTES });
    const last = batches.at(-1);
    if (last === undefined) return;
    // A batch begins with its base offset (int64); its last offset delta is the int32 at byte 23.
    const view = Buffer.from(last.buffer, last.byteOffset, last.byteLength);
    offset = Number(view.readBigInt64BE(0)) + view.readInt32BE(23) + 1;
    if (offset >= highWatermark) return;
  }
};

const pollAll: ReadAll = async (log, partition) => {
  for (let offset = 0; ; ) {
    const polled = await log.poll(TOPIC, partition, offset, { maxBytes: FETCH_BYTES });
    offset = polled.next;
    if (offset >= polled.highWatermark) return;
  }
};
