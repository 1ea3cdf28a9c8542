import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { VarveError } from '../../../lib/errors.ts';
import {
  BATCH_OVERHEAD,
  decodeBatch,
  encodeBatch,
  patchBaseOffset,
  patchMaxTimestamp,
  readHeader,
  recordSizeBound,
  splitBatches,
  stampLogAppendTime,
  verifyCrc,
} from '../../../lib/format/records/batch.ts';
import { crc32c } from '../../../lib/format/records/crc32c.ts';
import type { NewRecord } from '../../../lib/format/records/record.ts';
import { validateBatch } from '../../../lib/format/records/validate.ts';
import { anyOptions, anyRecord, anyRecords } from './arbitraries.ts';

const TIME = 1_700_000_000_000;
const SAFE = Number.MAX_SAFE_INTEGER;

function record(value: string, timestamp = TIME): NewRecord {
  return { key: null, value: Buffer.from(value), headers: [], timestamp };
}

const three = [record('one'), record('two', TIME - 50), record('three', TIME + 7)];

describe('encoding and decoding', () => {
  test('any records, under any options, come back as they went in, at dense offsets', () => {
    fc.assert(
      fc.property(anyRecords, anyOptions, (records, options) => {
        const bytes = encodeBatch(records, options);

        const base = options.baseOffset ?? 0;
        expect(decodeBatch(bytes)).toEqual(records.map((each, i) => ({ ...each, offset: base + i })));
      }),
      { numRuns: 500 },
    );
  });

  test('the header says what is inside, and the batch is valid to its last record', () => {
    fc.assert(
      fc.property(anyRecords, anyOptions, (records, options) => {
        const bytes = encodeBatch(records, options);

        const { id, epoch, sequence } = options.producer ?? { id: -1, epoch: -1, sequence: -1 };
        const { header } = validateBatch(bytes);
        expect(header).toEqual({
          baseOffset: options.baseOffset ?? 0,
          length: bytes.length,
          partitionLeaderEpoch: -1,
          magic: 2,
          crc: expect.any(Number),
          compression: options.compression ?? 'none',
          timestampType: 'CreateTime',
          transactional: false,
          control: false,
          deleteHorizon: false,
          lastOffsetDelta: records.length - 1,
          baseTimestamp: records[0]!.timestamp,
          maxTimestamp: Math.max(...records.map(({ timestamp }) => timestamp)),
          producerId: id,
          producerEpoch: epoch,
          baseSequence: sequence,
          recordCount: records.length,
        });
      }),
    );
  });

  test('a record takes no more than its bound', () => {
    fc.assert(
      fc.property(fc.array(anyRecord, { minLength: 1, maxLength: 5 }), (records) => {
        const bound = records.reduce((sum, each) => sum + recordSizeBound(each), BATCH_OVERHEAD);

        expect(encodeBatch(records).length).toBeLessThanOrEqual(bound);
      }),
    );
  });

  test('a batch lies alone in its memory, and its copy is a copy', () => {
    for (const compression of ['none', 'gzip', 'zstd'] as const) {
      const bytes = encodeBatch(three, { compression });

      expect(bytes.buffer.byteLength).toBe(bytes.length);
      expect(bytes.slice().buffer).not.toBe(bytes.buffer);
    }
  });

  test('a batch decodes from the middle of other bytes', () => {
    const around = Buffer.concat([Buffer.from('before'), encodeBatch(three), Buffer.from('after')]);

    const records = decodeBatch(around.subarray(6, around.length - 5));

    expect(records.map(({ value }) => Buffer.from(value!).toString())).toEqual(['one', 'two', 'three']);
  });

  test.each([
    ['no records', [], 'INVALID_RECORD'],
    ['a fraction of a millisecond', [record('a', 0.5)], 'INVALID_TIMESTAMP'],
    ['a time that is no number', [record('a'), record('b', Number.NaN)], 'INVALID_TIMESTAMP'],
    ['a time beyond safe integers', [record('a'), record('b', SAFE + 1)], 'INVALID_TIMESTAMP'],
  ])('%s: refused', (_name, records, code) => {
    expect(() => encodeBatch(records)).toThrow(expect.objectContaining({ code }));
  });
});

