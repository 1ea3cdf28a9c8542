import fc from 'fast-check';
import type { EncodeOptions } from '../../../lib/format/records/batch.ts';
import type { NewRecord } from '../../../lib/format/records/record.ts';

const SAFE = Number.MAX_SAFE_INTEGER;

const bytes = fc.uint8Array({ maxLength: 300 });
const nullable = fc.oneof({ weight: 4, arbitrary: bytes }, fc.constant(null));

/** Ordinary times, any safe integer, and the ends. */
const timestamp = fc.oneof(
  fc.integer({ min: 1.6e12, max: 1.8e12 }),
  fc.maxSafeInteger(),
  fc.constantFrom(-SAFE, SAFE, -1, 0, 2 ** 31, -(2 ** 31) - 1, 2 ** 48, 2 ** 52, -(2 ** 52)),
);

/** Any record: keys, values and headers' values null, empty or not; header keys any Unicode. */
export const anyRecord: fc.Arbitrary<NewRecord> = fc.record({
  key: nullable,
  value: nullable,
  headers: fc.array(fc.record({ key: fc.string({ unit: 'binary', maxLength: 20 }), value: nullable }), {
    maxLength: 4,
  }),
  timestamp,
});

export const anyRecords = fc.array(anyRecord, { minLength: 1, maxLength: 30 });

/** Any options that decoding gives back: every codec that Varve can write, any producer, any base offset. */
export const anyOptions: fc.Arbitrary<EncodeOptions> = fc.record(
  {
    compression: fc.constantFrom('none', 'gzip', 'zstd'),
    compressionLevel: fc.integer({ min: 1, max: 9 }),
    producer: fc.record({
      id: fc.nat({ max: SAFE }),
      epoch: fc.nat({ max: 2 ** 15 - 1 }),
      sequence: fc.nat({ max: 2 ** 31 - 1 }),
    }),
    baseOffset: fc.nat({ max: 2 ** 52 }),
  },
  { requiredKeys: [] },
);
