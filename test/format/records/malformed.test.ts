import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { VarveError } from '../../../lib/errors.ts';
import {
  BATCH_OVERHEAD,
  type Compression,
  decodeBatch,
  encodeBatch,
  readHeader,
  splitBatches,
} from '../../../lib/format/records/batch.ts';
import { compress, decompress } from '../../../lib/format/records/compression.ts';
import { writeHeader } from '../../../lib/format/records/header.ts';
import { validateBatch } from '../../../lib/format/records/validate.ts';
import { anyOptions, anyRecords } from './arbitraries.ts';

const MIB = 1024 * 1024;
const limits = { maxDecompressed: MIB };

const READERS: ((bytes: Uint8Array) => unknown)[] = [
  (bytes) => readHeader(bytes),
  (bytes) => validateBatch(bytes, limits),
  (bytes) => decodeBatch(bytes, limits),
  (bytes) => [...splitBatches(bytes)].map((batch) => decodeBatch(batch, limits)),
];

/** Every reader answers, or refuses with an error of ours. Anything else fails the test, as does the test's time-out. */
function expectAnswers(bytes: Uint8Array): void {
  for (const read of READERS) {
    try {
      read(bytes);
    } catch (error) {
      if (!(error instanceof VarveError)) throw error;
    }
  }
}

/** A batch of the given record section, uncompressed, whatever is in it, with a header and CRC that fit. */
function batchOf(section: Uint8Array, recordCount: number, compression: Compression = 'none'): Uint8Array {
  const stored = compress(compression, section);
  const bytes = new Uint8Array(BATCH_OVERHEAD + stored.length);
  bytes.set(stored, BATCH_OVERHEAD);
  writeHeader(bytes, {
    baseOffset: 0,
    partitionLeaderEpoch: -1,
    compression,
    timestampType: 'CreateTime',
    transactional: false,
    control: false,
    deleteHorizon: false,
    lastOffsetDelta: recordCount - 1,
    baseTimestamp: 0,
    maxTimestamp: 0,
    producerId: -1,
    producerEpoch: -1,
    baseSequence: -1,
    recordCount,
  });
  return bytes;
}

/** A batch whose stored record section is replaced, under the same header with length and CRC made right. */
function withStored(bytes: Uint8Array, stored: Uint8Array): Uint8Array {
  const batch = Buffer.concat([bytes.subarray(0, BATCH_OVERHEAD), stored]);
  const { length: _length, crc: _crc, magic: _magic, ...header } = readHeader(bytes);
  writeHeader(batch, header);
  return batch;
}

/** Overwrites, cuts and inserts, as bytes get damaged. */
const anyDamage = fc.array(
  fc.record({
    at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    remove: fc.nat({ max: 8 }),
    insert: fc.oneof(
      fc.uint8Array({ maxLength: 8 }),
      fc.constantFrom(
        Uint8Array.of(0x80, 0x80, 0x80),
        new Uint8Array(10).fill(0xff),
        Uint8Array.of(0x7f, 0xff, 0xff, 0xff),
      ),
    ),
  }),
  { minLength: 1, maxLength: 4 },
);

function damaged(bytes: Uint8Array, damage: { at: number; remove: number; insert: Uint8Array }[]): Uint8Array {
  return damage.reduce((before: Uint8Array, { at, remove, insert }) => {
    const from = Math.floor(at * before.length);
    return Buffer.concat([before.subarray(0, from), insert, before.subarray(from + remove)]);
  }, bytes);
}

describe('whatever the bytes, readers answer or refuse', () => {
  test('arbitrary bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 500 }), expectAnswers), { numRuns: 2000 });
  });

  test('arbitrary bytes as records and under any header that fits them', () => {
    const anyCodec = fc.constantFrom<Compression>('none', 'gzip', 'zstd');
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), fc.nat({ max: 70 }), anyCodec, (section, count, codec) =>
        expectAnswers(batchOf(section, count, codec)),
      ),
      { numRuns: 1000 },
    );
  });

  test('damaged batches', () => {
    fc.assert(
      fc.property(anyRecords, anyOptions, anyDamage, (records, options, damage) =>
        expectAnswers(damaged(encodeBatch(records, options), damage)),
      ),
      { numRuns: 1000 },
    );
  });

  test('batches whose records are damaged under a right header and CRC', () => {
    fc.assert(
      fc.property(anyRecords, anyOptions, anyDamage, (records, { compression = 'none' }, damage) => {
        const section = encodeBatch(records).subarray(BATCH_OVERHEAD);
        expectAnswers(batchOf(damaged(section, damage), records.length, compression));
      }),
      { numRuns: 1000 },
    );
  });

  test('batches whose compressed bytes are damaged under a right header and CRC', () => {
    fc.assert(
      fc.property(anyRecords, fc.constantFrom('gzip', 'zstd'), anyDamage, (records, compression, damage) => {
        const bytes = encodeBatch(records, { compression });
        expectAnswers(withStored(bytes, damaged(bytes.subarray(BATCH_OVERHEAD), damage)));
      }),
      { numRuns: 1000 },
    );
  });
});

