import type { NewRecord } from '../../client/client.ts';
import { VarveError } from '../../errors.ts';
import { parseExactly } from './json.ts';

/**
 * A record whose value is a line of JSON, to the letter; the line `null` is no value. The key is taken from the field at `path`:
 * text as it is, anything else as its JSON, null as no key.
 */
export function recordOfValue(text: string, path: readonly string[] | undefined): NewRecord {
  const json: unknown = JSON.parse(text);
  return {
    ...(path && { key: keyAt(json, text, path) }),
    ...(json === null ? { value: null } : { value_base64: Buffer.from(text).toString('base64') }),
  };
}

function keyAt(json: unknown, text: string, path: readonly string[]): string | null {
  const field = fieldAt(json, path);
  if (field === null) return null;
  // Most keys are text or small numbers; only others may hold numbers that are more than a double.
  const simple = typeof field === 'string' || Number.isSafeInteger(field);
  const key = typeof field === 'string' ? field : JSON.stringify(simple ? field : fieldAt(parseExactly(text), path));
  if (key.isWellFormed()) return key;
  throw new VarveError('INVALID_RECORD', `the field ${path.join('.')} is not text that UTF-8 can hold`);
}

function fieldAt(json: unknown, path: readonly string[]): unknown {
  let at = json;
  for (const field of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, field)) {
      throw new VarveError('INVALID_RECORD', `the value has no field ${path.join('.')} to take the key from`);
    }
    at = (at as Record<string, unknown>)[field];
  }
  return at;
}
