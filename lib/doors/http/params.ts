import type { Context } from 'hono';
import type { EventLog, From } from '../../log/event-log.ts';
import { noSuchResource } from './answers.ts';
import { HttpProblem } from './errors.ts';

const MAX_INT32 = 2 ** 31 - 1;

/** A whole number from the query; `fallback` when it is absent. INVALID_PARAMETER names it and its range. */
export function wholeNumber(c: Context, name: string, range: { min?: number; max: number; fallback: number }): number {
  const given = c.req.query(name);
  if (given === undefined) return range.fallback;
  return parseWhole(given, name, range);
}

export function parseWhole(text: string, name: string, { min = 0, max }: { min?: number; max: number }): number {
  const number = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= min && number <= max) return number;
  throw new HttpProblem('INVALID_PARAMETER', `${name} must be a whole number from ${min} to ${max}.`);
}

/** The partition in the path. NO_SUCH_RESOURCE when it is no number: the proxy has no such address then. */
export function partitionOf(c: Context): number {
  const text = c.req.param('partition') ?? '';
  const number = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (number <= MAX_INT32) return number;
  throw noSuchResource('There is nothing at this address: a partition is a number.');
}

/** `earliest`, `latest`, an offset, or `time:` with milliseconds since the epoch or an ISO 8601 time. */
export function parseFrom(text: string): From {
  if (text === 'earliest' || text === 'latest') return text;
  if (text.startsWith('time:')) return { timestamp: parseTime(text.slice(5), 'from') };
  if (/^\d{1,16}$/.test(text) && Number.isSafeInteger(Number(text))) return Number(text);
  throw new HttpProblem('INVALID_PARAMETER', 'from must be earliest, latest, an offset, or time: and a time.');
}

/** Milliseconds since the epoch, of such a number or an ISO 8601 time. */
export function parseTime(text: string, name: string): number {
  const time = /^\d{1,16}$/.test(text) ? Number(text) : /^\d{4}-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isSafeInteger(time) && time >= 0) return time;
  throw new HttpProblem('INVALID_PARAMETER', `${name} must be milliseconds since the epoch or an ISO 8601 time.`);
}

/** The offset that `from` means now. */
export async function resolveFrom(log: EventLog, topic: string, partition: number, from: From): Promise<number> {
  if (typeof from === 'number') return from;
  if (typeof from === 'string') return (await log.offsets(topic, partition))[from];
  const found = await log.offsetAt(topic, partition, from.timestamp);
  return found?.offset ?? (await log.offsets(topic, partition)).latest;
}
