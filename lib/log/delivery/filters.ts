import { VarveError } from '../../errors.ts';
import type { LogRecord } from '../../format/records/record.ts';

/**
 * Lambda's event filtering for Kafka sources: patterns over a record's metadata, its key and its value.
 * https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html, and for arrays and `$or` EventBridge's content filtering.
 */

/** A pattern as text, as Lambda has it. */
const MAX_LENGTH = 4_096;
/** As many as Lambda allows at most. */
const MAX_FILTERS = 10;
/** Arrays within arrays are looked through so deep: what is deeper matches nothing. */
const MAX_NESTING = 32;

const METADATA = ['topic', 'partition', 'offset', 'timestamp', 'timestampType'] as const;
const DATA = ['key', 'value'] as const;

/** Whether one value, which is no object and no array, is as a rule wants it. */
type Rule = (value: unknown) => boolean;
/** Whether what is found at one place of a record is as a pattern wants it; nothing where the place is not there. */
type Pattern = (found: readonly unknown[]) => boolean;
type Place = Pick<LogRecord, 'offset' | 'timestamp' | 'key' | 'value'> & { topic: string; partition: number };
type Filter = (record: Place) => boolean;

/** Whether a record is to be delivered: when any of the patterns matches it. INVALID_REQUEST, and what to give, for what is no pattern. */
export function compileFilters(patterns: readonly string[]): Filter {
  if (patterns.length === 0 || patterns.length > MAX_FILTERS) {
    throw invalid(`${patterns.length} of them: give 1 to ${MAX_FILTERS}, or leave them out`);
  }
  const filters = patterns.map((pattern) => {
    if (pattern.length > MAX_LENGTH) throw invalid(`a pattern has at most ${MAX_LENGTH} characters`);
    return filterOf(fieldsIn(parsed(pattern), 'the pattern'));
  });
  return (record) => filters.some((filter) => filter(record));
}

/** What a whole record must be. */
function filterOf(fields: Record<string, unknown>): Filter {
  const all = Object.entries(fields).map(([name, wanted]): Filter => {
    if (name === '$or') {
      const any = alternatives(wanted).map(filterOf);
      return (record) => any.some((filter) => filter(record));
    }
    if (isOneOf(METADATA, name)) {
      if (!Array.isArray(wanted)) throw invalid(`${name}: give an array of rules`);
      const pattern = leafOf(wanted, name);
      return (record) => pattern([name === 'timestampType' ? 'CREATE_TIME' : record[name]]);
    }
    if (!isOneOf(DATA, name)) {
      throw invalid(`${JSON.stringify(name)}: a record has ${[...METADATA, ...DATA].join(', ')}`);
    }
    if (Array.isArray(wanted)) {
      const pattern = leafOf(wanted, name);
      return (record) => {
        const bytes = record[name];
        if (!bytes) return pattern([]);
        const text = textOf(bytes);
        return text !== undefined && jsonIn(text) === undefined && pattern([text]);
      };
    }
    const pattern = nodeOf(fieldsIn(wanted, name), name);
    return (record) => {
      const json = jsonIn(textOf(record[name]));
      return json !== undefined && pattern([json]);
    };
  });
  return (record) => all.every((filter) => filter(record));
}

function patternOf(wanted: unknown, at: string): Pattern {
  return Array.isArray(wanted) ? leafOf(wanted, at) : nodeOf(fieldsIn(wanted, at), at);
}

/** All of the fields must match, of one and the same object where an array has several. */
function nodeOf(fields: Record<string, unknown>, at: string): Pattern {
  const all = Object.entries(fields).map(([name, wanted]): Pattern => {
    if (name === '$or') {
      const any = alternatives(wanted).map((one) => nodeOf(one, at));
      return (found) => any.some((pattern) => pattern(found));
    }
    const pattern = patternOf(wanted, `${at}.${name}`);
    return ([of]) => pattern(isObject(of) && Object.hasOwn(of, name) ? [of[name]] : []);
  });
  return (found) => {
    const objects = found.flat(MAX_NESTING).filter(isObject);
    const each = objects.length === 0 ? [undefined] : objects;
    return each.some((one) => all.every((pattern) => pattern([one])));
  };
}

/** Any of the rules must match, of an array any of its values. */
function leafOf(rules: readonly unknown[], at: string): Pattern {
  if (rules.length === 0) throw invalid(`${at}: give at least one rule`);
  const absent = rules.some((rule) => isObject(rule) && rule.exists === false);
  const any = rules.map((rule) => ruleOf(rule, at));
  return (found) => {
    const values = found.flat(MAX_NESTING).filter((value) => typeof value !== 'object' || value === null);
    return values.length === 0 ? absent : values.some((value) => any.some((rule) => rule(value)));
  };
}

