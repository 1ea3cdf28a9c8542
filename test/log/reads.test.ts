import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import { encodeBatch, readHeader } from '../../lib/format/records/batch.ts';
import { segmentName } from '../../lib/format/segments/names.ts';
import { systemRandom, timeId } from '../../lib/ids.ts';
import { parseBrokerConfig } from '../../lib/log/broker-config.ts';
import type { EventLog } from '../../lib/log/event-log.ts';
import { createLog, type LogDeps } from '../../lib/log/log.ts';
import { embeddedPrices } from '../../lib/log/placement.ts';
import type { Catalog } from '../../lib/stores/catalog/catalog.ts';
import { openSqlite } from '../../lib/stores/catalog/sqlite/sqlite.ts';
import { openMemory } from '../../lib/stores/objects/memory.ts';
import type { ObjectStore } from '../../lib/stores/objects/objects.ts';

let catalog: Catalog;
let objects: ObjectStore;
let logs: EventLog[];
beforeEach(async () => {
  catalog = await openSqlite({ path: ':memory:', clock: systemClock, random: systemRandom });
  objects = openMemory();
  logs = [];
});
afterEach(async () => {
  for (const log of logs) await log.close();
  await Promise.all([catalog.close(), objects.close()]);
});

/** A log that has read nothing yet, and what it asks its stores for. */
function open(options: Partial<LogDeps> & { spoil?: (bytes: Uint8Array) => Uint8Array } = {}) {
  const { spoil = (bytes) => bytes, ...deps } = options;
  const gets: string[] = [];
  const chunks: number[] = [];
  const close = async () => {};
  const partitions: Catalog['partitions'] = {
    ...catalog.partitions,
    chunks(of, ids) {
      chunks.push(ids.length);
      return catalog.partitions.chunks(of, ids);
    },
  };
  const log = createLog({
    catalog: { ...catalog, partitions, close },
    objects: {
      ...objects,
      get: async (name, range) => {
        gets.push(name);
        return spoil((await objects.get(name, range)).slice());
      },
      close,
    },
    clock: systemClock,
    random: systemRandom,
    brokerConfig: parseBrokerConfig([]),
    prices: embeddedPrices,
    ...deps,
  });
  logs.push(log);
  return { log, gets, chunks };
}

const batchOf = (size: number) =>
  encodeBatch([{ key: null, value: Buffer.alloc(size, 'x'), headers: [], timestamp: Date.now() }]);
const offsetsOf = (batches: readonly Uint8Array[]) => batches.map((batch) => readHeader(batch).baseOffset);

describe('what is fetched together is read together', () => {
  it('a segment once for all its partitions', async () => {
    const { log: writer } = open();
    await writer.topics.create('t', { partitions: 6 });
    const wanted = Array.from({ length: 6 }, (_, partition) => ({ topic: 't', partition, offset: 0, maxBytes: 1e6 }));
    await Promise.all(wanted.map(({ partition }) => writer.appendBatch('t', partition, batchOf(100_000))));
    const { log, gets } = open();

    const fetched = await log.fetchAll(wanted, { maxBytes: 1e7, minBytes: 1, wait: 0 });

    expect(fetched.map((one) => 'batches' in one && offsetsOf(one.batches))).toEqual(wanted.map(() => [0]));
    expect(gets).toHaveLength(1);
  });

  it('a segment in which one batch is damaged, for the partitions whose batches are not', async () => {
    const { log: writer } = open();
    await writer.topics.create('t', { partitions: 3 });
    const wanted = [0, 1, 2].map((partition) => ({ topic: 't', partition, offset: 0, maxBytes: 1e6 }));
    await Promise.all(wanted.map(({ partition }) => writer.appendBatch('t', partition, batchOf(100_000))));
    const middle = (bytes: Uint8Array) => {
      bytes[Math.floor(bytes.length / 2)]! ^= 0x10;
      return bytes;
    };
    const { log } = open({ spoil: middle });

    const fetched = await log.fetchAll(wanted, { maxBytes: 1e7, minBytes: 1, wait: 0 });

    expect(fetched).toMatchObject([
      { batches: [expect.any(Uint8Array)] },
      { code: 'CORRUPT_MESSAGE' },
      { batches: [expect.any(Uint8Array)] },
    ]);
  });

  it('chunks by calls of at most a hundred, each at its offset', async () => {
    const { log: writer } = open();
    await writer.topics.create('t');
    for (let i = 0; i < 5; i++) {
      await Promise.all(Array.from({ length: 30 }, () => writer.appendBatch('t', 0, batchOf(1_000))));
    }
    const { log, chunks } = open();

    const { batches } = await log.fetch('t', 0, 0, { maxBytes: 1e7 });

    expect(offsetsOf(batches)).toEqual(Array.from({ length: 150 }, (_, i) => i));
    expect(chunks).toEqual([100, 50]);
  });

  it('chunks of which some are gone, for the others', async () => {
    const { log: writer } = open();
    await writer.topics.create('t');
    await Promise.all(Array.from({ length: 3 }, () => writer.appendBatch('t', 0, batchOf(1_000))));
    const topic = await catalog.topics.get('t');
    const of = { topicId: topic!.id, partition: 0 };
    const { entries } = (await catalog.partitions.head(of))!.tail;
    const ids = entries.map(({ id }) => id);

    const found = await catalog.partitions.chunks(of, [ids[0]!, 'f'.repeat(32), ids[2]!]);

    expect(found.map((bytes) => bytes?.length)).toEqual([entries[0]!.length, undefined, entries[2]!.length]);
  });
});

