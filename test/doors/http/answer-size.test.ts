import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningDoor, runDoor } from './running-door.ts';

/** What an answer may have, as text inside a JSON string: as where a function gives it. */
const MOST = 40_000;

/** Records of every kind: what grows as base64, as an escape, and as an escape of an escape. */
const VALUES = [
  '"'.repeat(2_000),
  '\u0001'.repeat(900),
  'ä'.repeat(1_500),
  Buffer.alloc(4_000, 0xff),
  '{"a": "b\\n"}',
  null,
];

describe('a door whose answers are bounded', () => {
  let door: RunningDoor;
  beforeAll(async () => {
    door = await runDoor({ limits: { maxAnswerBytes: MOST, maxStream: 1_000 } });
    await door.log.topics.create('all', { partitions: 1 });
    for (let i = 0; i < 60; i++) await door.log.append('all', [{ partition: 0, value: VALUES[i % VALUES.length]! }]);
    await door.log.topics.create('large', { partitions: 1 });
    await door.log.append(
      'large',
      ['before', '"'.repeat(MOST), 'after'].map((value) => ({ partition: 0, value })),
    );
  });
  afterAll(() => door.close());

  const inFunction = (text: string) => Buffer.byteLength(JSON.stringify(text));
  async function raw(path: string, headers: Record<string, string> = {}) {
    const answer = await fetch(door.url + path, { headers });
    const text = await answer.text();
    expect(inFunction(text)).toBeLessThanOrEqual(MOST);
    return { status: answer.status, text };
  }

  it('gives all records over plain JSON, as many at a time as fit, and says where to go on', async () => {
    const offsets: number[] = [];
    let answers = 0;
    for (let from = 0; from < 60; answers++) {
      const { text } = await raw(`/api/topics/all/partitions/0/records?from=${from}&limit=1000`);
      const { records, next } = JSON.parse(text);
      offsets.push(...records.map(({ offset }: { offset: number }) => offset));
      from = next;
    }
    expect(offsets).toEqual(Array.from({ length: 60 }, (_, offset) => offset));
    expect(answers).toBeGreaterThan(3);
  });

  it('gives all records over REST Proxy v2', async () => {
    const offsets: number[] = [];
    while (offsets.length < 60) {
      const { text } = await raw(`/topics/all/partitions/0/records?offset=${offsets.length}`);
      offsets.push(...JSON.parse(text).map(({ offset }: { offset: number }) => offset));
    }
    expect(offsets).toEqual(Array.from({ length: 60 }, (_, offset) => offset));
  });

  it('ends event streams before they are too long, to be taken up where they ended', async () => {
    const offsets: number[] = [];
    let last = '';
    let streams = 0;
    for (; offsets.length < 60; streams++) {
      const { text } = await raw('/api/topics/all/events?from=earliest', last === '' ? {} : { 'last-event-id': last });
      for (const [, offset] of text.matchAll(/^id: 0:(\d+)\ndata: /gm)) offsets.push(Number(offset));
      last = [...text.matchAll(/^id: (\S+)$/gm)].at(-1)![1]!;
    }
    expect(offsets).toEqual(Array.from({ length: 60 }, (_, offset) => offset));
    expect(streams).toBeGreaterThan(3);
  });

  it('says of a record that does not fit alone that it is too large, and gives those around it', async () => {
    const records = '/api/topics/large/partitions/0/records';

    const [first, large, after, v2] = [
      await raw(`${records}?from=0`),
      await raw(`${records}?from=1`),
      await raw(`${records}?from=2`),
      await raw('/topics/large/partitions/0/records?offset=1'),
    ];

    expect(JSON.parse(first.text)).toMatchObject({ records: [{ value: 'before' }], next: 1 });
    for (const refused of [large, v2]) {
      expect(refused.status).toBe(413);
      expect(JSON.parse(refused.text)).toMatchObject({ code: 'MESSAGE_TOO_LARGE', retriable: false });
    }
    expect(JSON.parse(after.text)).toMatchObject({ records: [{ value: 'after' }], next: 3 });
    const events = await raw('/api/topics/large/partitions/0/events?from=1');
    expect(events.text).toMatch(/event: failure\ndata: .*MESSAGE_TOO_LARGE/);
  });

  it('refuses, before any is appended, as many records over REST Proxy v3 as it could not report', async () => {
    await door.log.topics.create('reported');
    const path = `/v3/clusters/${door.log.clusterId}/topics/reported/records`;

    const all = await door.ask('POST', path, '{}'.repeat(41));
    const some = await door.ask('POST', path, '{}'.repeat(40));

    expect(all).toMatchObject({ status: 413, body: { error_code: 41302 } });
    expect(all.body.message).toContain('40 records');
    expect(some.status).toBe(200);
    expect(await door.log.offsets('reported', 0)).toEqual({ earliest: 0, latest: 40 });
  });
});

it('HEAD of an event stream has its headers, and leaves nothing behind', async () => {
  const door = await runDoor({ limits: { maxFollowed: 1 } });
  try {
    await door.log.topics.create('quiet', { partitions: 1 });
    for (let i = 0; i < 3; i++) {
      const head = await fetch(`${door.url}/api/topics/quiet/events`, { method: 'HEAD' });
      expect([head.status, head.headers.get('content-type')]).toEqual([200, 'text/event-stream; charset=utf-8']);
    }
  } finally {
    await door.close();
  }
});
