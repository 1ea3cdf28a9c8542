import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { VarveError } from '../../../lib/errors.ts';
import { crc32c } from '../../../lib/format/records/crc32c.ts';
import {
  buildSegment,
  FOOTER_LENGTH,
  readFooter,
  readIndex,
  type SegmentBatch,
  type SegmentIndex,
} from '../../../lib/format/segments/segment.ts';

const timestamp = fc.oneof(fc.constant(-1), fc.maxSafeInteger(), fc.integer({ min: 0, max: 4e12 }));
const batch: fc.Arbitrary<SegmentBatch> = fc.record({
  topicId: fc.oneof(fc.constantFrom('orders', 'payments'), fc.uuid(), fc.string({ unit: 'grapheme' })),
  partition: fc.oneof(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 2 ** 31 - 1 })),
  bytes: fc.uint8Array({ maxLength: 200 }),
  count: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
  firstTimestamp: timestamp,
  maxTimestamp: timestamp,
});
const batches = fc.array(batch, { maxLength: 40 });
/** Some offsets follow on from one another, some leave gaps. */
const compacted = fc.array(fc.tuple(batch, fc.nat({ max: 2 })), { maxLength: 40 }).map((drawn) => {
  const next = new Map<string, number>();
  return drawn.map(([each, gap]): SegmentBatch => {
    const key = `${each.topicId}/${each.partition}`;
    const baseOffset = (next.get(key) ?? 7) + gap;
    next.set(key, baseOffset + each.count);
    return { ...each, baseOffset };
  });
});

function objectOf(input: readonly SegmentBatch[], level: 0 | 1 = 0): Buffer {
  return Buffer.concat(buildSegment(input, { level }).parts);
}

/** As a reader would: the footer from the object's end, the index from where the footer says. */
function open(object: Uint8Array): SegmentIndex {
  const footer = readFooter(object.subarray(-FOOTER_LENGTH), object.length);
  return readIndex(object.subarray(footer.indexPosition, footer.indexPosition + footer.indexLength), footer);
}

function codeOf(operation: () => unknown): string {
  try {
    operation();
  } catch (cause) {
    if (cause instanceof VarveError) return cause.code;
    throw cause;
  }
  return 'no error';
}

describe('a segment of level 0', () => {
  test('given any mix of batches, then each lies where the builder says and the index accounts for every one', () => {
    fc.assert(
      fc.property(batches, (input) => {
        const built = buildSegment(input, { level: 0 });
        const object = Buffer.concat(built.parts);
        expect(built.size).toBe(object.length);
        for (const [i, { bytes }] of input.entries()) {
          const at = built.positions[i]!;
          expect(Buffer.compare(object.subarray(at, at + bytes.length), bytes)).toBe(0);
        }

        const { level, runs } = open(object);
        expect(level).toBe(0);
        const keys = runs.map((run) => JSON.stringify([run.topicId, run.partition]));
        expect(new Set(keys).size).toBe(runs.length);
        expect(new Set(keys)).toEqual(new Set(input.map((each) => JSON.stringify([each.topicId, each.partition]))));
        for (const run of runs) {
          const own = input.filter((each) => each.topicId === run.topicId && each.partition === run.partition);
          expect(
            Buffer.compare(
              object.subarray(run.position, run.position + run.length),
              Buffer.concat(own.map((each) => each.bytes)),
            ),
          ).toBe(0);
          expect(run.recordCount).toBe(own.reduce((sum, each) => sum + each.count, 0));
          expect(run.firstTimestamp).toBe(own[0]!.firstTimestamp);
          expect(run.maxTimestamp).toBe(Math.max(...own.map((each) => each.maxTimestamp)));
          expect(run).not.toHaveProperty('baseOffset');
        }
      }),
    );
  });

  test('given batches, then their bytes are not copied', () => {
    const bytes = new Uint8Array(100);
    const facts = { count: 1, firstTimestamp: 0, maxTimestamp: 0, bytes };
    const built = buildSegment(
      [
        { topicId: 'a', partition: 0, ...facts },
        { topicId: 'b', partition: 0, ...facts },
        { topicId: 'a', partition: 0, ...facts },
      ],
      { level: 0 },
    );
    expect(built.parts.slice(0, 3).every((part) => part === bytes)).toBe(true);
    expect(built.positions).toEqual([0, 200, 100]);
  });

  test('given 10,000 partitions, then the index stays under 50 bytes a partition', () => {
    const input = Array.from({ length: 10_000 }, (_, i) => ({
      topicId: `0192f3c4-5d6e-7f80-91a2-b3c4d5e6f7${String(i % 10).padStart(2, '0')}`,
      partition: i,
      bytes: new Uint8Array(70),
      count: 1,
      firstTimestamp: 1_700_000_000_000,
      maxTimestamp: 1_700_000_000_000,
    }));
    const { parts } = buildSegment(input, { level: 0 });
    expect(parts.at(-2)!.length).toBeLessThan(50 * 10_000);
    expect(open(Buffer.concat(parts)).runs).toHaveLength(10_000);
  });
});

