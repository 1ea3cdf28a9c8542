import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { constants, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../../lib/clock.ts';
import { createBudget } from '../../../lib/doors/http/budget.ts';
import { ENCODINGS } from '../../../lib/doors/http/encodings.ts';
import { parseJson } from '../../../lib/doors/http/parse.ts';
import { zstdFrames } from '../../../lib/doors/http/zstd-frames.ts';
import { travelClock } from '../../support/clock.ts';
import { type RunningDoor, runDoor } from './running-door.ts';

describe('bodies', () => {
  let door: RunningDoor;
  beforeAll(async () => {
    door = await runDoor({ limits: { maxBodyBytes: 100_000, maxHeldBytes: 250_000, maxReceiving: 2_000 } });
    await door.log.topics.create('t');
  });
  afterAll(() => door.close());

  test.each([
    ['gzip', gzipSync],
    ['zstd', zstdCompressSync],
    ['deflate', deflateSync],
  ])('are read as %s', async (encoding, compress) => {
    const { latest } = await door.log.offsets('t', 0);
    const body = compress(JSON.stringify([{ value: encoding }]));
    const answer = await door.ask('POST', '/api/topics/t/records', body, {
      'content-type': 'application/json',
      'content-encoding': encoding,
    });
    expect(answer.body.offsets).toMatchObject([{ offset: latest }]);
    const { records } = await door.log.poll('t', 0, latest);
    expect(Buffer.from(records[0]!.value!).toString()).toBe(JSON.stringify(encoding));
  });

  test.each([
    ['gzip', gzipSync],
    ['zstd', zstdCompressSync],
  ])('are read whole, of how many %s pieces they may be', async (encoding, compress) => {
    const pieces = ['[{"value":1},', '{"value":2}]'].map((text) => compress(text));
    const answer = await door.ask('POST', '/api/topics/t/records', Buffer.concat(pieces), {
      'content-type': 'application/json',
      'content-encoding': encoding,
    });
    expect(answer.body.offsets).toHaveLength(2);
  });

  test.each([
    ['gzip', gzipSync],
    ['zstd', zstdCompressSync],
    ['deflate', deflateSync],
  ])('as %s that are cut anywhere, or followed by something else, are refused', async (encoding, compress) => {
    const { latest } = await door.log.offsets('t', 0);
    const lines = '{"value":1}\n{"value":2}\n';
    const sent = compress(lines);
    const headers = { 'content-type': 'application/x-ndjson', 'content-encoding': encoding };
    const bodies = [Buffer.concat([sent, Buffer.from('more')])];
    for (let length = 1; length < sent.length; length++) bodies.push(sent.subarray(0, length));
    for (const body of bodies) {
      const answer = await door.ask('POST', '/api/topics/t/records', body, headers);
      expect(answer).toMatchObject({ status: 400, body: { error_code: 40003 } });
    }
    expect((await door.log.offsets('t', 0)).latest).toBe(latest);
  });

  test('whose length is not said in advance are bounded as well', async () => {
    const send = (bytes: number) => {
      const pieces = [`[{"value":"`, 'x'.repeat(bytes), '"}]'];
      const body = new ReadableStream({
        pull(controller) {
          const piece = pieces.shift();
          if (piece === undefined) controller.close();
          else controller.enqueue(new TextEncoder().encode(piece));
        },
      });
      const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body, duplex: 'half' };
      return fetch(`${door.url}/api/topics/t/records`, init as RequestInit);
    };
    expect((await send(90_000)).status).toBe(200);
    expect((await send(110_000)).status).toBe(413);
  });

  test('that are many and large at the same time wait for room, and all arrive', async () => {
    const { latest } = await door.log.offsets('t', 0);
    const record = { value: 'x'.repeat(90_000) };
    const answers = await Promise.all(
      Array.from({ length: 40 }, () => door.ask('POST', '/api/topics/t/records', [record])),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    expect((await door.log.offsets('t', 0)).latest).toBe(latest + 40);
  });
});

describe('a body that does not come', () => {
  test('is given up, and leaves its room to others', async () => {
    const door = await runDoor({ limits: { maxBodyBytes: 100_000, maxHeldBytes: 100_000, maxReceiving: 100 } });
    await door.log.topics.create('t');
    const socket = connect(door.port, '127.0.0.1');
    const head = ['POST /api/topics/t/records HTTP/1.1', 'host: localhost', 'content-type: application/json'];
    socket.write(`${[...head, 'content-length: 90000', '', '['].join('\r\n')}`);
    const [answer] = await once(socket.setEncoding('utf8'), 'data');
    expect(answer).toMatch(/^HTTP\/1.1 408 /);
    expect(answer).toContain('"code":"REQUEST_TIMED_OUT"');
    expect((await door.ask('POST', '/api/topics/t/records', [{ value: 'x'.repeat(90_000) }])).status).toBe(200);
    if (!socket.closed) await once(socket, 'close');
    await door.close();
  });
});

describe('zstd frames', () => {
  test('are found by their headers, whatever is in them', () => {
    const content = fc.oneof(
      fc.uint8Array({ maxLength: 2_000 }),
      fc.integer({ min: 0, max: 400_000 }).map((size) => Buffer.alloc(size, 'ab')),
      fc.integer({ min: 0, max: 300_000 }).map((size) => randomBytes(size)),
    );
    const made = fc.record({ content, checksum: fc.boolean(), skip: fc.nat(20) });
    fc.assert(
      fc.property(fc.array(made, { maxLength: 4 }), (list) => {
        const frames = list.map(({ content, checksum }) =>
          zstdCompressSync(content, { params: { [constants.ZSTD_c_checksumFlag]: Number(checksum) } }),
        );
        const skippable = (size: number) => Buffer.from([0x51, 0x2a, 0x4d, 0x18, size, 0, 0, 0, ...Buffer.alloc(size)]);
        const all = Buffer.concat(list.flatMap(({ skip }, i) => [skippable(skip), frames[i]!]));
        expect(zstdFrames(all)?.map((frame) => Buffer.from(frame))).toEqual(frames);
        if (all.length > 0) expect(zstdFrames(all.subarray(0, -1))).toBeUndefined();
      }),
      { numRuns: 50 },
    );
  });

  test('may ask for little memory beside their content', async () => {
    const frame = (windowLog: number) => {
      const params = { [constants.ZSTD_c_windowLog]: windowLog, [constants.ZSTD_c_contentSizeFlag]: 0 };
      return zstdCompressSync(randomBytes(100), { params });
    };
    // The second byte behind the magic number says how large a window is needed: here what the data do not need.
    const greedy = Buffer.from(frame(20));
    greedy[5] = (27 - 10) << 3;
    expect((await ENCODINGS.zstd!(frame(20), 1_000)).length).toBe(100);
    await expect(ENCODINGS.zstd!(greedy, 1_000)).rejects.toThrow(/Content-Encoding/);
  });

  test('never fail on any bytes', () => {
    const magic = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => void zstdFrames(Buffer.concat([magic, bytes]))),
    );
  });
});

