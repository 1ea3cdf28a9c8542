import type { Entry, NewEntry, Run } from '../partitions.ts';
import type { Database } from './database.ts';

/** Layer of what was appended; an index generation is a layer above it. */
export const APPENDED = 0;

/** A row of `entries`. */
export interface EntryRow {
  base: number;
  count: number;
  id: Uint8Array;
  position: number;
  length: number;
  crc: number;
  max_timestamp: number;
  running_max: number;
  place: number;
  producer: number | null;
  epoch: number | null;
  sequence: number | null;
  bytes: Uint8Array | null;
  running_bytes: number;
}

/** Of a layer, up to and with an entry: the largest max timestamp, the sum of the lengths. */
export interface Running {
  max: number;
  bytes: number;
}

const PLACES = ['segment', 'inline', 'chunk'] as const;
/** Larger bytes are chunks, so that heads and runs of entries stay small. */
const INLINE_LIMIT = 300;

export function idBytes(id: string): Uint8Array {
  return Buffer.from(id, 'hex');
}

/** As it will be stored. */
export function toEntry({ bytes, ...facts }: NewEntry): Entry {
  if (!bytes) return { ...facts, place: 'segment' };
  return bytes.length <= INLINE_LIMIT ? { ...facts, place: 'inline', bytes } : { ...facts, place: 'chunk' };
}

function fromRow(row: EntryRow): Entry {
  return {
    id: Buffer.from(row.id.buffer, row.id.byteOffset, row.id.length).toString('hex'),
    position: row.position,
    length: row.length,
    crc: row.crc,
    count: row.count,
    maxTimestamp: row.max_timestamp,
    place: PLACES[row.place] ?? 'segment',
    ...(row.producer !== null && {
      producer: { id: row.producer, epoch: row.epoch ?? 0, sequence: row.sequence ?? 0 },
    }),
    ...(row.bytes !== null && { bytes: row.bytes }),
  };
}

/** Rows of one layer, neighbours in the order of their offsets. */
export function toRun(rows: readonly EntryRow[], base: number, generation?: string): Run {
  const [first] = rows;
  const run = { base: first?.base ?? base, entries: rows.map(fromRow) };
  if (generation !== undefined) return { ...run, level: 1, generation };
  return { ...run, level: 0, ...(first && { before: first.running_bytes - first.length }) };
}

export function insertEntry(
  db: Database,
  partition: number,
  layer: number,
  base: number,
  running: Running,
  entry: Entry,
): void {
  db.run(
    `INSERT INTO entries (partition, layer, base, count, id, position, length, crc, max_timestamp, running_max, place,
       producer, epoch, sequence, bytes, running_bytes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    partition,
    layer,
    base,
    entry.count,
    idBytes(entry.id),
    entry.position,
    entry.length,
    entry.crc,
    entry.maxTimestamp,
    running.max,
    PLACES.indexOf(entry.place),
    entry.producer?.id ?? null,
    entry.producer?.epoch ?? null,
    entry.producer?.sequence ?? null,
    entry.bytes ?? null,
    running.bytes,
  );
}
