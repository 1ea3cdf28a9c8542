import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { crc32c, crc32cInJavaScript } from '../../../lib/format/records/crc32c.ts';

/** RFC 3720, appendix B.4, and the check value of the CRC catalogue. */
const VECTORS: [string, Uint8Array, number][] = [
  ['32 bytes of zeros', new Uint8Array(32), 0x8a9136aa],
  ['32 bytes of ones', new Uint8Array(32).fill(0xff), 0x62a8ab43],
  ['32 bytes rising', Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
  ['32 bytes falling', Uint8Array.from({ length: 32 }, (_, i) => 31 - i), 0x113fdb5c],
  [
    'an iSCSI read command',
    Buffer.from(
      '01c00000000000000000000000000000140000000000040000000014000000182800000000000000020000000000' + '0000',
      'hex',
    ),
    0xd9963a56,
  ],
  ['the digits', Buffer.from('123456789'), 0xe3069283],
  ['nothing', new Uint8Array(0), 0],
];

describe.each([
  ['the one that is used', crc32c],
  ['JavaScript', crc32cInJavaScript],
])('%s', (_name, crc) => {
  test.each(VECTORS)('%s', (_what, bytes, expected) => {
    expect(crc(bytes)).toBe(expected);
  });

  test('a CRC goes on from the CRC of the bytes before', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat({ max: 200 }), (bytes, at) => {
        expect(crc(bytes.subarray(at), crc(bytes.subarray(0, at)))).toBe(crc(bytes));
      }),
    );
  });
});

test('JavaScript and the native library agree on any bytes at any place in memory', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 3000 }),
      fc.nat({ max: 20 }),
      fc.nat({ max: 0xffffffff }),
      (bytes, from, seed) => {
        const part = bytes.subarray(from);
        expect(crc32cInJavaScript(part, seed)).toBe(crc32c(part, seed));
      },
    ),
    { numRuns: 1000 },
  );
});
