import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatPositions, parsePositions } from '../../../lib/doors/http/events/positions.ts';
import { recordSchema, toAppend } from '../../../lib/doors/http/json/record.ts';
import { check, parseJson } from '../../../lib/doors/http/parse.ts';
import { recordJson } from '../../../lib/doors/http/record-json.ts';
import { objectSplitter } from '../../../lib/doors/http/v3/concatenated.ts';

describe('event ids', () => {
  test('say the positions that they were made of', () => {
    const offset = fc.integer({ min: -1, max: Number.MAX_SAFE_INTEGER });
    fc.assert(
      fc.property(fc.array(offset, { minLength: 1, maxLength: 20 }), (offsets) => {
        const positions = new Map(offsets.map((one, partition) => [partition, one]));
        expect(parsePositions(formatPositions(positions, false), offsets.length, undefined)).toEqual(positions);
        const single = new Map([[3, offsets[0]!]]);
        expect(parsePositions(formatPositions(single, true), 4, 3)).toEqual(single);
      }),
    );
  });

  test('of anything else are refused', () => {
    for (const text of [
      '',
      '0',
      '0:',
      '0:1,',
      '0:1,0:2',
      '2:1',
      '-1:0',
      '0:-2',
      '0:1.5',
      '0:99999999999999999',
      'a:b',
    ]) {
      expect(() => parsePositions(text, 2, undefined)).toThrow(/Last-Event-ID/);
    }
  });
});

describe('concatenated JSON', () => {
  const object = fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 4 });

  test('is the same objects however it is cut', () => {
    fc.assert(
      fc.property(
        fc.array(object, { maxLength: 8 }),
        fc.constantFrom('', '\n', ' ,\r\n'),
        fc.nat(40),
        (objects, between, step) => {
          const bytes = Buffer.from(objects.map((one) => JSON.stringify(one)).join(between));
          const splitter = objectSplitter(100_000);
          const found: Uint8Array[] = [];
          for (let at = 0; at < bytes.length; at += step + 1)
            found.push(...splitter.push(bytes.subarray(at, at + step + 1)));
          splitter.end();
          expect(found.map((one) => JSON.parse(Buffer.from(one).toString()))).toEqual(
            objects.map((one) => JSON.parse(JSON.stringify(one))),
          );
          expect(splitter.pending).toBe(0);
        },
      ),
    );
  });

  test('is bounded, and nothing but whole objects', () => {
    expect(() => objectSplitter(10).push(Buffer.from(`{"a":"${'x'.repeat(20)}`))).toThrow(/larger than 10/);
    for (const text of ['[1]', '1', '"a"', '}', '{} x']) {
      expect(() => objectSplitter(100).push(Buffer.from(text))).toThrow(/objects/);
    }
    const cut = objectSplitter(100);
    cut.push(Buffer.from('{"a":"}'));
    expect(() => cut.end()).toThrow(/ends inside/);
  });
});

describe('a record in JSON', () => {
  const bytes = fc.option(
    fc.oneof(
      fc.uint8Array({ maxLength: 30 }),
      fc.string().map((text) => Buffer.from(text)),
    ),
  );
  const json = fc.jsonValue().map((value) => Buffer.from(JSON.stringify(value)));
  const record = fc.record({
    key: bytes,
    value: fc.option(fc.oneof(json, fc.uint8Array({ maxLength: 30 }))),
    // Shown, but not taken: below.
    headers: fc.uniqueArray(
      fc.record({ key: fc.string({ minLength: 1 }).filter((key) => key !== '__proto__'), value: bytes }),
      {
        selector: ({ key }) => key,
      },
    ),
    timestamp: fc.nat(),
    offset: fc.nat(),
  });

  test('is JSON, whatever the bytes are, and says each of them', () => {
    fc.assert(
      fc.property(record, (one) => {
        const shown = JSON.parse(recordJson(2, one));
        expect(shown).toMatchObject({ partition: 2, offset: one.offset, timestamp: one.timestamp });
        const { offset: _, ...writable } = shown;
        const back = toAppend(check(recordSchema, parseJson(Buffer.from(JSON.stringify(writable)), 1_000)));
        const raw = (given: unknown) => (given === null || given === undefined ? null : Buffer.from(given as string));
        expect(raw(back.key)).toEqual(one.key === null ? null : Buffer.from(one.key));
        const sorted = (headers: readonly { key: string; value: unknown }[]) =>
          headers.map(({ key, value }) => [key, raw(value)?.toString('hex') ?? null]).sort();
        expect(sorted(back.headers!)).toEqual(sorted(one.headers));
        if (one.value === null) expect(back.value).toBeNull();
      }),
    );
  });

  test('with a header that is called __proto__ is refused, not taken without it', () => {
    for (const headers of ['headers', 'headers_base64']) {
      const written = parseJson(Buffer.from(`{"${headers}":{"__proto__":"aGk="}}`), 1_000);
      expect(() => check(recordSchema, written)).toThrow(/__proto__/);
    }
  });

  test('keeps a byte order mark, and a value that is the JSON null', () => {
    const bom = Buffer.from('\ufeffk');
    const shown = recordJson(0, { key: bom, value: Buffer.from('null'), headers: [], timestamp: 1, offset: 0 });
    expect(JSON.parse(shown)).toMatchObject({ key: '\ufeffk', value_base64: 'bnVsbA==' });
  });
});
