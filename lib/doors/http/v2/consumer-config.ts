import * as z from 'zod/mini';
import type { InstanceOptions } from '../../../log/groups/instances.ts';
import { HttpProblem } from '../errors.ts';
import { check } from '../parse.ts';

const anything = z.optional(z.unknown());
const configSchema = z.strictObject({
  name: anything,
  id: anything,
  format: anything,
  'auto.offset.reset': anything,
  'auto.commit.enable': anything,
  'enable.auto.commit': anything,
  'fetch.min.bytes': anything,
  'consumer.request.timeout.ms': anything,
  'session.timeout.ms': anything,
});

const DEFAULT_WAIT_MS = 1_000;
const DEFAULT_SESSION_MS = 45_000;

/** The configuration of an instance, as the proxy has it: numbers and truths may be strings. INVALID_BODY, INVALID_CONSUMER_CONFIG. */
export function instanceOptions(body: unknown): InstanceOptions {
  const config = check(configSchema, body);
  const name = config.id ?? config.name;
  if (
    name !== undefined &&
    name !== null &&
    !(typeof name === 'string' && /^[a-zA-Z0-9][a-zA-Z0-9._-]{0,199}$/.test(name))
  ) {
    throw invalid('name', '1 to 200 letters, digits, ".", "_" or "-", the first a letter or digit');
  }
  return {
    ...(typeof name === 'string' && { name }),
    format: oneOf('format', config.format, ['binary', 'json'], 'binary'),
    autoOffsetReset: oneOf('auto.offset.reset', config['auto.offset.reset'], ['earliest', 'latest'], 'latest'),
    autoCommit:
      oneOf(
        'auto.commit.enable',
        config['auto.commit.enable'] ?? config['enable.auto.commit'],
        ['true', 'false'],
        'true',
      ) === 'true',
    minBytes: within('fetch.min.bytes', config['fetch.min.bytes'], -1, 10_000_000, -1),
    wait: within('consumer.request.timeout.ms', config['consumer.request.timeout.ms'], 0, 300_000, DEFAULT_WAIT_MS),
    session: within('session.timeout.ms', config['session.timeout.ms'], 1_000, 1_800_000, DEFAULT_SESSION_MS),
  };
}

function oneOf<T extends string>(name: string, given: unknown, allowed: readonly T[], fallback: T): T {
  if (given === undefined || given === null) return fallback;
  const found = allowed.find((one) => one === String(given).toLowerCase());
  if (found === undefined) throw invalid(name, allowed.join(' or '));
  return found;
}

function within(name: string, given: unknown, min: number, max: number, fallback: number): number {
  if (given === undefined || given === null) return fallback;
  const number = typeof given === 'number' || typeof given === 'string' ? Number(given) : Number.NaN;
  if (!Number.isInteger(number) || given === '' || number < min || number > max) {
    throw invalid(name, `a whole number from ${min} to ${max}`);
  }
  return number;
}

function invalid(name: string, expected: string): HttpProblem {
  return new HttpProblem('INVALID_CONSUMER_CONFIG', `Invalid consumer configuration: ${name} is ${expected}.`);
}
