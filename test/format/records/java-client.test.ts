import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  BATCH_OVERHEAD,
  decodeBatch,
  encodeBatch,
  patchBaseOffset,
  readHeader,
  splitBatches,
  stampLogAppendTime,
} from '../../../lib/format/records/batch.ts';
import { decompress } from '../../../lib/format/records/compression.ts';
import { readEndMarker } from '../../../lib/format/records/control.ts';
import type { LogRecord } from '../../../lib/format/records/record.ts';
import { validateBatch } from '../../../lib/format/records/validate.ts';

/** Written and read by Kafka's Java client 4.3.1; see JavaClient.java beside it. */
const FIXTURE = new URL('fixtures/java-batches.jsonl', import.meta.url);

interface Recorded {
  name: string;
  bytes: string;
  records: {
    offset: number;
    timestamp: number;
    key: string | null;
    value: string | null;
    headers: { key: string; value: string | null }[];
  }[];
}

interface JavaBatch {
  bytes: Uint8Array;
  /** What the Java client reads from them. */
  records: LogRecord[];
}

const batches = new Map(
  readFileSync(FIXTURE, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Recorded)
    .map(({ name, bytes, records }) => [name, { bytes: fromBase64(bytes), records: records.map(toRecord) }]),
);

function java(name: string): JavaBatch {
  const batch = batches.get(name);
  if (batch === undefined) throw new Error(`No batch of that name was recorded: ${name}`);
  return batch;
}

function toRecord({ key, value, headers, ...rest }: Recorded['records'][number]): LogRecord {
  return {
    ...rest,
    key: fromBase64(key),
    value: fromBase64(value),
    headers: headers.map((header) => ({ key: header.key, value: fromBase64(header.value) })),
  };
}

function fromBase64(text: string): Uint8Array;
function fromBase64(text: string | null): Uint8Array | null;
function fromBase64(text: string | null): Uint8Array | null {
  return text === null ? null : Uint8Array.from(Buffer.from(text, 'base64'));
}

/** Encodes what was decoded, under the same header. */
function reencode(bytes: Uint8Array): Uint8Array {
  const header = readHeader(bytes);
  const again = encodeBatch(decodeBatch(bytes), {
    producer: { id: header.producerId, epoch: header.producerEpoch, sequence: header.baseSequence },
    transactional: header.transactional,
    control: header.control,
    timestampType: header.timestampType,
  });
  patchBaseOffset(again, header.baseOffset, header.partitionLeaderEpoch);
  return again;
}

const UNCOMPRESSED = [
  'plain',
  'one empty record',
  'nulls',
  'headers',
  'long fields',
  'base offset and leader epoch',
  'idempotent',
  'transactional',
  'commit marker',
  'abort marker',
  'no timestamp',
  'negative timestamps',
  'timestamps at the ends of safe integers',
  'timestamps from high to low',
  'repetitive',
];

describe.each(UNCOMPRESSED)('%s', (name) => {
  const { bytes, records } = java(name);

  test('is valid to its last record', () => {
    expect(validateBatch(bytes).header).toMatchObject({ length: bytes.length, recordCount: records.length });
  });

  test('decodes to the records that Java reads', () => {
    expect(decodeBatch(bytes)).toEqual(records);
  });

  test('encodes again to the same bytes', () => {
    expect(Buffer.from(reencode(bytes)).toString('hex')).toBe(Buffer.from(bytes).toString('hex'));
  });
});

describe.each([
  ['repetitive, gzip', 'gzip'],
  ['repetitive, gzip 9', 'gzip'],
  ['repetitive, snappy', 'snappy'],
  ['repetitive, lz4', 'lz4'],
  ['repetitive, zstd', 'zstd'],
  ['repetitive, zstd 22', 'zstd'],
  ['transactional, gzip', 'gzip'],
] as const)('%s', (name, compression) => {
  const { bytes, records } = java(name);

  test('is valid to its last record', () => {
    expect(validateBatch(bytes).header).toMatchObject({ compression, recordCount: records.length });
  });

  test('decodes to the records that Java reads', () => {
    expect(decodeBatch(bytes)).toEqual(records);
  });

  test('encodes again to the same bytes before compression', () => {
    const section = decompress(compression, bytes.subarray(BATCH_OVERHEAD), 1e6);

    expect(Buffer.from(reencode(bytes).subarray(BATCH_OVERHEAD)).equals(section)).toBe(true);
  });
});

test('a batch that we stamp with the time of append is the one that a Java broker stamps', () => {
  const stamped = stampLogAppendTime(java('plain').bytes, 1_700_000_060_000);

  expect(stamped).toEqual(java('plain, stamped by a broker').bytes);
  expect(stamped).toEqual(java('log append time').bytes);
  expect(decodeBatch(stamped)).toEqual(java('log append time').records);
  expect(readHeader(stamped)).toMatchObject({ timestampType: 'LogAppendTime', baseTimestamp: 1_700_000_000_000 });
});

test('a batch that Java compacted keeps its gaps, and no producer may send one like it', () => {
  const { bytes, records } = java('gaps after compaction');

  expect(decodeBatch(bytes)).toEqual(records);
  expect(records.map(({ offset }) => offset)).toEqual([102, 107]);
  expect(() => validateBatch(bytes)).toThrow(expect.objectContaining({ code: 'INVALID_RECORD' }));
});

test('a batch with a delete horizon decodes to its records', () => {
  const { bytes, records } = java('delete horizon');

  expect(readHeader(bytes)).toMatchObject({ deleteHorizon: true, baseTimestamp: 1_700_086_400_000 });
  expect(decodeBatch(bytes)).toEqual(records);
});

test.each([
  ['commit marker', { type: 'commit', coordinatorEpoch: 9 }],
  ['abort marker', { type: 'abort', coordinatorEpoch: 2_147_483_647 }],
  ['leader change', undefined],
])('%s: what the control record says', (name, marker) => {
  const { bytes } = java(name);

  expect(readHeader(bytes).control).toBe(true);
  expect(readEndMarker(decodeBatch(bytes)[0]!)).toEqual(marker);
});

test.each([
  'greatest timestamp of Java',
  'least timestamp of Java',
  "a record's timestamp beyond safe integers, its batch's within",
])('%s: refused, not rounded', (name) => {
  expect(() => decodeBatch(java(name).bytes)).toThrow(expect.objectContaining({ code: 'INVALID_TIMESTAMP' }));
});

test.each([...batches.keys()].filter((name) => name.startsWith('magic')))('%s is refused as too old', (name) => {
  const { bytes } = java(name);

  for (const read of [readHeader, validateBatch, decodeBatch, (set: Uint8Array) => [...splitBatches(set)]]) {
    expect(() => read(bytes)).toThrow(expect.objectContaining({ code: 'UNSUPPORTED_FOR_MESSAGE_FORMAT' }));
  }
});