test.each(['gzip', 'zstd'] as const)('%s cut short anywhere never yields fewer records, or others', (compression) => {
  const value = Buffer.from('noise '.repeat(50));
  const records = Array.from({ length: 40 }, (_, i) => ({ key: Buffer.of(i), value, headers: [], timestamp: i }));
  const bytes = encodeBatch(records, { compression });
  const stored = bytes.subarray(BATCH_OVERHEAD);

  for (let length = 0; length < stored.length; length++) {
    const cut = withStored(bytes, stored.subarray(0, length));
    for (const read of [() => decodeBatch(cut), () => validateBatch(cut)]) {
      expect(read).toThrow(
        expect.objectContaining({ code: expect.stringMatching(/^(CORRUPT_MESSAGE|INVALID_RECORD)$/) }),
      );
    }
  }
});

/** The smallest record there is: no key, value or headers. */
const SMALLEST = Uint8Array.of(12, 0, 0, 0, 1, 1, 0);

test.each([
  ['a byte behind the last record', Buffer.concat([SMALLEST, Uint8Array.of(0)]), 1],
  ['a record behind the last one', Buffer.concat([SMALLEST, SMALLEST]), 1],
  ['a record less than it says', SMALLEST, 2],
  ['two records of one offset', Buffer.concat([SMALLEST, SMALLEST]), 2],
])('a batch with %s is an invalid record', (_name, section, count) => {
  expect(() => decodeBatch(batchOf(section, count))).toThrow(expect.objectContaining({ code: 'INVALID_RECORD' }));
});

describe('what small bytes claim to be large', () => {
  const tooLarge = expect.objectContaining({ code: 'MESSAGE_TOO_LARGE' });
  const invalid = expect.objectContaining({ code: 'INVALID_RECORD' });

  /** Fails when the call takes memory or time out of proportion. */
  function expectCheap(read: () => unknown, refusal: unknown): void {
    const memory = process.memoryUsage().rss;
    const start = performance.now();
    expect(read).toThrow(refusal);
    expect(performance.now() - start).toBeLessThan(5000);
    expect(process.memoryUsage().rss - memory).toBeLessThan(128 * MIB);
  }

  test('two billion records in a batch of one', () => {
    const bytes = batchOf(SMALLEST, 2 ** 31 - 1);

    expectCheap(() => decodeBatch(bytes), invalid);
    expectCheap(() => validateBatch(bytes), invalid);
  });

  test('two billion headers in a record of none', () => {
    const section = Uint8Array.of(20, 0, 0, 0, 1, 1, 0xfe, 0xff, 0xff, 0xff, 0x0f);

    expectCheap(() => decodeBatch(batchOf(section, 1)), invalid);
    expectCheap(() => decodeBatch(batchOf(section, 1, 'zstd')), invalid);
  });

  test.each(['gzip', 'zstd'] as const)('256 MiB of zeros as a batch of a few KiB, %s', (codec) => {
    const bytes = batchOf(new Uint8Array(256 * MIB), 36_000_000, codec);
    expect(bytes.length).toBeLessThan(MIB);

    expectCheap(() => decodeBatch(bytes, limits), tooLarge);
    expectCheap(() => validateBatch(bytes, limits), tooLarge);
  });

  test.each(['gzip', 'zstd'] as const)('12 MiB of zeros, which are allowed, over and over in one go, %s', (codec) => {
    const bytes = batchOf(new Uint8Array(12 * MIB), 1_000_000, codec);
    const before = process.memoryUsage().arrayBuffers;

    for (let i = 0; i < 4; i++) expect(() => validateBatch(bytes)).toThrow(invalid);

    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(4 * MIB);
  });

  test('more records than may become objects, within the limit of bytes', () => {
    const count = Math.floor(MIB / 7);
    const records = Array.from({ length: count }, () => ({ key: null, value: null, headers: [], timestamp: 0 }));
    const bytes = encodeBatch(records, { compression: 'zstd' });

    expectCheap(() => decodeBatch(bytes, { maxDecompressed: 2 * MIB }), tooLarge);
    expect(decodeBatch(bytes, { maxDecompressed: 64 * MIB }).length).toBe(count);
  });

  test('a zstd frame that asks for a window of 128 MiB', () => {
    const windowLog = 27;
    const descriptor = (windowLog - 10) << 3;
    const frame = Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0, descriptor, 1, 0, 0);
    const before = process.memoryUsage().rss;

    expect(decompress('zstd', frame, MIB).length).toBe(0);
    expect(process.memoryUsage().rss - before).toBeLessThan(64 * MIB);
  });
});