describe('the budget', () => {
  test('serves in the order of asking, and gives up on who waits too long', async () => {
    const clock = travelClock();
    const budget = createBudget(100, 1_000, clock);
    const first = await budget.take(80);
    const order: string[] = [];
    const large = budget.take(90).then((release) => {
      order.push('large');
      return release;
    });
    const small = budget.take(10).then((release) => {
      order.push('small');
      return release;
    });
    first();
    (await large)();
    (await small)();
    expect(order).toEqual(['large', 'small']);

    const all = await budget.take(100);
    const late = budget.take(1);
    clock.advance(1_001);
    await expect(late).rejects.toThrow(/send it again/);
    all();
    (await budget.take(100))();
  });

  test('lets pass alone what is larger than all there is', async () => {
    const budget = createBudget(10, 1_000, systemClock);
    const release = await budget.take(1_000);
    release();
    release();
    (await budget.take(10))();
  });
});

describe('JSON', () => {
  const parse = (text: string) => parseJson(Buffer.from(text), 10);

  test.each([
    '12345678901234567890',
    '0.12345678901234567890',
    '-9223372036854775808',
    '{"a":[1.0000000000000000,"12345678901234567890"]}',
    '1e400',
    '[-1E+999,1e-999]',
  ])('keeps %s as it was written', (text) => {
    expect(JSON.stringify(parse(text))).toBe(text);
  });

  test.each([
    ['[1e3,1.50,-0.0,100000000000000000000]', [1000, 1.5, -0, 1e20]],
    ['[true,false,null,"e1"]', [true, false, null, 'e1']],
  ])('gives plain numbers where nothing is lost: %s', (text, value) => {
    expect(parse(text)).toEqual(value);
  });

  test('is as deep as is allowed, and no deeper', () => {
    expect(parse('['.repeat(10) + ']'.repeat(10))).toBeDefined();
    expect(() => parse('['.repeat(11) + ']'.repeat(11))).toThrow(/10 levels/);
    expect(parse(JSON.stringify('[{'.repeat(20)))).toBe('[{'.repeat(20));
    expect(parse('"\\"[[[[[[[[[[[["')).toBe('"[[[[[[[[[[[[');
  });

  test('does not reach into prototypes', () => {
    const value = parse('{"__proto__":{"polluted":true}}') as object;
    expect(JSON.stringify(value)).toBe('{"__proto__":{"polluted":true}}');
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  });
});
