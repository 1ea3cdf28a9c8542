import { type ErrorCode, VarveError } from '../../errors.ts';

/** What the command ends with. Stable: scripts rely on them. `varve server` has its own, in lib/server/exit-codes.ts. */
export const EXIT = {
  /** Done. Also when whoever read the output went away, or `consume` was stopped. */
  ok: 0,
  /** The server refused or failed, in none of the ways below. */
  failed: 1,
  /** The command line is wrong. */
  usage: 2,
  /** Nothing answers at the address, or no longer. */
  unreachable: 3,
  /** There is no such topic, partition or group. */
  notFound: 4,
  /** It conflicts with what there is: it exists, it is in use, another one took over. */
  conflict: 5,
  /** The input: a line is not what it should be, or its record is too large. The message names the line where one is to blame. */
  input: 6,
  /** The server cannot now: the same command may succeed later. */
  tryAgain: 7,
  /** Who calls is not known there, or may not do this. */
  denied: 8,
  /** `produce` was stopped before its input ended; what it counted is appended. */
  interrupted: 130,
} as const;

const CODES: Partial<Record<ErrorCode, number>> = {
  NETWORK_EXCEPTION: EXIT.unreachable,
  UNKNOWN_TOPIC_OR_PARTITION: EXIT.notFound,
  GROUP_ID_NOT_FOUND: EXIT.notFound,
  SASL_AUTHENTICATION_FAILED: EXIT.denied,
  CLUSTER_AUTHORIZATION_FAILED: EXIT.denied,
  TOPIC_ALREADY_EXISTS: EXIT.conflict,
  NON_EMPTY_GROUP: EXIT.conflict,
  ILLEGAL_GENERATION: EXIT.conflict,
  INVALID_PRODUCER_EPOCH: EXIT.conflict,
  OUT_OF_ORDER_SEQUENCE_NUMBER: EXIT.conflict,
  INVALID_RECORD: EXIT.input,
  MESSAGE_TOO_LARGE: EXIT.input,
};

/** A command line that cannot be meant. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

export function exitCodeOf(error: unknown): number {
  if (error instanceof UsageError) return EXIT.usage;
  if (!(error instanceof VarveError)) return EXIT.failed;
  return CODES[error.code] ?? (error.retriable ? EXIT.tryAgain : EXIT.failed);
}