describe('reading ahead', () => {
  const SIZE = 100_000;
  const BATCHES = 12;
  const WAIT = { timeout: 20_000 };
  /** Two batches at a time. */
  const some = { maxBytes: 2.5 * SIZE };
  beforeEach(async () => {
    const { log } = open();
    await log.topics.create('t');
    for (let i = 0; i < BATCHES; i++) await log.appendBatch('t', 0, batchOf(SIZE));
  });

  it('is for a reader in sequence, which finds what it asks for next', async () => {
    const { log, gets } = open({ readAhead: true });
    await log.fetch('t', 0, 0, some);
    await log.fetch('t', 0, 2, some);
    await expect.poll(() => gets.length, WAIT).toBe(6);

    const { batches } = await log.fetch('t', 0, 4, { maxBytes: 2.5 * SIZE });

    expect(offsetsOf(batches)).toEqual([4, 5]);
    await expect.poll(() => gets.length, WAIT).toBe(8);
    expect(new Set(gets).size).toBe(8);
  });

  it('is not for one who jumps, nor where requests cost money', async () => {
    const jumping = open({ readAhead: true });
    for (const offset of [0, 6, 3, 9]) await jumping.log.fetch('t', 0, offset, some);
    const paying = open();
    for (const offset of [0, 2, 4, 6]) await paying.log.fetch('t', 0, offset, some);

    expect([jumping.gets.length, paying.gets.length]).toEqual([8, 8]);
  });

  it('stops where more readers read than the cache would hold for', async () => {
    const { log, gets } = open({ readAhead: true, cacheBytes: 4 * SIZE });
    for (const offset of [0, 2, 4, 6]) await log.fetch('t', 0, offset, some);

    expect(gets).toHaveLength(8);
  });
});

it('a place that a store gave two offsets is read at both, and keeps nobody where it is', async () => {
  const { log } = open();
  const { id: topicId } = await log.topics.create('t');
  const bytes = batchOf(10);
  const id = timeId(Date.now(), systemRandom);
  await objects.put(segmentName(id), [bytes]);
  const { crc, length } = readHeader(bytes);
  const entry = { id, position: 0, length, crc, count: 1, maxTimestamp: 0 };
  for (let i = 0; i < 2; i++) await catalog.partitions.append({ topicId, partition: 0 }, [entry]);

  const first = await log.poll('t', 0, 0, { maxBytes: 1 });
  const second = await log.poll('t', 0, 1);

  expect([...first.records, ...second.records].map(({ offset }) => offset)).toEqual([0, 1]);
  expect(second.next).toBe(2);
});
