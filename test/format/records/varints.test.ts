import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { VarveError } from '../../../lib/errors.ts';
import {
  type Cursor,
  readShortVarlong,
  readVarint,
  readVarlong,
  varintSize,
  varlongSize,
  writeVarint,
  writeVarlong,
} from '../../../lib/format/records/varints.ts';

const INT32 = { min: -(2 ** 31), max: 2 ** 31 - 1 };
const INT64 = { min: -(2n ** 63n), max: 2n ** 63n - 1n };

/** Numbers of every width, which uniform draws would not give. */
const anyInt32 = fc.tuple(fc.integer(INT32), fc.nat({ max: 31 })).map(([value, shift]) => value >> shift);
const anyInt64 = fc.tuple(fc.bigInt(INT64), fc.nat({ max: 63 })).map(([value, shift]) => value >> BigInt(shift));
const anySafe = fc
  .tuple(fc.maxSafeInteger(), fc.nat({ max: 52 }))
  .map(([value, shift]) => Math.floor(value / 2 ** shift));

function cursorOver(bytes: Uint8Array): Cursor {
  return { bytes, at: 0, end: bytes.length };
}

/** The definition, slowly: zigzag, then groups of seven bits. */
function reference(value: bigint): number[] {
  const bytes: number[] = [];
  let rest = value >= 0n ? value * 2n : -value * 2n - 1n;
  for (; rest > 127n; rest /= 128n) bytes.push(Number(rest % 128n) + 128);
  bytes.push(Number(rest));
  return bytes;
}

function written(size: number, write: (bytes: Uint8Array) => number): number[] {
  const bytes = new Uint8Array(size);
  expect(write(bytes)).toBe(size);
  return [...bytes];
}

describe('varints of 32 bits', () => {
  test('any value is written as defined, in the size foretold, and read back', () => {
    fc.assert(
      fc.property(anyInt32, (value) => {
        const bytes = written(varintSize(value), (target) => writeVarint(target, 0, value));

        expect(bytes).toEqual(reference(BigInt(value)));
        const cursor = cursorOver(Uint8Array.from(bytes));
        expect(readVarint(cursor)).toBe(value);
        expect(cursor.at).toBe(bytes.length);
      }),
      { numRuns: 2000 },
    );
  });

  test.each([0, -1, 1, -64, 63, 64, -65, 8191, 8192, 2 ** 31 - 1, -(2 ** 31)])('%d, where widths change', (value) => {
    const bytes = written(varintSize(value), (target) => writeVarint(target, 0, value));

    expect(bytes).toEqual(reference(BigInt(value)));
    expect(readVarint(cursorOver(Uint8Array.from(bytes)))).toBe(value);
  });

  test.each([
    ['cut short', [0x80]],
    ['of no bytes', []],
    ['of 33 bits', [0xff, 0xff, 0xff, 0xff, 0x1f]],
    ['of six bytes', [0x80, 0x80, 0x80, 0x80, 0x80, 0x00]],
  ])('one %s is an invalid record', (_name, bytes) => {
    expect(() => readVarint(cursorOver(Uint8Array.from(bytes)))).toThrow(
      expect.objectContaining({ code: 'INVALID_RECORD' }),
    );
  });
});

describe('varints of 64 bits', () => {
  test('any value is written as defined, in the size foretold, and read back', () => {
    fc.assert(
      fc.property(anyInt64, (value) => {
        const bytes = written(varlongSize(value), (target) => writeVarlong(target, 0, value));

        expect(bytes).toEqual(reference(value));
        const cursor = cursorOver(Uint8Array.from(bytes));
        expect(readVarlong(cursor)).toBe(value);
        expect(cursor.at).toBe(bytes.length);
      }),
      { numRuns: 2000 },
    );
  });

  test('a safe integer is written like the bigint; short ones are read as numbers, longer ones left to the bigint reader', () => {
    fc.assert(
      fc.property(anySafe, (value) => {
        const bytes = written(varlongSize(value), (target) => writeVarlong(target, 0, value));

        expect(bytes).toEqual(reference(BigInt(value)));
        const cursor = cursorOver(Uint8Array.from(bytes));
        const short = bytes.length <= 7;
        expect(readShortVarlong(cursor)).toBe(short ? value : undefined);
        expect(cursor.at).toBe(short ? bytes.length : 0);
      }),
      { numRuns: 2000 },
    );
  });

  test.each([INT64.min, INT64.max, 2n ** 53n, -(2n ** 53n), 2n ** 52n, 2n ** 48n, -(2n ** 48n) - 1n])(
    '%d, where widths change',
    (value) => {
      const bytes = written(varlongSize(value), (target) => writeVarlong(target, 0, value));

      expect(bytes).toEqual(reference(value));
      expect(readVarlong(cursorOver(Uint8Array.from(bytes)))).toBe(value);
    },
  );

  test.each([
    ['cut short', [0x80, 0x80]],
    ['of 65 bits', [...Array(9).fill(0xff), 0x02]],
    ['of eleven bytes', [...Array(10).fill(0x80), 0x00]],
  ])('one %s is an invalid record', (_name, bytes) => {
    expect(() => readVarlong(cursorOver(Uint8Array.from(bytes)))).toThrow(
      expect.objectContaining({ code: 'INVALID_RECORD' }),
    );
  });
});

test("no reader looks past the cursor's end, or throws anything but VarveError on arbitrary bytes", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 12 }), fc.nat({ max: 12 }), (bytes, limit) => {
      const end = Math.min(limit, bytes.length);
      for (const read of [readVarint, readShortVarlong, readVarlong]) {
        const cursor = { bytes, at: 0, end };
        try {
          read(cursor);
        } catch (error) {
          expect(error).toBeInstanceOf(VarveError);
        }
        expect(cursor.at).toBeLessThanOrEqual(end);
      }
    }),
    { numRuns: 2000 },
  );
});
