import { decodeBatch, encodeBatch, splitBatches } from '../../../lib/format/records/batch.ts';

/** A batch of records with these values. */
export function batchOf(values: readonly string[], options: Parameters<typeof encodeBatch>[1] = {}): Uint8Array {
  const records = values.map((value) => ({
    key: null,
    value: Buffer.from(value),
    headers: [],
    timestamp: Date.now(),
  }));
  return encodeBatch(records, options);
}

/** `offset:value` of every record of a record set. */
export function valuesOf(set: Uint8Array | null): string[] {
  return [...splitBatches(set ?? new Uint8Array(0))].flatMap((batch) =>
    decodeBatch(batch).map(({ offset, value }) => `${offset}:${value === null ? null : Buffer.from(value).toString()}`),
  );
}
