import * as z from 'zod/mini';
import type { AppendRecord, Bytes } from '../../../log/event-log.ts';

const wellFormed = z.string().check(z.refine((text) => text.isWellFormed(), 'must be text that UTF-8 can hold'));
const time = z.union([z.int().check(z.gte(0)), z.iso.datetime({ offset: true })]);
const oneOrMore = <T extends z.ZodMiniType>(value: T) => z.union([value, z.null(), z.array(z.nullable(value))]);
// Said before the library drops it, which it does without a word.
const nameable = z.custom<Record<string, unknown>>(
  (given) => !Object.hasOwn(Object(given), '__proto__'),
  'cannot have the name __proto__',
);
const byName = <T extends z.ZodMiniType>(value: T) => z.pipe(nameable, z.record(z.string(), value));

/** A record as people write it. Whatever is read from a partition may be written back as it came, without its offset. */
export const recordSchema = z
  .strictObject({
    key: z.optional(z.nullable(wellFormed)),
    key_base64: z.optional(z.base64()),
    value: z.optional(z.unknown()),
    value_base64: z.optional(z.base64()),
    headers: z.optional(byName(oneOrMore(wellFormed))),
    headers_base64: z.optional(byName(oneOrMore(z.base64()))),
    partition: z.optional(z.int().check(z.gte(0))),
    timestamp: z.optional(time),
  })
  .check(
    z.refine((one) => one.key_base64 === undefined || one.key === undefined, 'has both key and key_base64'),
    z.refine((one) => one.value_base64 === undefined || one.value === undefined, 'has both value and value_base64'),
  );

type WrittenRecord = z.output<typeof recordSchema>;

/** The value is stored as its JSON text, the key as its UTF-8. Null, or nothing, is no value: a tombstone. */
export function toAppend(record: WrittenRecord, partition?: number): AppendRecord {
  const to = record.partition ?? partition;
  const { timestamp } = record;
  return {
    key: record.key_base64 === undefined ? record.key : Buffer.from(record.key_base64, 'base64'),
    value: valueBytes(record),
    headers: [
      ...headersOf(record.headers, (text) => text),
      ...headersOf(record.headers_base64, (text) => Buffer.from(text, 'base64')),
    ],
    ...(to !== undefined && { partition: to }),
    ...(timestamp !== undefined && { timestamp: typeof timestamp === 'number' ? timestamp : Date.parse(timestamp) }),
  } as AppendRecord;
}

function valueBytes({ value, value_base64 }: WrittenRecord): Bytes | null {
  if (value_base64 !== undefined) return Buffer.from(value_base64, 'base64');
  return value === undefined || value === null ? null : JSON.stringify(value);
}

function headersOf(headers: WrittenRecord['headers'], decode: (text: string) => Bytes) {
  return Object.entries(headers ?? {}).flatMap(([key, values]) =>
    [values].flat().map((value) => ({ key, value: value === null ? null : decode(value) })),
  );
}
