import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import { createZstdCompress, gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BATCH_OVERHEAD, decodeBatch } from '../../../lib/format/records/batch.ts';
import { compress, decompress } from '../../../lib/format/records/compression.ts';

const TEXT = Buffer.from('a log is a sequence of records. '.repeat(100));
const MIB = 1024 * 1024;

describe.each(['gzip', 'zstd'] as const)('%s', (codec) => {
  test('gives back what it took, at its default and its highest level', () => {
    for (const level of [undefined, codec === 'gzip' ? 9 : 22]) {
      const bytes = compress(codec, TEXT, level);

      expect(bytes.length).toBeLessThan(TEXT.length / 10);
      expect(Buffer.from(decompress(codec, bytes, MIB))).toEqual(TEXT);
    }
  });

  test('takes exactly the limit and not a byte more', () => {
    const bytes = compress(codec, TEXT);

    expect(decompress(codec, bytes, TEXT.length).length).toBe(TEXT.length);
    expect(() => decompress(codec, bytes, TEXT.length - 1)).toThrow(
      expect.objectContaining({ code: 'MESSAGE_TOO_LARGE', retriable: false }),
    );
  });

  test('stops a bomb at the limit', () => {
    const bomb = compress(codec, Buffer.alloc(64 * MIB));
    const before = process.memoryUsage().rss;

    expect(() => decompress(codec, bomb, MIB)).toThrow(expect.objectContaining({ code: 'MESSAGE_TOO_LARGE' }));

    expect(process.memoryUsage().rss - before).toBeLessThan(32 * MIB);
  });

  test('takes memory of its size once', () => {
    const bytes = compress(codec, Buffer.alloc(8 * MIB));
    const before = process.memoryUsage().arrayBuffers;

    const whole = decompress(codec, bytes, 64 * MIB);

    expect(whole.length).toBe(8 * MIB);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(9 * MIB);
  });

  test('any bytes, whatever they are like, come back as they were', () => {
    const anyBytes = fc.oneof(
      fc.uint8Array({ maxLength: 2000 }),
      fc
        .tuple(fc.uint8Array({ minLength: 1, maxLength: 9 }), fc.nat(300_000))
        .map(([part, size]) => Buffer.alloc(size, part)),
    );
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        expect(Buffer.compare(decompress(codec, compress(codec, bytes), MIB), bytes)).toBe(0);
      }),
    );
  });

  test.each([
    ['followed by other bytes', (bytes: Uint8Array) => Buffer.concat([bytes, TEXT])],
    ['of another codec', () => (codec === 'gzip' ? zstdCompressSync(TEXT) : gzipSync(TEXT))],
  ])('%s is a corrupt message', (_name, spoil) => {
    expect(() => decompress(codec, spoil(compress(codec, TEXT)), MIB)).toThrow(
      expect.objectContaining({ code: 'CORRUPT_MESSAGE' }),
    );
  });
});

test('a zstd frame of which its producer did not know the size when it began', async () => {
  // As Java's and Go's producers write it: its header says nothing.
  const stream = createZstdCompress();
  const text = Buffer.concat([TEXT, randomBytes(300_000), Buffer.alloc(300_000)]);
  stream.end(text);
  const bytes = await buffer(stream);

  expect(bytes[4]! >> 6).toBe(0);
  expect(Buffer.compare(decompress('zstd', bytes, MIB), text)).toBe(0);
  expect(() => decompress('zstd', bytes, 600_000)).toThrow(expect.objectContaining({ code: 'MESSAGE_TOO_LARGE' }));
  for (const length of [0, 3, 5, 6, 9, 1000, bytes.length - 1]) {
    expect(() => decompress('zstd', bytes.subarray(0, length), MIB)).toThrow(
      expect.objectContaining({ code: 'CORRUPT_MESSAGE' }),
    );
  }
});

test.each([0, 1, TEXT.length - 1, TEXT.length + 1])(
  'a gzip frame that says it becomes %i bytes and does not',
  (says) => {
    const bytes = Buffer.from(compress('gzip', TEXT));
    bytes.writeUInt32LE(says, bytes.length - 4);

    expect(() => decompress('gzip', bytes, MIB)).toThrow(expect.objectContaining({ code: 'CORRUPT_MESSAGE' }));
  },
);

