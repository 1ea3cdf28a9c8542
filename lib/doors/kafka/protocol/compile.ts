import {
  type Input,
  malformed,
  readBool,
  readBytes,
  readCompactLength,
  readElements,
  readFloat64,
  readInt8,
  readInt16,
  readInt32,
  readInt64,
  readString,
  readUint16,
  readUnsignedVarint,
  readUuid,
  readWithin,
  skip,
} from './input.ts';
import {
  type Output,
  writeBool,
  writeBytes,
  writeCompactLength,
  writeFloat64,
  writeInt8,
  writeInt16,
  writeInt32,
  writeInt64,
  writeNarrowLength,
  writeRecords,
  writeSized,
  writeString,
  writeUint16,
  writeUnsignedVarint,
  writeUuid,
} from './output.ts';
import type { Node, PrimitiveName, Schema } from './schema.ts';

/** Reads and writes one message in one version. */
export interface Codec<R = unknown, W = unknown> {
  /** INVALID_REQUEST when the bytes are not such a message. */
  read(input: Input): R;
  write(out: Output, value: W): void;
}

interface At {
  version: number;
  /** Compact lengths, and tagged fields at the end of each struct (KIP-482). */
  flexible: boolean;
}

/** Specialises a schema: what depends on the version is decided here, once. `flexible`: the first flexible version. */
export function compile<R, W>(schema: Schema<R, W>, version: number, flexible: number): Codec<R, W> {
  return build(schema, { version, flexible: version >= flexible }) as Codec<R, W>;
}

// Types were checked where the schema was written; within a codec values are what the schema says.
type Some = never;

function build(node: Node, at: At): Codec {
  switch (node.kind) {
    case 'struct':
      return structCodec(node.fields, at);
    case 'versioned':
      return build(node.of, at);
    case 'nullable':
      if (at.version < node.since) return build(node.of, at);
      return node.of.kind === 'struct' ? nullableStruct(build(node.of, at)) : lengthy(node.of, at);
    case 'array':
      return neverNull(lengthy(node, at));
    default:
      return node.name in FIXED ? FIXED[node.name as keyof typeof FIXED] : neverNull(lengthy(node, at));
  }
}

const FIXED: Readonly<Record<Exclude<PrimitiveName, 'string' | 'bytes' | 'records'>, Codec>> = {
  bool: { read: readBool, write: writeBool as Codec['write'] },
  int8: { read: readInt8, write: writeInt8 as Codec['write'] },
  int16: { read: readInt16, write: writeInt16 as Codec['write'] },
  uint16: { read: readUint16, write: writeUint16 as Codec['write'] },
  int32: { read: readInt32, write: writeInt32 as Codec['write'] },
  int64: { read: readInt64, write: writeInt64 as Codec['write'] },
  float64: { read: readFloat64, write: writeFloat64 as Codec['write'] },
  uuid: { read: readUuid, write: writeUuid as Codec['write'] },
};

/** What begins with its length, which says null too. */
function lengthy(node: Node, { version, flexible }: At): Codec {
  if (node.kind === 'array') {
    const element = build(node.of, { version, flexible });
    const [readLength, writeLength] = flexible ? COMPACT : WIDE;
    return {
      read(input) {
        const count = readLength(input);
        return count < 0 ? null : readElements(input, count, element.read);
      },
      write(out, value) {
        const elements = value as readonly unknown[] | null;
        writeLength(out, elements === null ? -1 : elements.length);
        if (elements !== null) for (const one of elements) element.write(out, one);
      },
    };
  }
  const name = node.kind === 'primitive' ? node.name : undefined;
  const [readLength, writeLength] = flexible ? COMPACT : name === 'string' ? NARROW : WIDE;
  const { read, size, write } = BODIES[name as keyof typeof BODIES];
  return {
    read(input) {
      const length = readLength(input);
      return length < 0 ? null : read(input, length);
    },
    write(out, value) {
      if (value === null) return writeLength(out, -1);
      const length = size(value as Some);
      writeLength(out, length);
      write(out, value as Some, length);
    },
  };
}

const COMPACT = [readCompactLength, writeCompactLength] as const;
const NARROW = [readInt16, writeNarrowLength] as const;
const WIDE = [readInt32, writeInt32] as const;

const BODIES = {
  string: { read: readString, size: (value: string) => Buffer.byteLength(value), write: writeString },
  bytes: { read: readBytes, size: (value: Uint8Array) => value.length, write: writeBytes },
  records: {
    read: readBytes,
    size: (batches: readonly Uint8Array[]) => batches.reduce((sum, batch) => sum + batch.length, 0),
    write: writeRecords,
  },
} as const;

function neverNull({ read, write }: Codec): Codec {
  return {
    read(input) {
      const value = read(input);
      if (value === null) throw malformed('null where a value must be');
      return value;
    },
    write,
  };
}

function nullableStruct({ read, write }: Codec): Codec {
  return {
    read: (input) => (readInt8(input) < 0 ? null : read(input)),
    write(out, value) {
      writeInt8(out, value === null ? -1 : 1);
      if (value !== null) write(out, value);
    },
  };
}

interface Field extends Codec {
  name: string;
  fallback: unknown;
}

function structCodec(fields: Readonly<Record<string, Node>>, at: At): Codec {
  /** In the order of the wire; a field that the version lacks, or a tagged one, begins as its fallback. */
  const plain: Field[] = [];
  const fallbacks: Record<string, unknown> = {};
  const tags = new Map<number, Field>();
  for (const [name, node] of Object.entries(fields)) {
    const versioned = node.kind === 'versioned' ? node : undefined;
    const fallback = versioned?.fallback;
    const lacks = versioned && (at.version < versioned.since || at.version > versioned.until);
    if (lacks || versioned?.tag !== undefined) fallbacks[name] = fallback;
    if (lacks) continue;
    const field = { name, fallback, ...build(node, at) };
    if (versioned?.tag === undefined) plain.push(field);
    else tags.set(versioned.tag, field);
  }
  const { flexible } = at;
  return {
    read(input) {
      const value: Record<string, unknown> = { ...fallbacks };
      for (const field of plain) value[field.name] = field.read(input);
      if (flexible) readTags(input, tags, value);
      return value;
    },
    write(out, given) {
      const value = given as Readonly<Record<string, unknown>>;
      for (const { name, fallback, write } of plain) {
        const one = value[name];
        write(out, one === undefined ? fallback : one);
      }
      if (flexible) writeTags(out, tags, value);
    },
  };
}

function readTags(input: Input, tags: ReadonlyMap<number, Field>, value: Record<string, unknown>): void {
  let previous = -1;
  for (let left = readUnsignedVarint(input); left > 0; left--) {
    const tag = readUnsignedVarint(input);
    if (tag <= previous) throw malformed('its tagged fields are not in order');
    previous = tag;
    const size = readUnsignedVarint(input);
    const field = tags.get(tag);
    if (field) value[field.name] = readWithin(input, size, field.read);
    else skip(input, size);
  }
}

function writeTags(out: Output, tags: ReadonlyMap<number, Field>, value: Readonly<Record<string, unknown>>): void {
  const given = [...tags].filter(([, { name }]) => value[name] !== undefined);
  writeUnsignedVarint(out, given.length);
  for (const [tag, { name, write }] of given) {
    writeUnsignedVarint(out, tag);
    writeSized(out, (inner) => write(inner, value[name]));
  }
}
