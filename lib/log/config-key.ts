import { VarveError } from '../errors.ts';
import type { ConfigEntry, ConfigSynonym } from './topics.ts';

/** What a value must be beyond its type. Bounds are inclusive; `or` is one number outside of them that is allowed too. */
export interface ConfigRule {
  min?: number;
  max?: number;
  or?: number;
  /** The words allowed; of a list, its elements. */
  oneOf?: readonly string[];
  /** A whole list's form, with the sentence that explains it. */
  form?: { pattern: RegExp; sentence: string };
}

/** A configuration key that Kafka has. Types, defaults and rules are those of Apache Kafka 4.3.1 (`LogConfig`, `KafkaConfig`). */
export interface ConfigKey {
  name: string;
  type: ConfigEntry['type'];
  default: string;
  rule: ConfigRule;
  /** False: accepted and shown, and nothing acts on it yet. */
  enforced: boolean;
}

const WHOLE = {
  int: { min: -(2n ** 31n), max: 2n ** 31n - 1n },
  long: { min: -(2n ** 63n), max: 2n ** 63n - 1n },
};

/**
 * The value as it is stored: without blanks around it, numbers and booleans in one spelling. INVALID_CONFIG names the key
 * (`as`, when the caller knows it by another name) and says what is allowed.
 */
export function checkedValue(key: ConfigKey, value: string, as = key.name): string {
  const trimmed = value.trim();
  const checked = CHECKS[key.type](trimmed, key.rule);
  if (checked !== undefined) return checked;
  const shown = trimmed.length > 80 ? `${trimmed.slice(0, 80)}...` : trimmed;
  throw new VarveError('INVALID_CONFIG', `Invalid value "${shown}" for ${as}: it must be ${allowed(key)}.`);
}

/** `synonyms`: the first is the one that holds; none: nobody but Kafka says anything. */
export function entryOf(key: ConfigKey, value: string, synonyms: readonly ConfigSynonym[]): ConfigEntry {
  const { name, type, enforced } = key;
  return { name, value, isDefault: synonyms[0]?.source !== 'own', synonyms, enforced, type };
}

/** Those of `names` that `values` has, in their order. */
export function synonymsIn(
  values: Readonly<Record<string, string>>,
  names: readonly string[],
  source: ConfigSynonym['source'],
): ConfigSynonym[] {
  return names.flatMap((name) => (values[name] === undefined ? [] : [{ name, value: values[name], source }]));
}

const CHECKS: Record<ConfigKey['type'], (value: string, rule: ConfigRule) => string | undefined> = {
  string: (value, { oneOf }) => (oneOf && !oneOf.includes(value) ? undefined : value),
  boolean: (value) => (/^(true|false)$/i.test(value) ? value.toLowerCase() : undefined),
  int: (value, rule) => wholeNumber(value, rule, WHOLE.int),
  long: (value, rule) => wholeNumber(value, rule, WHOLE.long),
  double(value, { min = -Infinity, max = Infinity }) {
    const number = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(value) ? Number(value) : Number.NaN;
    return number >= min && number <= max ? String(number) : undefined;
  },
  list(value, { oneOf, form }) {
    if (value === '') return value;
    const elements = value.split(',').map((element) => element.trim());
    if (oneOf && !elements.every((element) => oneOf.includes(element))) return undefined;
    const list = elements.join(',');
    return form && !form.pattern.test(list) ? undefined : list;
  },
};

function wholeNumber(value: string, { min, max, or }: ConfigRule, type: { min: bigint; max: bigint }) {
  if (!/^[+-]?\d{1,40}$/.test(value)) return undefined;
  const number = BigInt(value.replace(/^\+/, ''));
  if (or !== undefined && number === BigInt(or)) return String(number);
  const least = min === undefined ? type.min : BigInt(min);
  const most = max === undefined ? type.max : BigInt(max);
  return number >= least && number <= most ? String(number) : undefined;
}

function allowed({ type, rule }: ConfigKey): string {
  const { min, max, or, oneOf, form } = rule;
  if (form) return form.sentence;
  if (oneOf) return type === 'list' ? `a list of ${oneOf.join(', ')}` : `one of ${oneOf.join(', ')}`;
  if (type === 'boolean') return 'true or false';
  if (type === 'string' || type === 'list') return `a ${type}`;
  if (type === 'double') return `a number from ${min} to ${max}`;
  const range = `a whole number from ${min ?? WHOLE[type].min} to ${max ?? WHOLE[type].max}`;
  return or === undefined ? range : `${range}, or ${or}`;
}
