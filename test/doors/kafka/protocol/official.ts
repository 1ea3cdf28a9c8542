import { readFileSync } from 'node:fs';
import fc from 'fast-check';

/**
 * Kafka's own message schemas, and a codec that interprets them, field by field and bit by bit: slow, plain, and written
 * from Kafka's description of the format, not from ours.
 */

interface OfficialField {
  name: string;
  type: string;
  versions: string;
  nullableVersions?: string;
  taggedVersions?: string;
  tag?: number;
  default?: string | number | boolean;
  fields?: OfficialField[];
}

export interface OfficialMessage {
  apiKey: number;
  name: string;
  flexibleVersions: string;
  fields: OfficialField[];
}

export function official(name: string): OfficialMessage {
  const text = readFileSync(new URL(`../fixtures/${name}.json`, import.meta.url), 'utf8');
  const message = JSON.parse(text.replace(/^\s*\/\/.*$/gm, '')) as OfficialMessage & {
    commonStructs?: OfficialField[];
  };
  const common = new Map((message.commonStructs ?? []).map((one) => [one.name, one.fields!]));
  const resolve = (field: OfficialField): OfficialField => {
    const fields = field.fields ?? common.get(field.type.replace('[]', ''));
    return fields ? { ...field, fields: fields.map(resolve) } : field;
  };
  return { ...message, fields: message.fields.map(resolve) };
}

type Range = readonly [number, number];

function rangeOf(versions: string | undefined): Range {
  if (versions === undefined || versions === 'none') return [1, 0];
  const [first, last] = versions.split('-');
  if (versions.endsWith('+')) return [Number.parseInt(versions, 10), Number.POSITIVE_INFINITY];
  return [Number(first), Number(last ?? first)];
}

export function covers(versions: string | undefined, version: number): boolean {
  const [first, last] = rangeOf(versions);
  return version >= first && version <= last;
}

/** Fields that one of the served versions has. */
function served(fields: readonly OfficialField[], versions: Range): OfficialField[] {
  return fields.filter((field) => {
    const [first, last] = rangeOf(field.versions);
    return first <= versions[1] && last >= versions[0];
  });
}

export const keyOf = (name: string) => name[0]!.toLowerCase() + name.slice(1);

type Value = unknown;
type Struct = Record<string, Value>;

function defaultOf(field: OfficialField, versions: Range): Value {
  const { type, default: given } = field;
  if (given === 'null' || given === null) return null;
  if (type.startsWith('[]')) return [];
  if (field.fields) {
    return Object.fromEntries(served(field.fields, versions).map((one) => [keyOf(one.name), defaultOf(one, versions)]));
  }
  if (type === 'bool') return given === true || given === 'true';
  if (type === 'string') return given ?? '';
  if (type === 'uuid') return '00000000-0000-0000-0000-000000000000';
  if (type === 'bytes' || type === 'records') return Buffer.alloc(0);
  return given === undefined ? 0 : Number(given);
}

export interface Context {
  version: number;
  flexible: boolean;
  /** The versions that are served. */
  versions: Range;
}

// Values.

const strings = fc.string({ unit: 'grapheme', maxLength: 12 });
const ARBITRARY: Record<string, fc.Arbitrary<Value>> = {
  bool: fc.boolean(),
  int8: fc.integer({ min: -128, max: 127 }),
  int16: fc.integer({ min: -32_768, max: 32_767 }),
  uint16: fc.integer({ min: 0, max: 65_535 }),
  int32: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  int64: fc.maxSafeInteger(),
  float64: fc.double(),
  uuid: fc.uuid(),
  string: strings,
  bytes: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
  records: fc.uint8Array({ maxLength: 2_000, size: 'max' }).map((bytes) => Buffer.from(bytes)),
};

/** Any message of the version; a field that the version lacks has its default. */
export function messages(fields: readonly OfficialField[], context: Context): fc.Arbitrary<Struct> {
  return fc.record(
    Object.fromEntries(served(fields, context.versions).map((field) => [keyOf(field.name), values(field, context)])),
  );
}

function values(field: OfficialField, context: Context): fc.Arbitrary<Value> {
  if (!covers(field.versions, context.version)) return fc.constant(defaultOf(field, context.versions));
  const element = field.type.replace('[]', '');
  const one = field.fields ? messages(field.fields, context) : ARBITRARY[element]!;
  const value = field.type.startsWith('[]') ? fc.array(one, { maxLength: 4 }) : one;
  return covers(field.nullableVersions, context.version) ? fc.option(value, { freq: 4 }) : value;
}

// Writing.

const int = (size: number, value: number) => {
  const bytes = Buffer.alloc(size);
  bytes.writeIntBE(value, 0, size);
  return bytes;
};

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128);
  return Buffer.from([...bytes, rest]);
}

function length(value: number | undefined, type: string, flexible: boolean): Buffer {
  if (flexible) return varint((value ?? -1) + 1);
  return int(type === 'string' ? 2 : 4, value ?? -1);
}

function encodeOne(field: OfficialField, type: string, value: Value, context: Context): Buffer {
  if (field.fields) return encode(field.fields, value as Struct, context);
  switch (type) {
    case 'bool':
      return int(1, value ? 1 : 0);
    case 'int8':
      return int(1, value as number);
    case 'int16':
      return int(2, value as number);
    case 'uint16':
      return Buffer.from([(value as number) >> 8, (value as number) & 0xff]);
    case 'int32':
      return int(4, value as number);
    case 'int64': {
      const bytes = Buffer.alloc(8);
      bytes.writeBigInt64BE(BigInt(value as number));
      return bytes;
    }
    case 'float64': {
      const bytes = Buffer.alloc(8);
      bytes.writeDoubleBE(value as number);
      return bytes;
    }
    case 'uuid':
      return Buffer.from((value as string).replaceAll('-', ''), 'hex');
    default: {
      const bytes = type === 'string' ? Buffer.from(value as string) : (value as Buffer);
      return Buffer.concat([length(bytes.length, type, context.flexible), bytes]);
    }
  }
}

