import { mkdtemp, open, readdir, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Logger } from '../../../lib/doors/http/door.ts';
import type { EventLog } from '../../../lib/log/event-log.ts';
import { openEmbedded } from '../../../lib/open/embedded.ts';
import { openMemory } from '../../../lib/open/memory.ts';
import { fullDisk } from '../../faults/full-disk.ts';
import { type RunningDoor, runDoor } from './running-door.ts';

let data: string;
let door: RunningDoor | undefined;
beforeEach(async () => {
  data = await mkdtemp(join(tmpdir(), 'varve-door-'));
});
afterEach(async () => {
  await door?.close();
  door = undefined;
  await rm(data, { recursive: true, force: true });
});

/** Large enough to become a segment of its own. */
const large = { value: 'x'.repeat(300_000) };
const records = '/api/topics/t/partitions/0/records';

describe('what happens below the door', () => {
  test('a full disk: the append fails, what there is stays readable, and room makes it well', async () => {
    const disk = fullDisk();
    door = await runDoor({ log: await openEmbedded({ data, fs: disk.fs }) });
    await door.log.topics.create('t');
    expect((await door.ask('POST', records, [large])).status).toBe(200);

    disk.room = 1000;
    const refused = await door.ask('POST', records, [large]);
    expect(refused).toMatchObject({
      status: 507,
      body: {
        error_code: 50701,
        code: 'KAFKA_STORAGE_ERROR',
        retriable: true,
        message: expect.stringContaining('full'),
      },
    });
    const v2 = await door.ask(
      'POST',
      '/topics/t',
      { records: [large] },
      { 'content-type': 'application/vnd.kafka.json.v2+json' },
    );
    expect(v2.body.offsets).toMatchObject([{ partition: null, offset: null, error_code: 2 }]);
    const { body } = await door.ask('GET', records);
    expect(body).toMatchObject({ next: 1, high_watermark: 1, records: [large] });

    disk.room = Number.POSITIVE_INFINITY;
    expect((await door.ask('POST', records, [large])).body.offsets).toMatchObject([{ offset: 1 }]);
  });

  test.each([
    ['flipped', 500, 'CORRUPT_MESSAGE', async (path: string) => overwrite(path, 1000, 'y')],
    ['truncated', 500, 'CORRUPT_MESSAGE', async (path: string) => truncate(path, 5_000)],
  ])('a segment that is %s is an error that names it, never wrong data', async (_how, status, code, damage) => {
    const log = await openEmbedded({ data });
    await log.topics.create('t');
    await log.append('t', [{ value: JSON.stringify(large.value) }]);
    await log.append('t', [{ value: '"small"' }]);
    await log.close();
    const objects = await readdir(join(data, 'objects'), { recursive: true, withFileTypes: true });
    const [segment] = objects.filter((entry) => entry.isFile() && entry.name.length > 20);
    await damage(join(segment!.parentPath, segment!.name));

    const said: string[] = [];
    const keep = (_facts: object, message: string) => said.push(message);
    const logger: Logger = { debug() {}, warn: keep, error: keep };
    door = await runDoor({ log: await openEmbedded({ data }), logger });
    const read = await door.ask('GET', records);
    expect(read).toMatchObject({ status, body: { code } });
    expect(read.body).not.toHaveProperty('records');
    expect(read.body.message).toContain(segment!.name.slice(0, 24));
    expect(said.join()).toContain(segment!.name.slice(0, 24));
    expect((await door.ask('GET', `${records}?from=1`)).body.records).toMatchObject([{ offset: 1, value: 'small' }]);
  });

  test('an error that nobody foresaw is 500 and told to the log, not to the client', async () => {
    const memory = await openMemory();
    const secret = 'secret of the house';
    const broken: EventLog = {
      ...memory,
      offsets: () => Promise.reject(new Error(secret)),
    };
    const told: object[] = [];
    const logger: Logger = { debug() {}, warn() {}, error: (facts) => told.push(facts) };
    door = await runDoor({ log: broken, logger });
    await memory.topics.create('t');
    const answer = await door.ask('GET', '/api/topics/t/partitions/0/offsets');
    expect(answer).toMatchObject({ status: 500, body: { error_code: 50001, code: 'UNKNOWN_SERVER_ERROR' } });
    expect(JSON.stringify(answer.body)).not.toContain(secret);
    expect(told).toMatchObject([{ err: { message: secret } }]);
  });

  test('a log that is closed is 503, to be tried again, and not well', async () => {
    door = await runDoor();
    await door.log.topics.create('t');
    expect((await door.ask('GET', '/health')).body).toEqual({ status: 'ok', cluster_id: door.log.clusterId });
    await door.log.close();
    const answer = await door.ask('POST', '/api/topics/t/records', [{ value: 1 }]);
    expect(answer).toMatchObject({ status: 503, body: { error_code: 50301, code: 'LOG_CLOSED', retriable: true } });
    expect(answer.headers.get('retry-after')).toBe('1');
    expect(await door.ask('GET', '/health')).toMatchObject({ status: 503, body: { status: 'unavailable' } });
  });
});

async function overwrite(path: string, at: number, text: string): Promise<void> {
  const file = await open(path, 'r+');
  await file.write(text, at);
  await file.close();
}
