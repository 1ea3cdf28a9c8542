import * as z from 'zod/mini';
import type { NewRecord } from '../../client/client.ts';
import { VarveError } from '../../errors.ts';

z.config(z.locales.en());

const wellFormed = z.string().check(z.refine((text) => text.isWellFormed(), 'must be text that UTF-8 can hold'));
const oneOrMore = <T extends z.ZodMiniType>(value: T) => z.union([value, z.null(), z.array(z.nullable(value))]);
// Said before the library drops it, which it does without a word.
const nameable = z.custom<Record<string, unknown>>(
  (given) => !Object.hasOwn(Object(given), '__proto__'),
  'cannot have the name __proto__',
);
const byName = <T extends z.ZodMiniType>(value: T) => z.pipe(nameable, z.record(z.string(), value));

/** A record as the HTTP door takes it, and as `varve consume` prints it: checked here, where the line is known. */
const recordSchema = z
  .strictObject({
    key: z.optional(z.nullable(wellFormed)),
    key_base64: z.optional(z.base64()),
    value: z.optional(z.unknown()),
    value_base64: z.optional(z.base64()),
    headers: z.optional(byName(oneOrMore(wellFormed))),
    headers_base64: z.optional(byName(oneOrMore(z.base64()))),
    partition: z.optional(z.int().check(z.gte(0))),
    timestamp: z.optional(z.union([z.int().check(z.gte(0)), z.iso.datetime({ offset: true })])),
    offset: z.optional(z.int()),
  })
  .check(
    z.refine((one) => one.key_base64 === undefined || one.key === undefined, 'has both key and key_base64'),
    z.refine((one) => one.value_base64 === undefined || one.value === undefined, 'has both value and value_base64'),
  );

/** A whole record; the offset that it had where it was read is left out. INVALID_RECORD says what is wrong, never with which value. */
export function recordFrom(json: unknown): NewRecord {
  const { success, data, error } = z.safeParse(recordSchema, json);
  if (!success) {
    const { path, message } = error.issues[0]!;
    throw new VarveError('INVALID_RECORD', path.length === 0 ? message : `${path.map(String).join('.')}: ${message}`);
  }
  const { offset: _, ...record } = data;
  return record as NewRecord;
}