describe('a segment of level 1', () => {
  test('given any mix of batches with offsets, then runs have base offsets, no gaps, and account for every offset', () => {
    fc.assert(
      fc.property(compacted, (input) => {
        const object = objectOf(input, 1);
        const { level, runs } = open(object);
        expect(level).toBe(1);
        const spans = (of: { topicId: string; partition: number; baseOffset?: number }, count: number) =>
          JSON.stringify([of.topicId, of.partition, of.baseOffset, of.baseOffset! + count]);
        const expected: SegmentBatch[] = [];
        for (const each of input) {
          const last = expected.findLast((one) => one.topicId === each.topicId && one.partition === each.partition);
          if (last !== undefined && last.baseOffset! + last.count === each.baseOffset) last.count += each.count;
          else expected.push({ ...each });
        }
        expect(runs.map((run) => spans(run, run.recordCount)).sort()).toEqual(
          expected.map((run) => spans(run, run.count)).sort(),
        );
        expect(runs.reduce((sum, run) => sum + run.length, 0)).toBe(input.reduce((sum, b) => sum + b.bytes.length, 0));
      }),
    );
  });

  test('given a batch without a base offset, then it is refused', () => {
    const one = { topicId: 'a', partition: 0, bytes: new Uint8Array(1), count: 1, firstTimestamp: 0, maxTimestamp: 0 };
    expect(() => buildSegment([one], { level: 1 })).toThrow(TypeError);
  });
});

