import { type ErrorCode, VarveError } from '../errors.ts';

const MAX_LENGTH = 249;

/** Kafka's rules for a topic's name; undefined when it keeps them, else what is wrong. */
export function nameFault(name: string): string | undefined {
  if (name === '') return 'it is empty';
  if (name === '.' || name === '..') return 'it is "." or ".."';
  if (name.length > MAX_LENGTH) return `it has ${name.length} characters, at most ${MAX_LENGTH} are allowed`;
  return /^[a-zA-Z0-9._-]+$/.test(name) ? undefined : 'it may hold only ASCII letters, digits, ".", "_" and "-"';
}

/** Throws INVALID_TOPIC_EXCEPTION. */
export function checkTopicName(name: string): void {
  const fault = nameFault(name);
  if (fault) throw new VarveError('INVALID_TOPIC_EXCEPTION', `"${shown(name)}" cannot name a topic: ${fault}.`);
}

export function unknownTopic(name: string): VarveError {
  return new VarveError('UNKNOWN_TOPIC_OR_PARTITION', `There is no topic "${shown(name)}". Create it first.`);
}

/** The topic of that name, if there is one, is not the one that has the id which was asked for. */
export function unknownTopicId(name: string): VarveError {
  const message = `The topic "${shown(name)}" with this id was deleted. Ask for the topics anew.`;
  return new VarveError('UNKNOWN_TOPIC_ID', message);
}

/** `partitions`: how many the topic has, where that is known. */
export function unknownPartition(topic: string, partition: number, partitions?: number): VarveError {
  const range = partitions === undefined ? '' : `, it has 0 to ${partitions - 1}`;
  const message = `The topic "${shown(topic)}" has no partition ${partition}${range}.`;
  return new VarveError('UNKNOWN_TOPIC_OR_PARTITION', message);
}

const UNKNOWN: ReadonlySet<string> = new Set<ErrorCode>(['UNKNOWN_TOPIC_OR_PARTITION', 'UNKNOWN_TOPIC_ID']);

/** Whether it says that a topic, or a partition of it, is not there. */
export function isUnknownTopic(error: unknown): error is VarveError {
  return error instanceof VarveError && UNKNOWN.has(error.code);
}

export function collision(name: string, other: string): VarveError {
  return new VarveError(
    'INVALID_TOPIC_EXCEPTION',
    `"${name}" collides with the topic "${other}": Kafka takes "." and "_" in names for the same. Choose another name.`,
  );
}

const MAX_VARIED = 4;

/**
 * The other names that Kafka takes for the same: '.' and '_' exchanged in any place. Kafka forbids them because its metrics
 * cannot tell them apart; that is a courtesy and not a matter of correctness here, so of a name with more than four such
 * places only the two that are all '.' or all '_' are given, and the number of look-ups stays at 15 or less.
 */
export function collidingNames(name: string): string[] {
  const parts = name.split(/[._]/);
  const places = parts.length - 1;
  const join = (separator: (place: number) => string) =>
    parts.reduce((joined, part, i) => joined + separator(i - 1) + part);
  const variants =
    places > MAX_VARIED
      ? [join(() => '.'), join(() => '_')]
      : Array.from({ length: 2 ** places }, (_, bits) => join((place) => ((bits >> place) & 1 ? '_' : '.')));
  return variants.filter((variant) => variant !== name);
}

function shown(name: string): string {
  return name.length > MAX_LENGTH ? `${name.slice(0, MAX_LENGTH)}...` : name;
}
