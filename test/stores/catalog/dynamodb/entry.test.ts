import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { VarveError } from '../../../../lib/errors.ts';
import { timeId } from '../../../../lib/ids.ts';
import { decodeEntry, encodeEntry, entryId } from '../../../../lib/stores/catalog/dynamodb/entry.ts';
import type { NewEntry } from '../../../../lib/stores/catalog/partitions.ts';

const facts = fc.record(
  {
    id: fc
      .tuple(fc.nat(2 ** 48 - 1), fc.uint8Array({ minLength: 10, maxLength: 10 }))
      .map(([time, random]) => timeId(time, () => random)),
    position: fc.maxSafeNat(),
    length: fc.maxSafeNat(),
    crc: fc.nat(2 ** 32 - 1),
    count: fc.integer({ min: 1, max: 2 ** 31 }),
    maxTimestamp: fc.oneof(fc.constant(-1), fc.maxSafeNat()),
    producer: fc.record({ id: fc.maxSafeNat(), epoch: fc.nat(32_767), sequence: fc.nat(2 ** 31 - 1) }),
  },
  { requiredKeys: ['id', 'position', 'length', 'crc', 'count', 'maxTimestamp'] },
);

const newEntry = facts as fc.Arbitrary<NewEntry>;

describe('an entry as bytes', () => {
  it('says the same when it is read', () => {
    fc.assert(
      fc.property(newEntry, fc.constantFrom('segment' as const, 'chunk' as const), (entry, place) => {
        expect(decodeEntry(encodeEntry(entry, place))).toEqual({ ...entry, place });
      }),
    );
  });

  it('carries a small batch, in a copy of its own', () => {
    fc.assert(
      fc.property(newEntry, fc.uint8Array({ maxLength: 300 }), (entry, bytes) => {
        const given = bytes.slice();
        const wire = encodeEntry({ ...entry, bytes: given }, 'inline');
        given.fill(0);

        const read = decodeEntry(wire);

        expect(read.place).toBe('inline');
        expect([...read.bytes!]).toEqual([...bytes]);
      }),
    );
  });

  it('is small: it is paid for with every append', () => {
    const now = Date.UTC(2026, 10, 1);
    const entry: NewEntry = {
      id: timeId(now, (n) => new Uint8Array(n)),
      position: 1_000_000,
      length: 100_000,
      crc: 2 ** 32 - 1,
      count: 1_000,
      maxTimestamp: now - 500,
    };

    expect(encodeEntry(entry, 'segment').length).toBeLessThanOrEqual(33);
    const producer = { id: 100_000, epoch: 3, sequence: 1_000_000 };
    expect(encodeEntry({ ...entry, producer }, 'segment').length).toBeLessThanOrEqual(44);
  });

  it('that was cut short or overwritten is refused, never misread beyond its end', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => {
        for (const read of [() => decodeEntry(bytes), () => entryId(bytes)]) {
          try {
            read();
          } catch (error) {
            expect(error).toBeInstanceOf(VarveError);
          }
        }
      }),
      { examples: [[new Uint8Array(0)], [new Uint8Array([1, 0])], [new Uint8Array(120).fill(255).fill(1, 0, 1)]] },
    );
  });

  it('of a newer version says so', () => {
    const entry: NewEntry = {
      id: timeId(1, (n) => new Uint8Array(n)),
      position: 0,
      length: 1,
      crc: 0,
      count: 1,
      maxTimestamp: 1,
    };
    const [version, flags] = [encodeEntry(entry, 'segment'), encodeEntry(entry, 'segment')];
    version[0] = 2;
    flags[1] = 0x80;

    for (const wire of [version, flags]) {
      expect(() => decodeEntry(wire)).toThrow(expect.objectContaining({ code: 'DATA_FORMAT_TOO_NEW' }));
    }
  });
});
