/** V8 and Node 22 have it, TypeScript's library not yet: https://tc39.es/proposal-json-parse-with-source */
const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown };

/** A number of up to 15 digits survives being a double; of these, each has to be tried. */
const LONG_NUMBERS = /\d[\d.]{15,}(?:[eE][-+]?\d+)?/g;

/** Like JSON.parse, but a number that a double cannot hold stays as it is written: `JSON.stringify` gives it back. */
export function parseExactly(text: string): unknown {
  const survives = (number: string) => String(Number(number)) === number;
  if (text.match(LONG_NUMBERS)?.every(survives) ?? true) return JSON.parse(text);
  const keep = (_key: string, value: unknown, { source }: { source?: string }): unknown =>
    typeof value === 'number' && source !== undefined && !survives(source) ? rawJSON(source) : value;
  return JSON.parse(text, keep as (key: string, value: unknown) => unknown);
}
