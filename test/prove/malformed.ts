import { constants, gzipSync, zstdCompressSync } from 'node:zlib';
import { type Api, codecOf } from '../../lib/doors/kafka/api.ts';
import { APIS } from '../../lib/doors/kafka/apis/apis.ts';
import {
  output,
  partsOf,
  writeInt16,
  writeInt32,
  writeString,
  writeUnsignedVarint,
} from '../../lib/doors/kafka/protocol/output.ts';
import type { Node } from '../../lib/doors/kafka/protocol/schema.ts';
import { encodeBatch } from '../../lib/format/records/batch.ts';
import { crc32c } from '../../lib/format/records/crc32c.ts';
import { seeded } from '../support/random.ts';

/** The topic that requests may write to and read; others that they name are not there, or theirs. */
export const TARGET = 'target';

/** Bytes of one connection: requests that are wrong in one way or another, with their lengths, some of which lie. */
export interface Malformations {
  next(): Buffer;
}

type Random = () => number;

const INT32 = [0, 1, -1, 2, 5, 100, 6_000, 2 ** 31 - 1, -(2 ** 31)];
const INT64 = [0, 1, -1, -2, -3, 1_000, 2 ** 53 - 1, -(2 ** 53 - 1)];
const NAMES = ['', '.', 'no-such', '../up', 'a b', 'é\u0000', '\ud83d\ude00', 'x'.repeat(249), 'x'.repeat(30_000)];
/** What these name may go: they do not name what requests may write to. */
const DESTRUCTIVE = ['DeleteTopics', 'DeleteRecords', 'CreatePartitions', 'AlterConfigs', 'IncrementalAlterConfigs'];
/** Requests whose elements may be a byte or three, in such a version, and how many bytes come before them. */
const CROWDED = [
  { name: 'DescribeGroups', version: 6, before: 0 },
  { name: 'Metadata', version: 9, before: 0 },
  { name: 'Fetch', version: 12, before: 25 },
  { name: 'DeleteGroups', version: 2, before: 0 },
  { name: 'FindCoordinator', version: 6, before: 1 },
] as const;
const MIB = 1024 * 1024;
const ZEROS = Buffer.alloc(100 * MIB);
/**
 * Codecs' numbers, and a few KB of zeros: more than a batch may hold, where the frame says so, where it lies and where it says nothing;
 * and as many as it may.
 */
const BOMBS = [
  [1, gzipOf(ZEROS)],
  [1, lying(gzipOf(ZEROS), 60 * MIB)],
  [1, gzipOf(ZEROS.subarray(0, 60 * MIB))],
  [4, zstdOf(ZEROS)],
  [4, zstdOf(ZEROS, { [constants.ZSTD_c_contentSizeFlag]: 0 })],
  [4, zstdOf(ZEROS.subarray(0, 60 * MIB))],
] as const;

function gzipOf(bytes: Buffer): Buffer {
  return gzipSync(bytes, { level: 1 });
}

function lying(frame: Buffer, size: number): Buffer {
  frame.writeUInt32LE(size, frame.length - 4);
  return frame;
}

function zstdOf(bytes: Buffer, params: Record<number, number> = {}): Buffer {
  return zstdCompressSync(bytes, { params: { [constants.ZSTD_c_compressionLevel]: 1, ...params } });
}

/** Batches as producers send them. They are made once: to compress one takes longer than all else that there is to a frame. */
const SOUND = Array.from({ length: 500 }, (_, i) => {
  const random = seeded(i);
  const records = Array.from({ length: 1 + Math.floor(random() * 3) }, () => ({
    key: null,
    value: bytesOf(random, Math.floor(random() * 30)),
    headers: [],
    timestamp: Date.now(),
  }));
  return Buffer.from(encodeBatch(records, { compression: (['none', 'gzip', 'zstd'] as const)[i % 3]! }));
});

function bytesOf(random: Random, size: number): Buffer {
  const bytes = Buffer.alloc(size);
  for (let i = 0; i < size; i++) bytes[i] = Math.floor(random() * 256);
  return bytes;
}