describe('a segment that was damaged', () => {
  const facts = { count: 3, firstTimestamp: 1_700_000_000_000, maxTimestamp: 1_700_000_000_500 };
  const whole = objectOf([
    { topicId: 'orders', partition: 0, bytes: new Uint8Array(61).fill(1), ...facts },
    { topicId: 'payments', partition: 3, bytes: new Uint8Array(70).fill(2), ...facts },
  ]);

  test('given any single bit of index or footer flipped, then an error, never another index', () => {
    const from = readFooter(whole.subarray(-FOOTER_LENGTH), whole.length).indexPosition;
    for (let bit = from * 8; bit < whole.length * 8; bit++) {
      const flipped = Buffer.from(whole);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      expect(
        codeOf(() => open(flipped)),
        `bit ${bit}`,
      ).toBe('CORRUPT_MESSAGE');
    }
  });

  test('given any truncation, or bytes added, then an error', () => {
    for (let length = 0; length < whole.length; length++) {
      expect(
        codeOf(() => open(whole.subarray(0, length))),
        `${length} bytes`,
      ).toBe('CORRUPT_MESSAGE');
      expect(
        codeOf(() => open(whole.subarray(length + 1))),
        `from byte ${length + 1}`,
      ).toBe('CORRUPT_MESSAGE');
    }
    expect(codeOf(() => open(Buffer.concat([whole, Buffer.alloc(1)])))).toBe('CORRUPT_MESSAGE');
    expect(codeOf(() => open(Buffer.concat([Buffer.alloc(1), whole])))).toBe('CORRUPT_MESSAGE');
  });

  test('given a segment of any batches and any change to index or footer, then an error', () => {
    fc.assert(
      fc.property(batches, fc.nat(), fc.integer({ min: 1, max: 255 }), (input, place, change) => {
        const object = objectOf(input);
        const from = readFooter(object.subarray(-FOOTER_LENGTH), object.length).indexPosition;
        object[from + (place % (object.length - from))]! ^= change;
        expect(codeOf(() => open(object))).toBe('CORRUPT_MESSAGE');
      }),
    );
  });

  test('given a version that is newer, then DATA_FORMAT_TOO_NEW', () => {
    const newer = Buffer.from(whole);
    const footer = newer.subarray(-FOOTER_LENGTH);
    footer.writeUInt32BE(2, 16);
    footer.writeUInt32BE(crc32c(footer.subarray(0, 20)), 20);
    expect(codeOf(() => open(newer))).toBe('DATA_FORMAT_TOO_NEW');
  });

  test('given arbitrary bytes as a footer, then CORRUPT_MESSAGE', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2 * FOOTER_LENGTH }), fc.nat(), (bytes, size) => {
        expect(codeOf(() => readFooter(bytes, size))).toBe('CORRUPT_MESSAGE');
      }),
    );
  });

  test('given an index with a right CRC but other contents, then it is read as an index that adds up, or CORRUPT_MESSAGE', () => {
    const index = buildSegment([{ topicId: 'orders', partition: 0, bytes: new Uint8Array(9), ...facts }], {
      level: 0,
    }).parts.at(-2)!;
    const forged = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.uint8Array({ maxLength: 200 }).map((tail) => Uint8Array.of(0, 0, 0, 0, 1, ...tail)),
      fc.array(fc.tuple(fc.nat({ max: index.length - 1 }), fc.nat({ max: 255 })), { maxLength: 3 }).map((changes) => {
        const changed = Uint8Array.from(index);
        for (const [at, value] of changes) changed[at] = value;
        return changed;
      }),
    );
    fc.assert(
      fc.property(forged, fc.constantFrom(0, 9, 100), (bytes, indexPosition) => {
        // Within a larger buffer: a reader that runs past the index would find bytes there.
        const padded = new Uint8Array(bytes.length + 100).fill(0x41);
        padded.set(bytes, 50);
        const own = padded.subarray(50, 50 + bytes.length);
        const footer = { indexPosition, indexLength: own.length, indexCrc: crc32c(own) };
        const outcome = codeOf(() => {
          const { runs } = readIndex(own, footer);
          expect(runs.reduce((sum, run) => sum + run.length, 0)).toBe(indexPosition);
          expect(runs.every((run) => run.length >= 0 && run.recordCount >= 0)).toBe(true);
        });
        expect(['no error', 'CORRUPT_MESSAGE']).toContain(outcome);
      }),
      { numRuns: 2_000 },
    );
  });

  test('given counts that announce billions of topics or runs, then CORRUPT_MESSAGE at once', () => {
    for (const bytes of [
      Uint8Array.of(0, 255, 255, 255, 255),
      Uint8Array.of(0, 0, 0, 0, 0, 255, 255, 255, 255),
      Uint8Array.of(0, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0),
    ]) {
      const footer = { indexPosition: 0, indexLength: bytes.length, indexCrc: crc32c(bytes) };
      expect(codeOf(() => readIndex(bytes, footer))).toBe('CORRUPT_MESSAGE');
    }
  });

  test('given an index shorter than the footer says, as from a short read, then CORRUPT_MESSAGE', () => {
    const footer = readFooter(whole.subarray(-FOOTER_LENGTH), whole.length);
    const index = whole.subarray(footer.indexPosition, footer.indexPosition + footer.indexLength - 1);
    expect(codeOf(() => readIndex(index, footer))).toBe('CORRUPT_MESSAGE');
  });
});
