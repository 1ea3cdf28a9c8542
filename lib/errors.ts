/**
 * Every failure that a caller can meet. Codes are Kafka's where Kafka has one (`kafka` is its number on the wire,
 * https://kafka.apache.org/protocol#protocol_error_codes); `retriable` says whether the same call may succeed later.
 */
export const ERRORS = {
  UNKNOWN_SERVER_ERROR: { kafka: -1, retriable: false },
  OFFSET_OUT_OF_RANGE: { kafka: 1, retriable: false },
  CORRUPT_MESSAGE: { kafka: 2, retriable: false },
  UNKNOWN_TOPIC_OR_PARTITION: { kafka: 3, retriable: false },
  REQUEST_TIMED_OUT: { kafka: 7, retriable: true },
  MESSAGE_TOO_LARGE: { kafka: 10, retriable: false },
  OFFSET_METADATA_TOO_LARGE: { kafka: 12, retriable: false },
  NETWORK_EXCEPTION: { kafka: 13, retriable: true },
  INVALID_TOPIC_EXCEPTION: { kafka: 17, retriable: false },
  ILLEGAL_GENERATION: { kafka: 22, retriable: false },
  INVALID_GROUP_ID: { kafka: 24, retriable: false },
  UNKNOWN_MEMBER_ID: { kafka: 25, retriable: false },
  CLUSTER_AUTHORIZATION_FAILED: { kafka: 31, retriable: false },
  INVALID_TIMESTAMP: { kafka: 32, retriable: false },
  TOPIC_ALREADY_EXISTS: { kafka: 36, retriable: false },
  INVALID_PARTITIONS: { kafka: 37, retriable: false },
  INVALID_CONFIG: { kafka: 40, retriable: false },
  INVALID_REQUEST: { kafka: 42, retriable: false },
  UNSUPPORTED_FOR_MESSAGE_FORMAT: { kafka: 43, retriable: false },
  OUT_OF_ORDER_SEQUENCE_NUMBER: { kafka: 45, retriable: false },
  DUPLICATE_SEQUENCE_NUMBER: { kafka: 46, retriable: false },
  INVALID_PRODUCER_EPOCH: { kafka: 47, retriable: false },
  KAFKA_STORAGE_ERROR: { kafka: 56, retriable: true },
  SASL_AUTHENTICATION_FAILED: { kafka: 58, retriable: false },
  UNKNOWN_PRODUCER_ID: { kafka: 59, retriable: false },
  NON_EMPTY_GROUP: { kafka: 68, retriable: false },
  GROUP_ID_NOT_FOUND: { kafka: 69, retriable: false },
  TOPIC_DELETION_DISABLED: { kafka: 73, retriable: false },
  UNSUPPORTED_COMPRESSION_TYPE: { kafka: 76, retriable: false },
  GROUP_MAX_SIZE_REACHED: { kafka: 81, retriable: false },
  INVALID_RECORD: { kafka: 87, retriable: false },
  THROTTLING_QUOTA_EXCEEDED: { kafka: 89, retriable: true },
  UNKNOWN_TOPIC_ID: { kafka: 100, retriable: false },
  /** Ours. The log or its process is closing: reconnect and send again. */
  LOG_CLOSED: { kafka: 56, retriable: true },
  /** Ours. The group has an instance of that name. */
  INSTANCE_EXISTS: { kafka: 42, retriable: false },
  /** Ours. The instance is not what the request takes it for: subscribed, assigned, or as another request left it. */
  ILLEGAL_STATE: { kafka: 42, retriable: false },
  /** Ours. Another process holds the data folder. */
  DATA_FOLDER_IN_USE: { kafka: 56, retriable: true },
  /** Ours. The data was written by a newer version of Varve. */
  DATA_FORMAT_TOO_NEW: { kafka: 56, retriable: false },
  /** Ours. What is stored is damaged, or was not written by Varve. */
  DATA_UNREADABLE: { kafka: 56, retriable: false },
} as const;

export type ErrorCode = keyof typeof ERRORS;

/** Why a record was refused, and its batch with it. */
export interface RecordError {
  /** Its place in the batch, from 0. */
  index: number;
  message: string;
}

/** The one error class. `message` says what is wrong and what to do about it; it never holds keys, values or credentials. */
export class VarveError extends Error {
  override readonly name = 'VarveError';
  readonly code: ErrorCode;
  /** The records of a batch that are to blame, where some are. */
  readonly records: readonly RecordError[];

  constructor(code: ErrorCode, message: string, options?: ErrorOptions & { records?: readonly RecordError[] }) {
    super(message, options);
    this.code = code;
    this.records = options?.records ?? [];
  }

  /** Whether the same call may succeed when it is made again. */
  get retriable(): boolean {
    return ERRORS[this.code].retriable;
  }
}

/** A failure that may be answered; what is none is a fault of ours, and is thrown on. */
export function asFailure(error: unknown): VarveError {
  if (error instanceof VarveError) return error;
  throw error;
}