describe('a batch gets its place', () => {
  test('the base offset is patched in place, moves every record, and leaves the CRC right', () => {
    fc.assert(
      fc.property(anyRecords, fc.nat({ max: SAFE - 100 }), (records, baseOffset) => {
        const bytes = encodeBatch(records, { compression: 'zstd' });

        patchBaseOffset(bytes, baseOffset);

        expect(validateBatch(bytes).header).toMatchObject({ baseOffset, partitionLeaderEpoch: 0 });
        expect(decodeBatch(bytes).map(({ offset }) => offset)).toEqual(records.map((_, i) => baseOffset + i));
      }),
    );
  });

  test('stamping gives every record the time of append and leaves the given batch alone', () => {
    fc.assert(
      fc.property(anyRecords, anyOptions, fc.maxSafeInteger(), (records, options, time) => {
        const bytes = encodeBatch(records, options);
        const before = bytes.slice();

        const stamped = stampLogAppendTime(bytes, time);

        expect(bytes).toEqual(before);
        expect(verifyCrc(stamped)).toBe(true);
        expect(readHeader(stamped)).toMatchObject({ timestampType: 'LogAppendTime', maxTimestamp: time });
        expect(decodeBatch(stamped)).toEqual(decodeBatch(bytes).map((each) => ({ ...each, timestamp: time })));
      }),
    );
  });

  test('a record set falls into its batches, which share its memory', () => {
    const parts = [encodeBatch(three), encodeBatch([record('x')], { compression: 'gzip' }), encodeBatch(three)];
    const set = Buffer.concat(parts);

    const batches = [...splitBatches(set)];

    expect(batches.map((each) => Buffer.from(each))).toEqual(parts.map((each) => Buffer.from(each)));
    expect(batches.every((each) => each.buffer === set.buffer)).toBe(true);
    expect([...splitBatches(new Uint8Array(0))]).toEqual([]);
  });

  test.each([1, 16, 60, 61, 100])('%d bytes behind the last batch of a set are corrupt', (count) => {
    const set = Buffer.concat([encodeBatch(three), new Uint8Array(count).fill(2)]);

    expect(() => [...splitBatches(set)]).toThrow(expect.objectContaining({ code: 'CORRUPT_MESSAGE' }));
  });
});

/** A batch with a field of its header changed; with its CRC made right again unless told otherwise. */
function spoiled(records: readonly NewRecord[], change: (view: DataView) => void, options = {}): Uint8Array {
  const bytes = encodeBatch(records, options);
  change(new DataView(bytes.buffer));
  return withCrc(bytes);
}

function withCrc(bytes: Uint8Array): Uint8Array {
  new DataView(bytes.buffer).setUint32(17, crc32c(bytes.subarray(21)));
  return bytes;
}