function ruleOf(rule: unknown, at: string): Rule {
  if (!isObject(rule)) {
    if (Array.isArray(rule)) throw invalid(`${at}: an array within an array of rules`);
    return (value) => value === rule;
  }
  const [[name, operand] = ['', undefined], ...others] = Object.entries(rule);
  const make = Object.hasOwn(OPERATORS, name) ? OPERATORS[name as keyof typeof OPERATORS] : undefined;
  if (!make || others.length > 0) {
    throw invalid(`${at}: ${JSON.stringify(rule)}: a rule is a value, or one of ${Object.keys(OPERATORS).join(', ')}`);
  }
  return make(operand, `${at}: ${name}`);
}

const OPERATORS = {
  prefix: onText((text, wanted) => text.startsWith(wanted)),
  suffix: onText((text, wanted) => text.endsWith(wanted)),
  'equals-ignore-case': onText((text, wanted) => text.toLowerCase() === wanted.toLowerCase()),

  'anything-but'(operand: unknown, at: string): Rule {
    const others: unknown[] = Array.isArray(operand) ? operand : [operand];
    const kinds = new Set(others.map((one) => typeof one));
    if (kinds.size !== 1 || !(kinds.has('string') || kinds.has('number')))
      throw invalid(`${at}: give a string, a number, or an array of either`);
    return (value) => !others.includes(value);
  },

  exists(operand: unknown, at: string): Rule {
    if (typeof operand !== 'boolean') throw invalid(`${at}: give true or false`);
    return () => operand;
  },

  /** One comparison, or a lower and an upper bound. */
  numeric(operand: unknown, at: string): Rule {
    const example = `${at}: give such as ["=", 100] or [">", 10, "<=", 20]`;
    if (!Array.isArray(operand) || ![2, 4].includes(operand.length)) throw invalid(example);
    const pairs: unknown[][] = [operand.slice(0, 2), operand.slice(2)].filter(({ length }) => length > 0);
    if (pairs.length === 2 && !(isLower(pairs[0]![0]) && isUpper(pairs[1]![0]))) throw invalid(example);
    const all = pairs.map(([comparison, bound]) => {
      const known = typeof comparison === 'string' && Object.hasOwn(COMPARISONS, comparison);
      if (!known || typeof bound !== 'number') throw invalid(example);
      const holds = COMPARISONS[comparison as keyof typeof COMPARISONS];
      return (value: number) => holds(value, bound);
    });
    return (value) => typeof value === 'number' && all.every((holds) => holds(value));
  },
};

const COMPARISONS = {
  '=': (a: number, b: number) => a === b,
  '>': (a: number, b: number) => a > b,
  '>=': (a: number, b: number) => a >= b,
  '<': (a: number, b: number) => a < b,
  '<=': (a: number, b: number) => a <= b,
};
const isLower = (comparison: unknown) => comparison === '>' || comparison === '>=';
const isUpper = (comparison: unknown) => comparison === '<' || comparison === '<=';

function onText(holds: (text: string, wanted: string) => boolean) {
  return (operand: unknown, at: string): Rule => {
    if (typeof operand !== 'string') throw invalid(`${at}: give a string`);
    return (value) => typeof value === 'string' && holds(value, operand);
  };
}

function alternatives(wanted: unknown): Record<string, unknown>[] {
  if (!Array.isArray(wanted) || wanted.length < 2) throw invalid('$or: give an array of at least two patterns');
  return wanted.map((one) => fieldsIn(one, '$or'));
}

function fieldsIn(of: unknown, at: string): Record<string, unknown> {
  if (isObject(of) && Object.keys(of).length > 0) return of;
  throw invalid(`${at}: give an array of rules, or an object of fields`);
}

function parsed(pattern: string): unknown {
  try {
    return JSON.parse(pattern);
  } catch {
    throw invalid('a pattern is not JSON: give what FilterCriteria.filter makes');
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Undefined for what is not there, or is no text. */
function textOf(bytes: Uint8Array | null | undefined): string | undefined {
  try {
    return bytes ? utf8.decode(bytes) : undefined;
  } catch {
    return undefined;
  }
}

/** JSON that has fields. Anything else is a plain string, also where it could be read as a number. */
function jsonIn(text: string | undefined): object | undefined {
  if (text === undefined || !/^\s*[[{]/.test(text)) return undefined;
  try {
    return JSON.parse(text) as object;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isOneOf<T extends string>(names: readonly T[], name: string): name is T {
  return names.some((one) => one === name);
}

function invalid(what: string): VarveError {
  return new VarveError('INVALID_REQUEST', `filters: ${what}.`);
}