/** Repeats itself for the same numbers. */
export function createMalformations(random: Random): Malformations {
  const below = (n: number) => Math.floor(random() * n);
  const pick = <T>(list: readonly T[]): T => list[below(list.length)]!;
  const bytes = (size: number) => bytesOf(random, size);
  /** How many elements the next array has, when it is to have many. */
  let crowd: number | undefined;
  let isCrowded = false;
  function name(api: Api): string {
    if (isCrowded && api.name !== 'CreateTopics' && random() < 0.5) return `n${below(1_000_000)}`;
    if (random() < 0.5 && !DESTRUCTIVE.includes(api.name)) return TARGET;
    return random() < 0.5 ? `t${below(20)}` : pick(NAMES);
  }

  /** A batch as a producer sends it; or one that is not what it says, with a CRC that is right all the same. */
  function batch(): Uint8Array {
    let made: Buffer = Buffer.from(pick(SOUND));
    const kind = random();
    if (kind < 0.3) return made;
    if (kind < 0.32) {
      const [attributes, body] = pick(BOMBS);
      made = Buffer.concat([made.subarray(0, 61), body]);
      made.writeInt32BE(made.length - 12, 8);
      made.writeInt16BE(attributes, 21);
    } else if (kind < 0.5) {
      // Record count, last offset delta, attributes, times.
      made.writeInt32BE(pick(INT32), pick([57, 23, 21, 27, 35]));
    } else {
      for (let flips = 1 + below(4); flips > 0; flips--) made[12 + below(made.length - 12)]! ^= 1 << below(8);
    }
    if (random() < 0.8) made.writeUInt32BE(crc32c(made.subarray(21)), 17);
    return made;
  }

  function value(node: Node, api: Api): unknown {
    switch (node.kind) {
      case 'struct':
        return Object.fromEntries(Object.entries(node.fields).map(([key, field]) => [key, value(field, api)]));
      case 'versioned':
        return node.tag === undefined || random() < 0.3 ? value(node.of, api) : undefined;
      case 'nullable':
        return node.of.kind !== 'primitive' || random() < 0.8 ? value(node.of, api) : null;
      case 'array':
        return Array.from({ length: lengthOf() }, () => value(node.of, api));
      default:
        return primitive(node.name, api);
    }
  }

  function lengthOf(): number {
    const length = crowd ?? (random() < 0.01 ? 300 : below(3));
    crowd = undefined;
    return length;
  }

  function primitive(type: string, api: Api): unknown {
    switch (type) {
      case 'bool':
        return random() < 0.5;
      case 'int8':
        return pick([0, 1, 2, -1, 127, -128]);
      case 'int16':
        return pick([0, 1, -1, 32_767, -32_768]);
      case 'int32':
        return pick(INT32);
      case 'int64':
        return pick(INT64);
      case 'float64':
        return pick([0, 1.5, -1, Number.NaN, Number.POSITIVE_INFINITY]);
      case 'uuid':
        return '01234567-89ab-cdef-0123-456789abcdef';
      case 'string':
        return name(api);
      case 'records':
        return random() < 0.9 ? [batch()] : [batch(), batch()];
      default:
        return bytes(below(40));
    }
  }

  /** A request as it should be, without its length. */
  function request(): { frame: Buffer; api: Api; version: number } {
    const api = random() < 0.15 ? APIS[0]! : pick(APIS);
    const [first, last] = api.versions;
    const version = first + below(last - first + 1);
    const out = output();
    writeInt16(out, api.key);
    writeInt16(out, version);
    writeInt32(out, below(2 ** 31));
    writeInt16(out, 4);
    writeString(out, 'test', 4);
    if (version >= api.flexible) writeUnsignedVarint(out, 0);
    const { request } = codecOf(api, version);
    try {
      request.write(out, value(api.request, api));
    } catch {
      // A null where this version has none.
    }
    return { frame: Buffer.concat(partsOf(out)), api, version };
  }

  function framed(frame: Buffer, length = frame.length): Buffer {
    const prefix = Buffer.alloc(4);
    prefix.writeInt32BE(length);
    return Buffer.concat([prefix, frame]);
  }

  const overwritten = (frame: Buffer, at: number, by: Buffer) => {
    const damaged = Buffer.from(frame);
    by.copy(damaged, at);
    return damaged;
  };
  const inserted = (frame: Buffer, at: number, what: Buffer) =>
    Buffer.concat([frame.subarray(0, at), what, frame.subarray(at)]);

  const WAYS: readonly (() => Buffer)[] = [
    () => framed(request().frame),
    () => framed(bytes(below(200))),
    () => {
      const damaged = Buffer.from(request().frame);
      for (let flips = 1 + below(8); flips > 0; flips--) damaged[below(damaged.length)]! ^= 1 << below(8);
      return framed(damaged);
    },
    () => {
      const { frame } = request();
      return framed(frame.subarray(0, below(frame.length)));
    },
    // What follows is read as the rest of it.
    () => {
      const { frame } = request();
      return framed(frame.subarray(0, below(frame.length)), frame.length);
    },
    () => {
      const { frame } = request();
      return framed(frame, pick([2 ** 31 - 1, -1, -(2 ** 31), 0, frame.length + 1, frame.length - 1, 104_857_601]));
    },
    () => {
      const { frame } = request();
      const lie = Buffer.alloc(4);
      lie.writeInt32BE(pick([2 ** 31 - 1, -(2 ** 31), -1, -2, 0xffffff, 65_536]));
      return framed(overwritten(frame, 8 + below(frame.length - 8), lie));
    },
    () => {
      const { frame } = request();
      const varint = Buffer.from(pick(['ffffffffff', 'ffffffffffff', 'ffffffff0f', 'ffffff7f', '8080808000']), 'hex');
      return framed(inserted(frame, 8 + below(frame.length - 7), varint));
    },
    () => {
      const damaged = Buffer.from(request().frame);
      if (random() < 0.5) damaged.writeInt16BE(pick([-1, 99, 32_767, 7, 4, 1000]), 0);
      else damaged.writeInt16BE(pick([-1, 13, 14, 15, 99, 32_767, -32_768]), 2);
      return framed(damaged);
    },
    // Tagged fields in a header that has none, or none in one that has them; a header of version 0, without a client.
    () => {
      const { frame, api, version } = request();
      const body = frame.subarray(version >= api.flexible ? 15 : 14);
      const [kept, tags] = pick([
        [14, ''],
        [14, '0000'],
        [8, ''],
        [14, '01ffffffff0f04'],
      ] as const);
      return framed(Buffer.concat([frame.subarray(0, kept), Buffer.from(tags, 'hex'), body]));
    },
    // Tagged fields without end, of which nobody knows any.
    () => {
      const out = output();
      const count = random() < 0.02 ? 100_000 : below(200);
      writeUnsignedVarint(out, count);
      for (let tag = 0; tag < count; tag++) {
        writeUnsignedVarint(out, tag);
        writeUnsignedVarint(out, 0);
      }
      const { frame } = request();
      return framed(Buffer.concat([frame.subarray(0, 14), ...partsOf(out), frame.subarray(14)]));
    },
    () => framed(Buffer.concat([request().frame, bytes(1 + below(20))])),
  ];

  /** Arrays that are as long as they say, and of which each byte is an element. */
  function crowdOfBytes(): Buffer {
    const { name, version, before } = pick(CROWDED);
    const api = APIS.find((one) => one.name === name)!;
    const head = Buffer.from(request().frame.subarray(0, 14));
    head.writeInt16BE(api.key, 0);
    head.writeInt16BE(version, 2);
    const out = output();
    const count = pick([10_000, 45_000, 900_000]);
    writeUnsignedVarint(out, 0);
    for (let i = 0; i < before; i++) writeUnsignedVarint(out, 0);
    writeUnsignedVarint(out, count + 1);
    return framed(Buffer.concat([head, ...partsOf(out), Buffer.alloc(count * 3, 1)]));
  }

  /** A request as it should be, of any API, with a long array. */
  function crowdOfParts(): Buffer {
    crowd = pick([2_000, 10_001, 20_000]);
    isCrowded = true;
    const { frame } = request();
    crowd = undefined;
    isCrowded = false;
    return framed(frame);
  }

  const next = () => {
    const kind = random();
    if (kind < 0.0002) return crowdOfBytes();
    return kind < 0.0004 ? crowdOfParts() : pick(WAYS)();
  };
  return { next };
}
