import type { NewRecord } from '../../client/client.ts';
import { VarveError } from '../../errors.ts';

/**
 * A record whose value is a line of JSON, to the letter; the line `null` is no value. The key is taken from the field at `path`:
 * text as it is, anything else as its JSON, null as no key.
 */
export function recordOfValue(text: string, json: unknown, path: readonly string[] | undefined): NewRecord {
  return {
    ...(path && { key: keyAt(json, path) }),
    ...(json === null ? { value: null } : { value_base64: Buffer.from(text).toString('base64') }),
  };
}

function keyAt(json: unknown, path: readonly string[]): string | null {
  let at = json;
  for (const field of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, field)) {
      throw new VarveError('INVALID_RECORD', `the value has no field ${path.join('.')} to take the key from`);
    }
    at = (at as Record<string, unknown>)[field];
  }
  if (at === null) return null;
  const key = typeof at === 'string' ? at : JSON.stringify(at);
  if (key.isWellFormed()) return key;
  throw new VarveError('INVALID_RECORD', `the field ${path.join('.')} is not text that UTF-8 can hold`);
}