describe.each(['snappy', 'lz4'] as const)('%s', (codec) => {
  const clients = readFileSync(new URL('fixtures/python-clients.jsonl', import.meta.url), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { client: string; codec: string; batches: string[] })
    .filter((recorded) => recorded.codec === codec);
  const written = clients.flatMap(({ client, batches }) =>
    batches.map((text) => ({ client, batch: Uint8Array.from(Buffer.from(text, 'base64')) })),
  );

  test('what librdkafka, kafka-python and aiokafka wrote decodes to the same records', () => {
    const records = clients.map(({ batches }) =>
      batches.flatMap((text) =>
        decodeBatch(Uint8Array.from(Buffer.from(text, 'base64'))).map(({ key, value }) => [
          Buffer.from(key!).toString(),
          Buffer.from(value!).toString(),
        ]),
      ),
    );

    expect(clients.map(({ client }) => client)).toEqual(['librdkafka', 'kafka-python', 'aiokafka']);
    expect(records[0]).toHaveLength(102);
    expect(records[0]![0]).toEqual(['0', `${codec} says hello to customer 0 `.repeat(40)]);
    expect(records[1]).toEqual(records[0]);
    expect(records[2]).toEqual(records[0]);
  });

  test.each(written)('of $client: takes exactly the limit and not a byte more', ({ batch }) => {
    const section = batch.subarray(BATCH_OVERHEAD);
    const { length } = decompress(codec, section, MIB);

    expect(decompress(codec, section, length)).toHaveLength(length);
    expect(() => decompress(codec, section, length - 1)).toThrow(
      expect.objectContaining({ code: 'MESSAGE_TOO_LARGE', retriable: false }),
    );
  });

  test.each(written)('of $client: cut short anywhere or followed by anything is a corrupt message', ({ batch }) => {
    const section = batch.subarray(BATCH_OVERHEAD);
    const corrupt = expect.objectContaining({ code: 'CORRUPT_MESSAGE' });

    for (let length = 0; length < section.length; length += length < 100 ? 1 : 997) {
      // The frame of snappy-java says nothing of its end: cut between two chunks, it is one of fewer.
      const cut = section.subarray(0, length);
      if (codec === 'snappy' && isBetweenChunks(section, length)) continue;
      expect(() => decompress(codec, cut, MIB), `the first ${length} bytes`).toThrow(corrupt);
    }
    expect(() => decompress(codec, Buffer.concat([section, Buffer.from([1, 2, 3])]), MIB)).toThrow(corrupt);
  });

  test.each(written)(
    'of $client: with any byte changed it ends, within the limit, in bytes or a clean error',
    ({ batch }) => {
      fc.assert(
        fc.property(fc.nat(batch.length - BATCH_OVERHEAD - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
          const section = batch.slice(BATCH_OVERHEAD);
          section[at]! ^= flip;
          try {
            expect(decompress(codec, section, MIB).length).toBeLessThanOrEqual(MIB);
          } catch (error) {
            expect(error).toMatchObject({ code: expect.stringMatching(/^(CORRUPT_MESSAGE|MESSAGE_TOO_LARGE)$/) });
          }
        }),
      );
    },
  );

  test('any bytes at all end in bytes or a clean error', () => {
    const start =
      codec === 'lz4'
        ? fc.constant(Uint8Array.of(0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0))
        : fc.constant(new Uint8Array());
    fc.assert(
      fc.property(start, fc.uint8Array({ maxLength: 300 }), (head, tail) => {
        try {
          decompress(codec, Buffer.concat([head, tail]), MIB);
        } catch (error) {
          expect(error).toMatchObject({ code: expect.stringMatching(/^(CORRUPT_MESSAGE|MESSAGE_TOO_LARGE)$/) });
        }
      }),
    );
  });

  test('is read and not written', () => {
    expect(() => compress(codec, TEXT)).toThrow(
      expect.objectContaining({ code: 'UNSUPPORTED_COMPRESSION_TYPE', retriable: false }),
    );
  });
});

test.each([
  ['lz4', 'a block of zeros over and over', lz4Bomb()],
  ['snappy', 'a length that nothing follows', Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f])],
  ['snappy', 'a length that few bytes follow', Buffer.from([0x80, 0x80, 0x80, 0x20, 0x00, 0x61])],
  ['snappy', 'chunks of zeros over and over', snappyBomb()],
] as const)('%s: %s is refused before anything is allocated', (codec, _name, bomb) => {
  const before = process.memoryUsage();

  expect(() => decompress(codec, bomb, 16 * MIB)).toThrow(
    expect.objectContaining({ code: expect.stringMatching(/^(CORRUPT_MESSAGE|MESSAGE_TOO_LARGE)$/) }),
  );

  expect(process.memoryUsage().arrayBuffers - before.arrayBuffers).toBeLessThan(4 * MIB);
});

test.each([
  ['whose blocks depend on each other', (frame: Buffer) => frame.writeUInt8(frame[4]! & ~0x20, 4)],
  ['with a dictionary', (frame: Buffer) => frame.writeUInt8(frame[4]! | 1, 4)],
  ['of another version', (frame: Buffer) => frame.writeUInt8(frame[4]! | 0x80, 4)],
  ['with an unknown block size', (frame: Buffer) => frame.writeUInt8(0x30, 5)],
  ['with another magic', (frame: Buffer) => frame.writeUInt8(0, 0)],
])("an LZ4 frame %s is refused: Kafka's own readers could not read it", (_name, change) => {
  const frame = lz4Bomb();
  change(frame);

  expect(() => decompress('lz4', frame, 64 * MIB)).toThrow(expect.objectContaining({ code: 'CORRUPT_MESSAGE' }));
});

/** 256 blocks of 64 KiB: one literal, repeated. */
function lz4Bomb(): Buffer {
  const zeros = Buffer.concat([Buffer.from([0x1f, 0, 1, 0]), Buffer.alloc(256, 255), Buffer.from([250, 0])]);
  const size = Buffer.alloc(4);
  size.writeUInt32LE(zeros.length);
  const blocks = Array.from({ length: 300 }, () => Buffer.concat([size, zeros]));
  return Buffer.concat([Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82]), ...blocks, Buffer.alloc(4)]);
}

/** 1,024 chunks that become 32 KiB each: one literal, then copies of 64. */
function snappyBomb(): Buffer {
  const copies = Buffer.alloc(3 * 512, Buffer.from([0xfe, 1, 0]));
  const raw = Buffer.concat([Buffer.from([0x81, 0x80, 0x02, 0x00, 0x00]), copies]);
  const size = Buffer.alloc(4);
  size.writeInt32BE(raw.length);
  const head = Buffer.concat([Buffer.from('\x82SNAPPY\0', 'latin1'), Buffer.from([0, 0, 0, 1, 0, 0, 0, 1])]);
  return Buffer.concat([head, ...Array.from({ length: 1024 }, () => Buffer.concat([size, raw]))]);
}

function isBetweenChunks(section: Uint8Array, length: number): boolean {
  const bytes = Buffer.from(section);
  if (bytes[0] !== 0x82) return false;
  let at = 16;
  while (at < length) at += 4 + bytes.readInt32BE(at);
  return at === length;
}
