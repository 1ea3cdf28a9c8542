import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { VarveError } from '../../lib/errors.ts';
import { encodeBatch } from '../../lib/format/records/batch.ts';
import type { EventLog } from '../../lib/log/event-log.ts';
import { openMemory } from '../../lib/open/memory.ts';
import { codeOf } from '../support/code-of.ts';

const text = (bytes: Uint8Array | null) => (bytes === null ? null : Buffer.from(bytes).toString());
async function readAll(log: EventLog, topic: string, partition?: number) {
  const records = [];
  for await (const record of log.read(topic, { follow: false, ...(partition !== undefined && { partition }) })) {
    records.push(record);
  }
  return records;
}

describe('appending and reading', () => {
  let log: EventLog;
  beforeEach(async () => {
    log = await openMemory();
  });
  afterEach(() => log.close());

  it('gives back keys, values, headers and timestamps as they were appended', async () => {
    await log.topics.create('orders');
    const records = [
      { key: 'a', value: 'first', headers: [{ key: 'h', value: 'x' }], timestamp: 1_700_000_000_000 },
      { key: null, value: null, timestamp: 1_700_000_000_001 },
      { value: new Uint8Array([0, 255, 128]), timestamp: 1_700_000_000_002 },
    ];

    const answers = await log.append('orders', records);

    expect(answers.map(({ offset }) => offset)).toEqual([0, 1, 2]);
    const read = await readAll(log, 'orders');
    expect(read.map(({ offset, timestamp }) => [offset, timestamp])).toEqual([
      [0, 1_700_000_000_000],
      [1, 1_700_000_000_001],
      [2, 1_700_000_000_002],
    ]);
    expect(read.map(({ key, value }) => [text(key), value && [...value]])).toEqual([
      ['a', [...Buffer.from('first')]],
      [null, null],
      [null, [0, 255, 128]],
    ]);
    expect(read[0]!.headers.map(({ key, value }) => [key, text(value)])).toEqual([['h', 'x']]);
  });

  it('assigns dense offsets to concurrent appends and keeps the order of each caller', async () => {
    await log.topics.create('busy');
    const callers = 16;
    const each = 100;

    const answers = await Promise.all(
      Array.from({ length: callers }, async (_, caller) => {
        const offsets: number[] = [];
        for (let i = 0; i < each; i++) {
          const [answer] = await log.append('busy', [{ value: `${caller}:${i}` }]);
          offsets.push(answer!.offset);
        }
        return offsets;
      }),
    );

    expect(answers.flat().sort((a, b) => a - b)).toEqual(Array.from({ length: callers * each }, (_, i) => i));
    const read = await readAll(log, 'busy');
    answers.forEach((offsets, caller) => {
      expect(offsets.map((offset) => text(read[offset]!.value))).toEqual(offsets.map((_, i) => `${caller}:${i}`));
    });
  });

  it('keeps calls of one caller that do not wait for each other in order', async () => {
    await log.topics.create('pipelined');
    await Promise.all(Array.from({ length: 2_000 }, (_, i) => log.append('pipelined', [{ value: String(i) }])));
    expect((await readAll(log, 'pipelined')).map(({ value }) => Number(text(value)))).toEqual(
      Array.from({ length: 2_000 }, (_, i) => i),
    );
  });

  it('sends equal keys to the partition that Kafka picks, and records without a key somewhere', async () => {
    await log.topics.create('keyed', { partitions: 8 });
    const answers = await log.append(
      'keyed',
      ['21', 'foobar', 'a-little-bit-long-string'].map((key) => ({ key, value: key })),
    );
    // murmur2 of Kafka's own UtilsTest: -973932308, -790332482, -985981536; the sign bit is masked off.
    expect(answers.map(({ partition }) => partition)).toEqual(
      [-973932308, -790332482, -985981536].map((hash) => (hash & 0x7fffffff) % 8),
    );
    const keyless = await log.append('keyed', [{ value: 'x' }, { value: 'y' }]);
    expect(keyless[0]!.partition).toBe(keyless[1]!.partition);
  });

  it('answers each record on its own, and appends the good ones', async () => {
    await log.topics.create('mixed', { partitions: 2, config: { 'max.message.bytes': '1000' } });
    const answers = await log.appendSettled('mixed', [
      { value: 'good', partition: 1 },
      { value: 'no such partition', partition: 2 },
      { value: 'x'.repeat(2_000), partition: 0 },
    ]);
    expect(answers[0]).toMatchObject({ partition: 1, offset: 0 });
    expect(answers.slice(1).map((answer) => (answer as VarveError).code)).toEqual([
      'UNKNOWN_TOPIC_OR_PARTITION',
      'MESSAGE_TOO_LARGE',
    ]);
    expect(await readAll(log, 'mixed')).toHaveLength(1);
  });

  it('splits a call that is larger than a batch may be', async () => {
    await log.topics.create('large', { config: { 'max.message.bytes': '10000' } });
    await log.append(
      'large',
      Array.from({ length: 100 }, (_, i) => ({ value: `${i}:${'x'.repeat(1_000)}` })),
    );
    const { batches } = await log.fetch('large', 0, 0, { maxBytes: 1_000_000 });
    expect(batches.length).toBeGreaterThan(9);
    expect(Math.max(...batches.map(({ length }) => length))).toBeLessThanOrEqual(10_000);
    expect(await readAll(log, 'large')).toHaveLength(100);
  });

  it.each(['none', 'gzip', 'zstd'] as const)('passes a %s batch through byte for byte', async (compression) => {
    await log.topics.create('raw');
    await log.append('raw', [{ value: 'before' }]);
    const records = Array.from({ length: 50 }, (_, i) => ({
      key: null,
      value: Buffer.from(`value ${i} `.repeat(20)),
      headers: [],
      timestamp: Date.now(),
    }));
    const batch = encodeBatch(records, { compression });

    const { offset } = await log.appendBatch('raw', 0, batch);

    expect(offset).toBe(1);
    const { batches } = await log.fetch('raw', 0, 20);
    expect(Buffer.from(batches[0]!).subarray(16).equals(Buffer.from(batch).subarray(16))).toBe(true);
    const { records: polled } = await log.poll('raw', 0, 20);
    expect(polled[0]).toMatchObject({ offset: 20 });
    expect(polled).toHaveLength(31);
  });

  it('refuses a batch whose bytes were changed on the way', async () => {
    await log.topics.create('raw');
    const batch = encodeBatch([{ key: null, value: Buffer.from('v'), headers: [], timestamp: Date.now() }]);
    batch[batch.length - 2]! ^= 1;
    expect(await codeOf(log.appendBatch('raw', 0, batch))).toBe('CORRUPT_MESSAGE');
    expect(await log.offsets('raw', 0)).toEqual({ earliest: 0, latest: 0 });
  });

  it('stamps the time of the append where the topic says so', async () => {
    await log.topics.create('stamped', { config: { 'message.timestamp.type': 'LogAppendTime' } });
    const before = Date.now();
    const [answer] = await log.append('stamped', [{ value: 'v', timestamp: 1 }]);
    const batch = encodeBatch([{ key: null, value: Buffer.from('v'), headers: [], timestamp: 1 }]);
    await log.appendBatch('stamped', 0, batch);
    const read = await readAll(log, 'stamped');
    expect(answer!.timestamp).toBe(read[0]!.timestamp);
    for (const { timestamp } of read) expect(timestamp).toBeGreaterThanOrEqual(before);
  });

  it('appends a batch of an idempotent producer once, whatever is repeated', async () => {
    await log.topics.create('once');
    const { id, epoch } = await log.allocateProducer();
    const append = (sequence: number, values: string[]) =>
      log.append(
        'once',
        values.map((value) => ({ value, partition: 0 })),
        { producer: { id, epoch, sequence } },
      );
    const first = await append(0, ['a', 'b']);
    expect(await append(0, ['a', 'b'])).toEqual(first.map((answer) => ({ ...answer, timestamp: expect.any(Number) })));
    await append(2, ['c']);
    expect(await codeOf(append(5, ['e']))).toBe('OUT_OF_ORDER_SEQUENCE_NUMBER');
    expect((await readAll(log, 'once')).map(({ value }) => text(value))).toEqual(['a', 'b', 'c']);
  });

  it('wakes a reader that waits', async () => {
    await log.topics.create('waited');
    const waiting = log.poll('waited', 0, 0, { wait: 20_000 });
    await log.append('waited', [{ value: 'now' }]);
    expect((await waiting).records.map(({ value }) => text(value))).toEqual(['now']);
  });

  it('answers an empty poll when its time is up', async () => {
    await log.topics.create('quiet');
    expect(await log.poll('quiet', 0, 0, { wait: 20 })).toEqual({
      records: [],
      next: 0,
      highWatermark: 0,
      logStart: 0,
    });
  });

  it('follows all partitions until the caller has enough', async () => {
    await log.topics.create('followed', { partitions: 3 });
    const seen = new Map<number, string[]>();
    const stop = new AbortController();
    const following = (async () => {
      let count = 0;
      for await (const { partition, value } of log.read('followed', { signal: stop.signal })) {
        seen.set(partition, [...(seen.get(partition) ?? []), text(value)!]);
        if (++count === 300) stop.abort();
      }
    })();
    for (let i = 0; i < 100; i++) {
      await log.append(
        'followed',
        [0, 1, 2].map((partition) => ({ value: String(i), partition })),
      );
    }
    await following;
    for (const partition of [0, 1, 2])
      expect(seen.get(partition)).toEqual(Array.from({ length: 100 }, (_, i) => String(i)));
  });

  it('lets the process have its turns while a reader goes through what is cached', async () => {
    await log.topics.create('cached', { config: { 'max.message.bytes': '2000' } });
    for (let i = 0; i < 20; i++) {
      await log.append(
        'cached',
        Array.from({ length: 2_500 }, (_, j) => ({ value: `${i}:${j}` })),
      );
    }
    let turns = 0;
    let reading = true;
    const count = () => {
      turns++;
      if (reading) setImmediate(count);
    };
    setImmediate(count);
    expect(await readAll(log, 'cached')).toHaveLength(50_000);
    reading = false;
    expect(turns).toBeGreaterThan(2);
  });

  it('finds the first record at or after a time, outliers and all', async () => {
    await log.topics.create('timed');
    const base = Date.now() - 100_000;
    for (const delta of [0, 10, 5_000, 20, 30]) {
      await log.append('timed', [{ value: 'v', timestamp: base + delta }]);
    }
    expect(await log.offsetAt('timed', 0, base + 15)).toEqual({ offset: 2, timestamp: base + 5_000 });
    expect(await log.offsetAt('timed', 0, base - 1)).toEqual({ offset: 0, timestamp: base });
    expect(await log.offsetAt('timed', 0, base + 5_001)).toBeUndefined();
    await log.deleteRecords('timed', 0, 3);
    expect(await log.offsetAt('timed', 0, base + 15)).toEqual({ offset: 3, timestamp: base + 20 });
  });

  it('no longer reads what was deleted, inside a batch too', async () => {
    await log.topics.create('trimmed');
    await log.append(
      'trimmed',
      Array.from({ length: 10 }, (_, i) => ({ value: String(i) })),
    );
    expect(await log.deleteRecords('trimmed', 0, 4)).toBe(4);
    expect(await codeOf(log.poll('trimmed', 0, 3))).toBe('OFFSET_OUT_OF_RANGE');
    expect((await readAll(log, 'trimmed')).map(({ value }) => text(value))).toEqual(['4', '5', '6', '7', '8', '9']);
    expect(await log.deleteRecords('trimmed', 0, 'latest')).toBe(10);
    expect(await codeOf(log.deleteRecords('trimmed', 0, 11))).toBe('OFFSET_OUT_OF_RANGE');
  });

  it('says what does not exist', async () => {
    await log.topics.create('here');
    expect(await codeOf(log.append('nowhere', [{ value: 'v' }]))).toBe('UNKNOWN_TOPIC_OR_PARTITION');
    expect(await codeOf(log.poll('here', 1, 0))).toBe('UNKNOWN_TOPIC_OR_PARTITION');
    expect(await codeOf(log.poll('here', 0, 1))).toBe('OFFSET_OUT_OF_RANGE');
    expect(await codeOf(log.poll('here', 0, -1))).toBe('OFFSET_OUT_OF_RANGE');
  });

  it('ends a waiting read when the topic is deleted, and begins anew when it is created again', async () => {
    await log.topics.create('again');
    await log.append('again', [{ value: 'old' }]);
    const waiting = codeOf(log.poll('again', 0, 1, { wait: 20_000 }));
    await log.topics.delete('again');
    expect(await waiting).toBe('UNKNOWN_TOPIC_OR_PARTITION');
    await log.topics.create('again');
    expect((await log.append('again', [{ value: 'new' }]))[0]!.offset).toBe(0);
    expect((await readAll(log, 'again')).map(({ value }) => text(value))).toEqual(['new']);
  });

  it('makes durable what was accepted before it closes, and refuses the rest', async () => {
    await log.topics.create('closing');
    const accepted = Array.from({ length: 100 }, (_, i) => log.append('closing', [{ value: String(i) }]));
    await new Promise((resolve) => setImmediate(resolve));
    const closed = log.close();
    expect(await codeOf(log.append('closing', [{ value: 'late' }]))).toBe('LOG_CLOSED');
    expect((await Promise.all(accepted)).map(([answer]) => answer!.offset)).toEqual(
      Array.from({ length: 100 }, (_, i) => i),
    );
    await closed;
  });
});
