// By its own path: a bundle would hold every language otherwise.

import * as z from 'zod/mini';
import english from 'zod/v4/locales/en.js';
import { HttpProblem } from './errors.ts';

z.config(english());

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** V8 and Node 22 have it, TypeScript's library not yet: https://tc39.es/proposal-json-parse-with-source */
const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown };

/**
 * The value of a JSON text. Numbers that a double cannot hold are kept as they are written: `JSON.stringify` gives them back.
 * MALFORMED_JSON without quoting any of it; INVALID_BODY when it is nested deeper than `maxDepth`.
 */
export function parseJson(bytes: Uint8Array, maxDepth: number): unknown {
  const { depth, longNumbers } = survey(bytes);
  if (depth > maxDepth) throw new HttpProblem('INVALID_BODY', `The JSON is nested more than ${maxDepth} levels deep.`);
  try {
    const text = utf8.decode(bytes);
    return longNumbers
      ? JSON.parse(text, keepLongNumbers as (key: string, value: unknown) => unknown)
      : JSON.parse(text);
  } catch {
    throw new HttpProblem('MALFORMED_JSON', 'The body is not JSON in UTF-8.');
  }
}

function keepLongNumbers(_key: string, value: unknown, { source }: { source?: string }): unknown {
  return typeof value === 'number' && source !== undefined && !holds(value, source) ? rawJSON(source) : value;
}

/** Every number of up to 15 digits survives being a double, unless it is too large or too small for one. */
const SAFE_DIGITS = 15;

function holds(value: number, source: string): boolean {
  if (String(value) === source) return true;
  const digits = source.replace(/e.*/i, '').replaceAll(/\D/g, '').replace(/^0+/, '');
  return digits.length <= SAFE_DIGITS && Number.isFinite(value) && (value !== 0 || digits === '');
}

const [QUOTE, BACKSLASH, OPEN, CLOSE, OPEN_LIST, CLOSE_LIST, DOT] = [...'"\\{}[].'].map((one) => one.charCodeAt(0));
const [ZERO, NINE] = [48, 57];
/** Turns an E into an e. */
const LOWER = 0x20;
const EXPONENT = 101;
/** How deep it is nested, and whether it has numbers that a double may not hold: what JSON.parse does not say. */
function survey(bytes: Uint8Array): { depth: number; longNumbers: boolean } {
  let depth = 0;
  let deepest = 0;
  let digits = 0;
  let longNumbers = false;
  let quoted = false;
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!;
    if (quoted) {
      if (byte === BACKSLASH) i++;
      else if (byte === QUOTE) quoted = false;
    } else if (byte >= ZERO && byte <= NINE) {
      if (++digits > SAFE_DIGITS) longNumbers = true;
    } else if (byte !== DOT) {
      if (digits > 0 && (byte | LOWER) === EXPONENT) longNumbers = true;
      digits = 0;
      if (byte === QUOTE) quoted = true;
      else if (byte === OPEN || byte === OPEN_LIST) deepest = Math.max(deepest, ++depth);
      else if (byte === CLOSE || byte === CLOSE_LIST) depth--;
    }
  }
  return { depth: deepest, longNumbers };
}

/** The value as the schema has it. INVALID_BODY names the places and what is expected there, never what was given. */
export function check<T extends z.core.$ZodType>(schema: T, value: unknown): z.output<T> {
  const result = z.safeParse(schema, value);
  if (result.success) return result.data;
  const said = result.error.issues.slice(0, 3).map(({ path, message }) => {
    const at = path.map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`)).join('');
    return at === '' ? message : `${at.replace(/^\./, '').slice(0, 200)}: ${message.slice(0, 300)}`;
  });
  throw new HttpProblem('INVALID_BODY', `${said.join('; ')}.`);
}
