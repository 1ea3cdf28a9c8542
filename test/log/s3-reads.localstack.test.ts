import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, DeleteBucketCommand, DeleteObjectsCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import { systemRandom } from '../../lib/ids.ts';
import { parseBrokerConfig } from '../../lib/log/broker-config.ts';
import type { EventLog } from '../../lib/log/event-log.ts';
import { createLog } from '../../lib/log/log.ts';
import type { Prices } from '../../lib/log/placement.ts';
import { openSqlite } from '../../lib/stores/catalog/sqlite/sqlite.ts';
import { openS3 } from '../../lib/stores/objects/s3.ts';
import { type Hook, through } from '../faults/transport.ts';
import { localstack } from '../support/localstack.ts';

const ALWAYS_SEGMENTS: Prices = { put: 0, pointer: 0, carried: () => Number.POSITIVE_INFINITY, carryLimit: 0 };
const RECORDS = 40;
const VALUE_BYTES = 2_000;

describe('reads of a segment in S3', () => {
  const bucket = `varve-${randomUUID()}`;
  const admin = new S3Client(localstack);
  let folder: string;
  let values: string[];
  /** `GetObject bytes=0-99` of each request. */
  let asked: string[];
  let puts: string[];
  let opened: EventLog | undefined;

  /** A process that has read nothing yet. */
  async function open(): Promise<EventLog> {
    const counting: Hook = (request, send) => {
      if (request.operation === 'GetObject') asked.push(request.headers.range ?? 'whole');
      if (request.operation === 'PutObject') puts.push(request.path.slice(`/${bucket}/`.length));
      return send();
    };
    opened = createLog({
      catalog: await openSqlite({ path: join(folder, 'catalog'), clock: systemClock, random: systemRandom }),
      objects: openS3({ client: through(localstack, counting), bucket, clock: systemClock }),
      clock: systemClock,
      random: systemRandom,
      prices: ALWAYS_SEGMENTS,
      brokerConfig: parseBrokerConfig([]),
    });
    return opened;
  }

  /** The bytes of each request, first and last, in the order of the first. */
  const ranges = () =>
    asked
      .map((range) => range.replace('bytes=', '').split('-').map(Number) as [number, number])
      .sort(([a], [b]) => a - b);

  beforeAll(async () => {
    await admin.send(new CreateBucketCommand({ Bucket: bucket }));
    folder = await mkdtemp(join(tmpdir(), 'varve-s3-reads-'));
    asked = [];
    puts = [];
    const log = await open();
    // A batch holds two records.
    await log.topics.create('t', { partitions: 2, config: { 'max.message.bytes': '5000' } });
    values = Array.from({ length: RECORDS }, () => randomBytes(VALUE_BYTES / 2).toString('hex'));
    await log.append('t', [
      ...values.map((value) => ({ partition: 0, value })),
      ...values.map((value) => ({ partition: 1, value })),
    ]);
    await log.close();
    opened = undefined;
    expect(puts).toHaveLength(1);
  });
  afterAll(async () => {
    const Objects = puts.map((Key) => ({ Key }));
    await admin.send(new DeleteObjectsCommand({ Bucket: bucket, Delete: { Objects } }));
    await admin.send(new DeleteBucketCommand({ Bucket: bucket }));
    admin.destroy();
    await rm(folder, { recursive: true, force: true });
  });
  beforeEach(() => {
    asked = [];
  });

  afterEach(() => opened?.close());

  const textsOf = async (log: EventLog, partition: number, offset: number) => {
    const { records } = await log.poll('t', partition, offset);
    return records.map(({ value }) => Buffer.from(value!).toString());
  };

  it('merge ranges that adjoin: twenty batches are one request', async () => {
    const log = await open();

    expect(await textsOf(log, 0, 0)).toEqual(values);

    expect((await log.fetch('t', 0, 0)).batches.length).toBe(RECORDS / 2);
    expect(asked).toHaveLength(1);
  });

  it('ask for each range once, however many readers want it at once, and from wherever', async () => {
    const log = await open();

    const readers = Array.from({ length: 30 }, (_, i) => textsOf(log, 0, i % 20).then((texts) => ({ i, texts })));

    for (const { i, texts } of await Promise.all(readers)) expect(texts).toEqual(values.slice(i % 20));
    // Whoever came first asked for what it needed, and those that began before it for the rest.
    const [first, ...rest] = ranges();
    let end = first![1];
    for (const [from, to] of rest) {
      expect(from).toBe(end + 1);
      end = to;
    }
    expect(asked.length).toBeLessThan(20);
  });

  it('ask once for what two partitions have in a segment, and not again', async () => {
    const log = await open();

    await Promise.all([0, 1, 0, 1].map((partition) => textsOf(log, partition, 0)));
    await Promise.all([0, 1].map((partition) => textsOf(log, partition, 0)));

    expect(asked).toHaveLength(1);
  });
});
