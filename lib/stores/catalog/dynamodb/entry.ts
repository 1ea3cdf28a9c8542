import { VarveError } from '../../../errors.ts';
import { type TimeId, timeOf } from '../../../ids.ts';
import type { Entry, NewEntry, ProducerBatch } from '../partitions.ts';

/**
 * An entry as bytes; it lies in the head and in pages, so each byte is paid for. About 31 B, 41 B with a producer:
 *
 *     version 1 | flags 1 | id 16 | CRC-32C 4 | position, length, count, |max timestamp - id's time| | producer id, epoch, sequence | bytes
 *
 * Numbers after the CRC are unsigned LEB128 varints up to 2^53 - 1; the producer's three are there by flag, the bytes when inline.
 */

const VERSION = 1;

const PLACE = 0b0000_0011;
const PRODUCER = 0b0000_0100;
/** The max timestamp lies before the id's time. */
const EARLIER = 0b0000_1000;
/** There is no max timestamp: it is -1. */
const TIMELESS = 0b0001_0000;
const KNOWN = PLACE | PRODUCER | EARLIER | TIMELESS;

const PLACES = ['segment', 'inline', 'chunk'] as const;

/** 1 + 1 + 16 + 4, and seven varints of at most eight bytes. */
const MOST = 22 + 7 * 8;

export function encodeEntry(entry: NewEntry, place: Entry['place']): Uint8Array {
  const { id, producer, maxTimestamp } = entry;
  const inline = place === 'inline' ? entry.bytes! : new Uint8Array(0);
  const out = Buffer.alloc(MOST + inline.length);
  const offset = maxTimestamp - timeOf(id);
  out[0] = VERSION;
  out[1] =
    PLACES.indexOf(place) | (producer ? PRODUCER : 0) | (maxTimestamp === -1 ? TIMELESS : offset < 0 ? EARLIER : 0);
  out.write(id, 2, 'hex');
  out.writeUInt32BE(entry.crc, 18);
  let at = 22;
  const write = (value: number) => {
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) out[at++] = (rest % 0x80) | 0x80;
    out[at++] = rest;
  };
  write(entry.position);
  write(entry.length);
  write(entry.count);
  if (maxTimestamp !== -1) write(Math.abs(offset));
  if (producer) {
    write(producer.id);
    write(producer.epoch);
    write(producer.sequence);
  }
  out.set(inline, at);
  return out.subarray(0, at + inline.length);
}

/** DATA_FORMAT_TOO_NEW for what a newer version wrote, KAFKA_STORAGE_ERROR for what is no entry. */
export function decodeEntry(wire: Uint8Array): Entry {
  const bytes = view(wire);
  const flags = bytes[1]!;
  const place = PLACES[flags & PLACE];
  if (bytes[0] !== VERSION || flags & ~KNOWN || !place) throw tooNew();
  const id = entryId(wire);
  let at = 22;
  const read = () => {
    let value = 0;
    for (let scale = 1; ; scale *= 0x80) {
      const byte = bytes[at++];
      if (byte === undefined) throw damaged();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  };
  const position = read();
  const length = read();
  const count = read();
  const maxTimestamp = flags & TIMELESS ? -1 : timeOf(id) + (flags & EARLIER ? -read() : read());
  const entry: Entry = { id, position, length, crc: bytes.readUInt32BE(18), count, maxTimestamp, place };
  if (flags & PRODUCER) entry.producer = { id: read(), epoch: read(), sequence: read() } satisfies ProducerBatch;
  if (place === 'inline') entry.bytes = wire.subarray(at);
  return entry;
}

export function entryId(wire: Uint8Array): TimeId {
  if (wire.length < 22) throw damaged();
  return view(wire).toString('hex', 2, 18);
}

function view(wire: Uint8Array): Buffer {
  return Buffer.from(wire.buffer, wire.byteOffset, wire.length);
}

function tooNew(): VarveError {
  return new VarveError(
    'DATA_FORMAT_TOO_NEW',
    'The table holds an entry of a newer version of Varve; upgrade this process.',
  );
}

function damaged(): VarveError {
  return new VarveError(
    'KAFKA_STORAGE_ERROR',
    'The table holds an entry that is cut short; restore the table to an earlier point.',
  );
}
