import { VarveError } from '../../errors.ts';
import { encodeBatch } from './batch.ts';
import type { LogRecord } from './record.ts';

/**
 * Control batches: one record that ends a producer's transaction in a partition. Clients skip it but count its offset.
 * Key: version int16, type int16. Value: version int16, coordinator epoch int32.
 */
export interface EndMarker {
  type: 'abort' | 'commit';
  coordinatorEpoch: number;
}

/** The place in this list is the type's number. Kafka's others (leader change, snapshots) stay inside its controllers. */
const TYPES = ['abort', 'commit'] as const;
const VERSION = 0;
const KEY_BYTES = 4;
const VALUE_BYTES = 6;

/** The batch that ends the open transaction of a producer; `timestamp` in milliseconds since the epoch. */
export function encodeEndMarker(
  marker: EndMarker,
  producer: { id: number; epoch: number },
  timestamp: number,
): Uint8Array {
  const key = Buffer.alloc(KEY_BYTES);
  key.writeInt16BE(VERSION, 0);
  key.writeInt16BE(TYPES.indexOf(marker.type), 2);
  const value = Buffer.alloc(VALUE_BYTES);
  value.writeInt16BE(VERSION, 0);
  value.writeInt32BE(marker.coordinatorEpoch, 2);
  return encodeBatch([{ key, value, headers: [], timestamp }], {
    control: true,
    transactional: true,
    producer: { ...producer, sequence: -1 },
  });
}

/**
 * What a control batch's record says; undefined for types that end no transaction. Later versions only add fields.
 * INVALID_RECORD when it is cut short.
 */
export function readEndMarker({ key, value }: LogRecord): EndMarker | undefined {
  if (key === null || key.length < KEY_BYTES) throw malformed();
  const type = TYPES[(key[2]! << 8) | key[3]!];
  if (type === undefined) return undefined;
  if (value === null || value.length < VALUE_BYTES) throw malformed();
  const coordinatorEpoch = (value[2]! << 24) | (value[3]! << 16) | (value[4]! << 8) | value[5]!;
  return { type, coordinatorEpoch };
}

function malformed(): VarveError {
  return new VarveError('INVALID_RECORD', 'A control record is cut short; the batch was not written by a coordinator.');
}
