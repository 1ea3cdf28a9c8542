import { describe, expect, it } from 'vitest';
import { compileFilters } from '../../../lib/log/delivery/filters.ts';

const bytes = (text: string | Uint8Array | null) => (typeof text === 'string' ? Buffer.from(text) : text);

/** Whether a record with this value is delivered. */
function matches(pattern: unknown, value: string | Uint8Array | null, key: string | null = 'a key'): boolean {
  const place = { topic: 'orders', partition: 3, offset: 17, timestamp: 1_700_000_000_000 };
  return compileFilters([JSON.stringify(pattern)])({ ...place, key: bytes(key), value: bytes(value) });
}

const ALICE = JSON.stringify({
  name: 'Alice',
  middle: '',
  nick: null,
  age: 42,
  score: 3e2,
  member: true,
  tags: ['new', 'vip'],
  address: { city: 'Köln', zip: '50667' },
  items: [
    { sku: 'a', count: 1 },
    { sku: 'b', count: 20 },
  ],
  none: [],
});

/** Of the value above. */
const CASES: [rule: string, fields: object, delivered: boolean][] = [
  ['equals', { name: ['Alice'] }, true],
  ['equals, case by case', { name: ['alice'] }, false],
  ['equals a number', { age: [42] }, true],
  ['a number is no string', { age: ['42'] }, false],
  ['numbers are equal by their value', { score: [300] }, true],
  ['equals true', { member: [true] }, true],
  ['null', { nick: [null] }, true],
  ['null is not what is missing', { nobody: [null] }, false],
  ['empty', { middle: [''] }, true],
  ['empty is not null', { nick: [''] }, false],
  ['equals, ignoring case', { name: [{ 'equals-ignore-case': 'aLICE' }] }, true],
  ['ignoring case of others', { name: [{ 'equals-ignore-case': 'bob' }] }, false],
  ['and', { name: ['Alice'], age: [42] }, true],
  ['and, where one does not match', { name: ['Alice'], age: [43] }, false],
  ['or', { name: ['Bob', 'Alice'] }, true],
  ['or of several fields', { $or: [{ name: ['Bob'] }, { age: [42] }] }, true],
  ['or of several fields, of which none matches', { $or: [{ name: ['Bob'] }, { age: [43] }] }, false],
  ['or of several fields, and another', { $or: [{ name: ['Bob'] }, { age: [42] }], member: [false] }, false],
  ['or within a field', { address: { $or: [{ city: ['Bonn'] }, { zip: [{ prefix: '50' }] }] } }, true],
  ['not', { name: [{ 'anything-but': ['Bob'] }] }, true],
  ['not, of one', { name: [{ 'anything-but': 'Alice' }] }, false],
  ['not, of numbers', { age: [{ 'anything-but': [41, 42] }] }, false],
  ['not, of what is missing', { nobody: [{ 'anything-but': ['Bob'] }] }, false],
  ['numeric equals', { score: [{ numeric: ['=', 300] }] }, true],
  ['numeric range', { age: [{ numeric: ['>', 10, '<=', 42] }] }, true],
  ['numeric range, outside', { age: [{ numeric: ['>=', 10, '<', 42] }] }, false],
  ['numeric, of one bound', { age: [{ numeric: ['<', 50] }] }, true],
  ['numeric, of a string', { address: { zip: [{ numeric: ['>', 1] }] } }, false],
  ['exists', { age: [{ exists: true }] }, true],
  ['exists, and is null', { nick: [{ exists: true }] }, true],
  ['exists, of what is missing', { nobody: [{ exists: true }] }, false],
  ['exists, of what has fields itself', { address: [{ exists: true }] }, false],
  ['exists, of an empty array', { none: [{ exists: true }] }, false],
  ['does not exist', { nobody: [{ exists: false }] }, true],
  ['does not exist, and is there', { age: [{ exists: false }] }, false],
  ['does not exist, deeper', { nobody: { at: { all: [{ exists: false }] } } }, true],
  ['does not exist, or is so', { age: [{ exists: false }, 42] }, true],
  ['begins with', { address: { city: [{ prefix: 'Kö' }] } }, true],
  ['begins with another', { address: { city: [{ prefix: 'öln' }] } }, false],
  ['ends with', { address: { city: [{ suffix: 'öln' }] } }, true],
  ['any value of an array', { tags: ['vip'] }, true],
  ['no value of an array', { tags: ['old'] }, false],
  ['fields of one object of an array', { items: { sku: ['b'], count: [20] } }, true],
  ['fields of several objects of an array', { items: { sku: ['a'], count: [20] } }, false],
  ['a field of what has none', { name: { first: ['Alice'] } }, false],
  ['what every object inherits', { constructor: [{ exists: true }] }, false],
];

