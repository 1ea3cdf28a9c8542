import { ERRORS, type ErrorCode, VarveError } from '../../errors.ts';

export const NO_ERROR = 0;

/**
 * What only this protocol has to say, beside the errors of the log; names and numbers are Kafka's
 * (https://kafka.apache.org/protocol#protocol_error_codes).
 */
const PROTOCOL_ERRORS = {
  COORDINATOR_NOT_AVAILABLE: 15,
  NOT_COORDINATOR: 16,
  INVALID_REQUIRED_ACKS: 21,
  INCONSISTENT_GROUP_PROTOCOL: 23,
  UNKNOWN_MEMBER_ID: 25,
  INVALID_SESSION_TIMEOUT: 26,
  REBALANCE_IN_PROGRESS: 27,
  UNSUPPORTED_VERSION: 35,
  INVALID_REPLICATION_FACTOR: 38,
  INVALID_REPLICA_ASSIGNMENT: 39,
  POLICY_VIOLATION: 44,
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: 53,
  LOG_DIR_NOT_FOUND: 57,
  FETCH_SESSION_ID_NOT_FOUND: 70,
  UNKNOWN_LEADER_EPOCH: 75,
  RESOURCE_NOT_FOUND: 91,
  DUPLICATE_RESOURCE: 92,
  MEMBER_ID_REQUIRED: 79,
  GROUP_MAX_SIZE_REACHED: 81,
  FENCED_INSTANCE_ID: 82,
  ELECTION_NOT_NEEDED: 84,
  NO_REASSIGNMENT_IN_PROGRESS: 85,
  GROUP_SUBSCRIBED_TO_TOPIC: 86,
} as const;

export type KafkaErrorCode = ErrorCode | keyof typeof PROTOCOL_ERRORS;

const NUMBERS: ReadonlyMap<string, number> = new Map<string, number>([
  ...Object.entries(ERRORS).map(([code, { kafka }]) => [code, kafka] as const),
  ...Object.entries(PROTOCOL_ERRORS),
]);

export function numberOf(code: KafkaErrorCode): number {
  return NUMBERS.get(code)!;
}

/** What went wrong, as the wire has it. Whatever is no error of the log's is thrown on: it is a bug, and closes the connection. */
export function failure(error: unknown): { errorCode: number; errorMessage: string } {
  if (!(error instanceof VarveError)) throw error;
  return { errorCode: numberOf(error.code), errorMessage: error.message };
}

export function failureCode(error: unknown): number {
  return failure(error).errorCode;
}