function encodeField(field: OfficialField, value: Value, context: Context): Buffer {
  const { type, fields } = field;
  const nullable = covers(field.nullableVersions, context.version);
  if (type.startsWith('[]')) {
    const count = length((value as Value[] | null)?.length, 'array', context.flexible);
    const elements = ((value as Value[] | null) ?? []).map((one) => encodeOne(field, type.slice(2), one, context));
    return Buffer.concat([count, ...elements]);
  }
  if (fields && nullable) {
    return value === null ? int(1, -1) : Buffer.concat([int(1, 1), encodeOne(field, type, value, context)]);
  }
  return value === null ? length(undefined, type, context.flexible) : encodeOne(field, type, value, context);
}

/** `extra`: a tagged field that nobody knows, at the end of every struct. */
export function encode(
  fields: readonly OfficialField[],
  value: Struct,
  context: Context & { extra?: boolean },
): Buffer {
  const present = fields.filter((field) => covers(field.versions, context.version));
  const plain = present.filter((field) => !covers(field.taggedVersions, context.version));
  const parts = plain.map((field) => encodeField(field, value[keyOf(field.name)], context));
  if (context.flexible) {
    const tags = present
      .filter((field) => covers(field.taggedVersions, context.version))
      .sort((a, b) => a.tag! - b.tag!)
      .map((field) => [field.tag!, encodeField(field, value[keyOf(field.name)], context)] as const);
    if (context.extra) tags.push([1_000, Buffer.from('unknown')]);
    parts.push(varint(tags.length));
    for (const [tag, bytes] of tags) parts.push(varint(tag), varint(bytes.length), bytes);
  }
  return Buffer.concat(parts);
}

// Reading.

export interface Cursor {
  bytes: Buffer;
  at: number;
}

function take(cursor: Cursor, size: number): Buffer {
  const bytes = cursor.bytes.subarray(cursor.at, cursor.at + size);
  if (bytes.length !== size) throw new Error('the message ends too early');
  cursor.at += size;
  return bytes;
}

function takeVarint(cursor: Cursor): number {
  for (let value = 0, scale = 1; ; scale *= 128) {
    const byte = take(cursor, 1)[0]!;
    value += (byte % 128) * scale;
    if (byte < 128) return value;
  }
}

function takeLength(cursor: Cursor, type: string, flexible: boolean): number {
  if (flexible) return takeVarint(cursor) - 1;
  return take(cursor, type === 'string' ? 2 : 4).readIntBE(0, type === 'string' ? 2 : 4);
}

function decodeOne(field: OfficialField, type: string, cursor: Cursor, context: Context): Value {
  if (field.fields) return decode(field.fields, cursor, context);
  switch (type) {
    case 'bool':
      return take(cursor, 1)[0] !== 0;
    case 'int8':
      return take(cursor, 1).readInt8();
    case 'int16':
      return take(cursor, 2).readInt16BE();
    case 'uint16':
      return take(cursor, 2).readUInt16BE();
    case 'int32':
      return take(cursor, 4).readInt32BE();
    case 'int64':
      return Number(take(cursor, 8).readBigInt64BE());
    case 'float64':
      return take(cursor, 8).readDoubleBE();
    case 'uuid':
      return take(cursor, 16)
        .toString('hex')
        .replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
    default: {
      const size = takeLength(cursor, type, context.flexible);
      if (size < 0) return null;
      const bytes = take(cursor, size);
      return type === 'string' ? bytes.toString() : bytes;
    }
  }
}

function decodeField(field: OfficialField, cursor: Cursor, context: Context): Value {
  const { type, fields } = field;
  if (type.startsWith('[]')) {
    const count = takeLength(cursor, 'array', context.flexible);
    if (count < 0) return null;
    return Array.from({ length: count }, () => decodeOne(field, type.slice(2), cursor, context));
  }
  if (fields && covers(field.nullableVersions, context.version) && take(cursor, 1).readInt8() < 0) return null;
  return decodeOne(field, type, cursor, context);
}

export function decode(fields: readonly OfficialField[], cursor: Cursor, context: Context): Struct {
  const value: Struct = {};
  for (const field of served(fields, context.versions)) {
    const present = covers(field.versions, context.version) && !covers(field.taggedVersions, context.version);
    value[keyOf(field.name)] = present ? decodeField(field, cursor, context) : defaultOf(field, context.versions);
  }
  if (context.flexible) {
    for (let left = takeVarint(cursor); left > 0; left--) {
      const tag = takeVarint(cursor);
      const inner = { bytes: take(cursor, takeVarint(cursor)), at: 0 };
      const field = fields.find((one) => one.tag === tag && covers(one.taggedVersions, context.version));
      if (field) value[keyOf(field.name)] = decodeField(field, inner, context);
    }
  }
  return value;
}

/** What differs between what is read and what is written: records are written as a list of batches. */
export function writable(fields: readonly OfficialField[], value: Struct): Struct {
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => {
      const field = fields.find(({ name }) => keyOf(name) === key)!;
      if (one === null) return [key, one];
      if (field.type === 'records') {
        const bytes = one as Buffer;
        const half = bytes.length >> 1;
        return [key, [bytes.subarray(0, half), bytes.subarray(half)]];
      }
      if (!field.fields) return [key, one];
      if (!field.type.startsWith('[]')) return [key, writable(field.fields, one as Struct)];
      return [key, (one as Struct[]).map((element) => writable(field.fields!, element))];
    }),
  );
}
