import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseExactly } from '../../../lib/doors/cli/json.ts';

test.each([
  '12345678901234567890',
  '-12345678901234567890',
  '0.1234567890123456789',
  '1.2345678901234567e300',
  '1234567890123456789e-5',
  '{"a":[12345678901234567890,{"b":9007199254740993}],"c":"12345678901234567890"}',
  '[0.016666666666666666,12345678901234567890]',
])('%s comes back as it was written', (text) => {
  expect(JSON.stringify(parseExactly(text))).toBe(text);
});

test('whatever else is JSON is what JSON.parse makes of it', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      expect(JSON.stringify(parseExactly(text))).toBe(JSON.stringify(JSON.parse(text)));
    }),
  );
});

test('what is not JSON is refused', () => {
  for (const text of ['', '{', '12345678901234567890x', '{"a":12345678901234567890']) {
    expect(() => parseExactly(text)).toThrow(SyntaxError);
  }
});
