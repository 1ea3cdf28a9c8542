import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningDoor, runDoor } from './running-door.ts';

let door: RunningDoor;
beforeAll(async () => {
  door = await runDoor();
});
afterAll(() => door.close());

const send = (topic: string, body: unknown) =>
  door.ask('POST', `/v3/clusters/${door.log.clusterId}/topics/${topic}/records:batch`, body);
const text = (data: string) => ({ type: 'STRING', data });

describe('batches of REST Proxy v3', () => {
  test('each entry is answered under its own name', async () => {
    await door.log.topics.create('batch', { partitions: 2 });
    const { status, body } = await send('batch', {
      entries: [
        { id: 'one', partition_id: 1, key: text('k'), value: text('v'), timestamp: '2021-02-05T19:14:42Z' },
        { id: 'two', partition_id: 1, value: { type: 'BINARY', data: '*' } },
        { id: 'three', partition_id: 9, value: text('v') },
        { id: 'four', partition_id: 1, value: { type: 'JSON', data: { a: 1 } } },
        { id: 'five', partition_id: 1, vlaue: text('misspelt') },
      ],
    });
    expect(status).toBe(207);
    const where = { cluster_id: door.log.clusterId, topic_name: 'batch', partition_id: 1 };
    expect(body.successes).toEqual([
      {
        id: 'one',
        ...where,
        offset: 0,
        timestamp: '2021-02-05T19:14:42.000Z',
        key: { type: 'STRING', size: 1 },
        value: { type: 'STRING', size: 1 },
      },
      {
        id: 'four',
        ...where,
        offset: 1,
        timestamp: expect.any(String),
        key: null,
        value: { type: 'JSON', size: 7 },
      },
    ]);
    expect(body.failures).toEqual([
      { id: 'two', error_code: 400, message: expect.stringContaining('base64') },
      { id: 'three', error_code: 40_403, message: expect.stringContaining('9') },
      { id: 'five', error_code: 400, message: expect.stringContaining('vlaue') },
    ]);
    expect((await door.log.offsets('batch', 1)).latest).toBe(2);
  });

  test('a batch that is none is refused as a whole', async () => {
    await door.log.topics.create('refused');
    const entry = (id: unknown) => ({ id, value: text('v') });
    for (const entries of [
      [],
      [entry('same'), entry('same')],
      [entry(''), entry('fine')],
      [entry('x'.repeat(81))],
      [entry(1)],
    ]) {
      const { status, body } = await send('refused', { entries });
      expect([status, body.error_code]).toEqual([422, 42_208]);
    }
    expect((await send('refused', '')).status).toBe(422);
    expect((await send('refused', { records: [] })).body.error_code).toBe(42_208);
    expect((await door.log.offsets('refused', 0)).latest).toBe(0);
  });

  test('as many entries as can be answered', async () => {
    const small = await runDoor({ limits: { maxRecords: 2 } });
    await small.log.topics.create('most');
    const path = `/v3/clusters/${small.log.clusterId}/topics/most/records:batch`;
    const entries = ['a', 'b', 'c'].map((id) => ({ id, value: text('v') }));
    expect((await small.ask('POST', path, { entries })).body.error_code).toBe(42_208);
    expect((await small.ask('POST', path, { entries: entries.slice(1) })).body.successes).toHaveLength(2);
    await small.close();
  });
});
