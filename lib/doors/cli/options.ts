import { InvalidArgumentError, Option } from 'commander';
import type { From } from '../../client/client.ts';

/** A whole number, for commander. */
export function whole(min: number, max = Number.MAX_SAFE_INTEGER) {
  return (text: string): number => {
    const number = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
    if (number >= min && number <= max) return number;
    throw new InvalidArgumentError(
      max === Number.MAX_SAFE_INTEGER
        ? `It must be a whole number from ${min} on.`
        : `It must be a whole number from ${min} to ${max}.`,
    );
  };
}

/** Collects `name=value` of an option that may be repeated. */
export function pair(text: string, before: Record<string, string> = {}): Record<string, string> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('It must be like name=value.');
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}

/** Collects the values of an option that may be repeated. */
export function several(text: string, before: string[] = []): string[] {
  return [...before, text];
}

const TIME = 'a time: 2026-01-31T12:00:00Z or time:<ms>';
export const PLACES = `earliest, latest, an offset (with --partition), or ${TIME}`;
/** Those that are one for all partitions. */
export const COMMON_PLACES = `earliest, latest, or ${TIME}`;

/** A place in a partition, for commander. */
export function place(text: string): From {
  if (text === 'earliest' || text === 'latest') return text;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  const time = text.startsWith('time:') ? text.slice(5) : text;
  const timestamp = /^\d{1,15}$/.test(time) ? Number(time) : /^\d{4}-\d\d/.test(time) ? Date.parse(time) : Number.NaN;
  if (timestamp >= 0) return { timestamp };
  throw new InvalidArgumentError(`It must be ${PLACES}.`);
}

export const PARTITIONS = whole(0, 2 ** 31 - 1);

/** `--output` of commands that answer a table. */
export function outputOption(): Option {
  return new Option('--output <format>', 'table, or json: one object a line')
    .choices(['table', 'json'])
    .default('table');
}