describe('validation', () => {
  test('a bit that flips anywhere behind the CRC field is noticed', () => {
    const bytes = encodeBatch(three);
    fc.assert(
      fc.property(fc.integer({ min: 17 * 8, max: bytes.length * 8 - 1 }), (bit) => {
        const flipped = bytes.slice();
        flipped[bit >> 3]! ^= 1 << (bit & 7);

        expect(() => validateBatch(flipped)).toThrow(VarveError);
        expect(verifyCrc(flipped)).toBe(false);
      }),
    );
  });

  const idempotent = { producer: { id: 5, epoch: 0, sequence: 0 } };
  test.each<[string, string, (view: DataView) => void, object?]>([
    ['a codec that does not exist', 'UNSUPPORTED_COMPRESSION_TYPE', (view) => view.setUint16(21, 5)],
    ['attributes that do not exist', 'INVALID_RECORD', (view) => view.setUint16(21, 0x80)],
    ['no records', 'INVALID_RECORD', (view) => view.setInt32(57, 0)],
    ['a negative count', 'INVALID_RECORD', (view) => view.setInt32(57, -1)],
    ['a count that the last offset contradicts', 'INVALID_RECORD', (view) => view.setInt32(57, 2)],
    ['a last offset that the count contradicts', 'INVALID_RECORD', (view) => view.setInt32(23, 3)],
    ['a negative producer id', 'INVALID_RECORD', (view) => view.setBigInt64(43, -2n)],
    ['a producer id without epoch', 'INVALID_RECORD', (view) => view.setInt16(51, -1), idempotent],
    ['a producer id without sequence', 'INVALID_RECORD', (view) => view.setInt32(53, -1), idempotent],
    ['a transaction of no producer', 'INVALID_RECORD', (view) => view.setUint16(21, 0x10)],
    ['a base timestamp beyond safe integers', 'INVALID_TIMESTAMP', (view) => view.setBigInt64(27, 2n ** 53n)],
    ['a max timestamp beyond safe integers', 'INVALID_TIMESTAMP', (view) => view.setBigInt64(35, -(2n ** 63n))],
    ['a producer id beyond safe integers', 'CORRUPT_MESSAGE', (view) => view.setBigInt64(43, 2n ** 62n)],
    ['a base offset beyond safe integers', 'CORRUPT_MESSAGE', (view) => view.setBigInt64(0, -(2n ** 53n))],
    ['another magic', 'CORRUPT_MESSAGE', (view) => view.setInt8(16, 3)],
    ['an older magic', 'UNSUPPORTED_FOR_MESSAGE_FORMAT', (view) => view.setInt8(16, 1)],
    ['a length under its header', 'CORRUPT_MESSAGE', (view) => view.setInt32(8, 48)],
    ['a negative length', 'CORRUPT_MESSAGE', (view) => view.setInt32(8, -1)],
    ['a length beyond its bytes', 'CORRUPT_MESSAGE', (view) => view.setInt32(8, 1000)],
    ['a length short of its bytes', 'CORRUPT_MESSAGE', (view) => view.setInt32(8, view.byteLength - 13)],
  ])('%s: %s', (_name, code, change, options = {}) => {
    expect(() => validateBatch(spoiled(three, change, options))).toThrow(expect.objectContaining({ code }));
  });

  test('zeros where a producer without an id has no epoch and sequence are what some clients send', () => {
    const bytes = spoiled(three, (view) => {
      view.setInt16(51, 0);
      view.setInt32(53, 0);
    });

    expect(validateBatch(bytes).header).toMatchObject({ producerId: -1, producerEpoch: 0, baseSequence: 0 });
  });

  test('cut short at any byte, a batch is corrupt', () => {
    const bytes = encodeBatch(three, { compression: 'zstd' });
    for (let length = 0; length < bytes.length; length++) {
      for (const read of [readHeader, validateBatch, decodeBatch]) {
        expect(() => read(bytes.subarray(0, length))).toThrow(expect.objectContaining({ code: 'CORRUPT_MESSAGE' }));
      }
    }
  });

  /** Where the first record of `three` begins. Each of its fields takes a byte. */
  const FIRST = BATCH_OVERHEAD;
  test.each<[string, (bytes: Uint8Array) => void]>([
    ['a record longer than its batch', (bytes) => (bytes[FIRST] = 0x7e)],
    ['a record of negative length', (bytes) => (bytes[FIRST] = 0x01)],
    ['a record shorter than its fields', (bytes) => (bytes[FIRST]! -= 2)],
    ['an offset delta that does not start at 0', (bytes) => (bytes[FIRST + 3] = 0x02)],
    ['a negative offset delta', (bytes) => (bytes[FIRST + 3] = 0x01)],
    ['a key longer than its record', (bytes) => (bytes[FIRST + 4] = 0x7e)],
    ['a key of length -2', (bytes) => (bytes[FIRST + 4] = 0x03)],
    ['more headers than there are', (bytes) => (bytes[FIRST + 9] = 0x02)],
    ['a negative count of headers', (bytes) => (bytes[FIRST + 9] = 0x01)],
  ])('%s is an invalid record', (_name, change) => {
    const bytes = encodeBatch(three);
    change(bytes);
    withCrc(bytes);

    expect(() => validateBatch(bytes)).toThrow(expect.objectContaining({ code: 'INVALID_RECORD' }));
  });

  test('a max timestamp that is not the highest of the records is told, not refused', () => {
    const bytes = spoiled([record('a', 7), record('b', 9), record('c', 8)], (view) => view.setBigInt64(35, 1_000n));

    expect(validateBatch(bytes)).toMatchObject({ header: { maxTimestamp: 1_000 }, maxTimestamp: 9 });
    patchMaxTimestamp(bytes, 9);
    expect(validateBatch(bytes)).toMatchObject({ header: { maxTimestamp: 9 }, maxTimestamp: 9 });
  });

  test.each(['none', 'gzip', 'zstd'] as const)(
    '%s: every record that a topic has no use for is named',
    (compression) => {
      const keyed = (value: string, timestamp: number) => ({ ...record(value, timestamp), key: Buffer.from('k') });
      const records = [keyed('old', 10), keyed('fits', 20), record('no key', 20), keyed('new', 31)];
      const bytes = encodeBatch(records, { compression });

      expect(refusal(() => validateBatch(bytes, { keyed: true, oldest: 11, newest: 30 }))).toMatchObject({
        code: 'INVALID_TIMESTAMP',
        records: [{ index: 0 }, { index: 2 }, { index: 3 }],
      });
      expect(refusal(() => validateBatch(bytes, { keyed: true }))).toMatchObject({
        code: 'INVALID_RECORD',
        records: [{ index: 2, message: expect.stringContaining('key') }],
      });
      expect(validateBatch(bytes, { oldest: 10, newest: 31 }).maxTimestamp).toBe(31);
    },
  );

  test('what bears no time is in time, and of many refused records no more than a thousand are named', () => {
    const none = encodeBatch(Array.from({ length: 1_500 }, () => ({ ...record('x', -1), key: null })));

    expect(validateBatch(none, { oldest: 5 }).maxTimestamp).toBe(-1);
    expect((refusal(() => validateBatch(none, { keyed: true })) as VarveError).records).toHaveLength(1_000);
  });
});

function refusal(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was refused');
}
