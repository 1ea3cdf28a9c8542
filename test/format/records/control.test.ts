import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeBatch } from '../../../lib/format/records/batch.ts';
import { encodeEndMarker, readEndMarker } from '../../../lib/format/records/control.ts';
import type { LogRecord } from '../../../lib/format/records/record.ts';
import { validateBatch } from '../../../lib/format/records/validate.ts';

function controlRecord(key: Uint8Array | null, value: Uint8Array | null): LogRecord {
  return { offset: 0, timestamp: 0, key, value, headers: [] };
}

test('a marker is a control batch of its producer that says how the transaction ended', () => {
  fc.assert(
    fc.property(
      fc.constantFrom('abort', 'commit'),
      fc.integer({ min: 0, max: 2 ** 31 - 1 }),
      fc.maxSafeInteger(),
      (type, coordinatorEpoch, timestamp) => {
        const bytes = encodeEndMarker({ type, coordinatorEpoch }, { id: 7, epoch: 3 }, timestamp);

        expect(validateBatch(bytes).header).toMatchObject({
          control: true,
          transactional: true,
          producerId: 7,
          producerEpoch: 3,
          baseSequence: -1,
          recordCount: 1,
          maxTimestamp: timestamp,
        });
        expect(readEndMarker(decodeBatch(bytes)[0]!)).toEqual({ type, coordinatorEpoch });
      },
    ),
  );
});

test('a control record of another type ends nothing', () => {
  expect(readEndMarker(controlRecord(Uint8Array.of(0, 0, 0, 2), null))).toBeUndefined();
});

test('fields that a later version adds are passed over', () => {
  const record = controlRecord(Uint8Array.of(0, 1, 0, 1, 99), Uint8Array.of(0, 1, 0, 0, 0, 5, 99));

  expect(readEndMarker(record)).toEqual({ type: 'commit', coordinatorEpoch: 5 });
});

test.each([
  ['no key', null, Uint8Array.of(0, 0, 0, 0, 0, 0)],
  ['a short key', Uint8Array.of(0, 0, 0), Uint8Array.of(0, 0, 0, 0, 0, 0)],
  ['no value', Uint8Array.of(0, 0, 0, 0), null],
  ['a short value', Uint8Array.of(0, 0, 0, 0), Uint8Array.of(0, 0, 0, 0, 0)],
])('a marker with %s is an invalid record', (_name, key, value) => {
  expect(() => readEndMarker(controlRecord(key, value))).toThrow(expect.objectContaining({ code: 'INVALID_RECORD' }));
});