describe('what a filter lets through', () => {
  it.each(CASES)('%s: %j: %s', (_, fields, delivered) => {
    expect(matches({ value: fields }, ALICE)).toBe(delivered);
  });

  it.each<[what: string, pattern: object, value: string | Uint8Array | null, delivered: boolean]>([
    ['a plain string, and such a pattern', { value: ['hello'] }, 'hello', true],
    ['a plain string that begins so', { value: [{ prefix: 'hel' }] }, 'hello', true],
    ['all but a plain string', { value: [{ 'anything-but': ['error'] }] }, 'error', false],
    ['a number is a plain string', { value: ['5'] }, '5', true],
    ['a plain string, and a pattern of fields', { value: { a: [{ exists: false }] } }, 'hello', false],
    ['fields, and a pattern of a plain string', { value: [{ 'anything-but': ['error'] }] }, '{"a":1}', false],
    ['what looks like JSON and is none, is a plain string', { value: [{ prefix: '{a' }] }, '{a', true],
    ['an array of objects', { value: { a: [1] } }, '[{"a":2},{"a":1}]', true],
    ['what is no text', { value: [{ exists: true }] }, new Uint8Array([0xff, 0xfe]), false],
    ['what is no text, where nobody looks', { partition: [3] }, new Uint8Array([0xff, 0xfe]), true],
    ['no value', { value: [{ exists: false }] }, null, true],
    ['no value, and a pattern of fields', { value: { a: [{ exists: false }] } }, null, false],
    ['arrays beyond all measure', { value: { a: [1] } }, `${'['.repeat(100_000)}${']'.repeat(100_000)}`, false],
  ])('%s', (_, pattern, value, delivered) => {
    expect(matches(pattern, value)).toBe(delivered);
  });

  it.each<[pattern: object, delivered: boolean]>([
    [{ key: ['a key'] }, true],
    [{ key: ['another'] }, false],
    [{ topic: ['orders'] }, true],
    [{ partition: [{ numeric: ['>', 3] }] }, false],
    [{ offset: [{ numeric: ['>=', 17] }] }, true],
    [{ timestamp: [{ numeric: ['<', 1_700_000_000_000] }] }, false],
    [{ timestampType: ['CREATE_TIME'] }, true],
    [{ key: ['a key'], value: { name: ['Alice'] } }, true],
    [{ key: ['another'], value: { name: ['Alice'] } }, false],
    [{ $or: [{ key: ['another'] }, { value: { name: ['Alice'] } }] }, true],
  ])('%j of a whole record: %s', (pattern, delivered) => {
    expect(matches(pattern, ALICE)).toBe(delivered);
  });

  it('any of several is enough', () => {
    const filters = compileFilters([JSON.stringify({ key: ['a'] }), JSON.stringify({ key: ['b'] })]);
    const keys = ['a', 'b', 'c'].map((key) => ({
      topic: 't',
      partition: 0,
      offset: 0,
      timestamp: 0,
      value: null,
      key,
    }));

    expect(keys.map((one) => filters({ ...one, key: Buffer.from(one.key) }))).toEqual([true, true, false]);
  });
});

describe('what is no filter', () => {
  it.each<[what: string, patterns: string[], message: RegExp]>([
    ['none at all', [], /0 of them: give 1 to 10/],
    ['too many', Array.from({ length: 11 }, () => '{"key":["a"]}'), /11 of them: give 1 to 10/],
    ['too long a one', [JSON.stringify({ key: ['a'.repeat(4_096)] })], /at most 4096 characters/],
    ['no JSON', ['{key}'], /not JSON: give what FilterCriteria.filter makes/],
    ['no object', ['["a"]'], /the pattern: give/],
    ['nothing', ['{}'], /the pattern: give/],
    ['a field that no record has', ['{"body":["a"]}'], /"body": a record has topic, .*key, value/],
    ['fields of a number', ['{"partition":{"a":[1]}}'], /partition: give an array of rules/],
    ['a value outside of an array', ['{"value":{"a":"b"}}'], /value.a: give an array of rules/],
    ['no rule', ['{"value":{"a":[]}}'], /value.a: give at least one rule/],
    ['an array of arrays', ['{"value":{"a":[["b"]]}}'], /value.a: an array within/],
    ['an operator that nobody knows', ['{"value":{"a":[{"like":"b"}]}}'], /like.*one of prefix, suffix/],
    ['two operators at once', ['{"value":{"a":[{"prefix":"b","suffix":"c"}]}}'], /one of prefix/],
    ['what every object inherits', ['{"value":{"a":[{"toString":"b"}]}}'], /one of prefix/],
    ['a prefix that is a number', ['{"value":{"a":[{"prefix":5}]}}'], /value.a: prefix: give a string/],
    ['but of both kinds', ['{"value":{"a":[{"anything-but":["b",5]}]}}'], /anything-but: give a string, a number/],
    ['exists, perhaps', ['{"value":{"a":[{"exists":"yes"}]}}'], /exists: give true or false/],
    ['half a range', ['{"value":{"a":[{"numeric":[">"]}]}}'], /numeric: give such as/],
    ['a range of lower bounds', ['{"value":{"a":[{"numeric":[">",1,">",2]}]}}'], /numeric: give such as/],
    ['a comparison that is none', ['{"value":{"a":[{"numeric":["toString",1]}]}}'], /numeric: give such as/],
    ['one alternative', ['{"$or":[{"key":["a"]}]}'], /\$or: give an array of at least two/],
  ])('is refused: %s', (_, patterns, message) => {
    expect(() => compileFilters(patterns)).toThrow(message);
  });
});
