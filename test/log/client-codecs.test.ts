import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { EventLog } from '../../lib/log/event-log.ts';
import { openMemory } from '../../lib/open/memory.ts';

/** Written by librdkafka, kafka-python and aiokafka; see python-clients.py beside it. */
const FIXTURE = new URL('../format/records/fixtures/python-clients.jsonl', import.meta.url);
const written = readFileSync(FIXTURE, 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as { client: string; codec: string; batches: string[] })
  .map(({ client, codec, batches }) => ({ client, codec, bytes: Uint8Array.from(Buffer.from(batches[0]!, 'base64')) }));

describe.each(written)('a batch that $client compressed with $codec', ({ bytes, codec }) => {
  let log: EventLog;
  beforeAll(async () => {
    log = await openMemory();
    await log.topics.create('orders');
    await log.appendBatch('orders', 0, bytes);
  });
  afterAll(() => log.close());

  test('is read by the library, record by record', async () => {
    const { records, next } = await log.poll('orders', 0, 0);

    expect(next).toBe(102);
    expect(records.map(({ key }) => Buffer.from(key!).toString())).toEqual(
      Array.from({ length: 102 }, (_, i) => `${i}`),
    );
    expect(Buffer.from(records[8]!.value!).toString()).toBe(`${codec} says hello to customer 1 `.repeat(40));
  });

  test('is searched inside by time', async () => {
    const { records } = await log.poll('orders', 0, 0);
    const highest = records.reduce((max, { timestamp }) => Math.max(max, timestamp), 0);

    for (const { timestamp } of records) {
      const first = records.find((record) => record.timestamp >= timestamp)!;
      expect(await log.offsetAt('orders', 0, timestamp)).toEqual({ offset: first.offset, timestamp: first.timestamp });
    }
    expect(await log.offsetAt('orders', 0, highest + 1)).toBeUndefined();
    const newest = records.find(({ timestamp }) => timestamp === highest)!;
    expect(await log.offsetOfMaxTimestamp('orders', 0)).toEqual({ offset: newest.offset, timestamp: highest });
  });
});
