import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
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

  test.each([
    ['followed by other bytes', (bytes: Uint8Array) => Buffer.concat([bytes, TEXT])],
    ['of another codec', () => (codec === 'gzip' ? zstdCompressSync(TEXT) : gzipSync(TEXT))],
  ])('%s is a corrupt message', (_name, spoil) => {
    expect(() => decompress(codec, spoil(compress(codec, TEXT)), MIB)).toThrow(
      expect.objectContaining({ code: 'CORRUPT_MESSAGE' }),
    );
  });
});

test.each(['snappy', 'lz4'] as const)('%s is passed through, never looked into', (codec) => {
  const unsupported = expect.objectContaining({ code: 'UNSUPPORTED_COMPRESSION_TYPE', retriable: false });

  expect(() => compress(codec, TEXT)).toThrow(unsupported);
  expect(() => decompress(codec, TEXT, MIB)).toThrow(unsupported);
});
