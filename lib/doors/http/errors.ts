import { ERRORS, type ErrorCode, VarveError } from '../../errors.ts';
import { ObjectError } from '../../stores/objects/objects.ts';

/** Which of the door's rooms answers: v3 has other numbers for some failures, as Confluent's REST Proxy does. */
export type Dialect = 'v2' | 'v3' | 'json';

interface Answer {
  status: number;
  /** Five digits, the status first; the proxy's own number where it has one, else three digits. */
  error_code: number;
}

const badRequestV3: Answer = { status: 400, error_code: 40002 };

/** What each failure of the log is over HTTP. */
const ANSWERS: Record<ErrorCode, Answer & { v3?: Answer }> = {
  UNKNOWN_SERVER_ERROR: { status: 500, error_code: 50001 },
  OFFSET_OUT_OF_RANGE: { status: 416, error_code: 41601 },
  CORRUPT_MESSAGE: { status: 500, error_code: 50004 },
  UNKNOWN_TOPIC_OR_PARTITION: { status: 404, error_code: 40401, v3: { status: 404, error_code: 40403 } },
  REQUEST_TIMED_OUT: { status: 503, error_code: 50301 },
  MESSAGE_TOO_LARGE: { status: 413, error_code: 41301 },
  NETWORK_EXCEPTION: { status: 503, error_code: 50301 },
  INVALID_TOPIC_EXCEPTION: { status: 422, error_code: 42211, v3: badRequestV3 },
  ILLEGAL_GENERATION: { status: 409, error_code: 40911 },
  INVALID_GROUP_ID: { status: 422, error_code: 42212 },
  CLUSTER_AUTHORIZATION_FAILED: { status: 403, error_code: 40301 },
  INVALID_TIMESTAMP: { status: 422, error_code: 42213 },
  TOPIC_ALREADY_EXISTS: { status: 409, error_code: 40910, v3: badRequestV3 },
  INVALID_PARTITIONS: { status: 422, error_code: 42214, v3: badRequestV3 },
  INVALID_CONFIG: { status: 422, error_code: 42215, v3: badRequestV3 },
  INVALID_REQUEST: { status: 422, error_code: 42216, v3: badRequestV3 },
  UNSUPPORTED_FOR_MESSAGE_FORMAT: { status: 422, error_code: 42217 },
  OUT_OF_ORDER_SEQUENCE_NUMBER: { status: 409, error_code: 40912 },
  DUPLICATE_SEQUENCE_NUMBER: { status: 409, error_code: 40913 },
  INVALID_PRODUCER_EPOCH: { status: 409, error_code: 40914 },
  KAFKA_STORAGE_ERROR: { status: 503, error_code: 50301 },
  SASL_AUTHENTICATION_FAILED: { status: 401, error_code: 40101 },
  UNKNOWN_PRODUCER_ID: { status: 409, error_code: 40915 },
  NON_EMPTY_GROUP: { status: 409, error_code: 40916 },
  GROUP_MAX_SIZE_REACHED: { status: 409, error_code: 40917 },
  GROUP_ID_NOT_FOUND: { status: 404, error_code: 40405 },
  UNKNOWN_MEMBER_ID: { status: 404, error_code: 40403 },
  INSTANCE_EXISTS: { status: 409, error_code: 40902 },
  ILLEGAL_STATE: { status: 409, error_code: 40903 },
  TOPIC_DELETION_DISABLED: { status: 403, error_code: 40304 },
  UNSUPPORTED_COMPRESSION_TYPE: { status: 422, error_code: 42218 },
  INVALID_RECORD: { status: 422, error_code: 42219 },
  OFFSET_METADATA_TOO_LARGE: { status: 422, error_code: 42221 },
  THROTTLING_QUOTA_EXCEEDED: { status: 429, error_code: 42901 },
  UNKNOWN_TOPIC_ID: { status: 404, error_code: 40401, v3: { status: 404, error_code: 40403 } },
  LOG_CLOSED: { status: 503, error_code: 50301 },
  DATA_FOLDER_IN_USE: { status: 503, error_code: 50301 },
  DATA_FORMAT_TOO_NEW: { status: 500, error_code: 50005 },
  DATA_UNREADABLE: { status: 500, error_code: 50006 },
};

const UNKNOWN_PARTITION: Answer = { status: 404, error_code: 40402 };
/** The storage is full: nothing was written, reads go on. */
const STORAGE_FULL: Answer = { status: 507, error_code: 50701 };

/** What is wrong with a request before the log is asked; `code` is the nearest of the log's own. */
const PROBLEMS = {
  MALFORMED_JSON: { status: 400, error_code: 400, code: 'INVALID_REQUEST' },
  MALFORMED_ENCODING: { status: 400, error_code: 40003, code: 'INVALID_REQUEST' },
  MALFORMED_REQUEST: { status: 400, error_code: 40004, code: 'INVALID_REQUEST' },
  SECURITY_DISABLED: { status: 400, error_code: 40002, code: 'INVALID_REQUEST' },
  NOT_ALTERABLE: { status: 400, error_code: 40002, code: 'INVALID_REQUEST' },
  FOREIGN_HOST: { status: 403, error_code: 40302, code: 'INVALID_REQUEST' },
  FOREIGN_ORIGIN: { status: 403, error_code: 40303, code: 'INVALID_REQUEST' },
  NO_SUCH_PARTITION: { status: 404, error_code: 40402, code: 'UNKNOWN_TOPIC_OR_PARTITION' },
  NO_SUCH_RESOURCE: { status: 404, error_code: 404, code: 'INVALID_REQUEST' },
  METHOD_NOT_ALLOWED: { status: 405, error_code: 405, code: 'INVALID_REQUEST' },
  NOT_ACCEPTABLE: { status: 406, error_code: 406, code: 'INVALID_REQUEST' },
  FORMAT_MISMATCH: { status: 406, error_code: 40601, code: 'INVALID_REQUEST' },
  BODY_TOO_SLOW: { status: 408, error_code: 408, code: 'REQUEST_TIMED_OUT' },
  BODY_TOO_LARGE: { status: 413, error_code: 41302, code: 'MESSAGE_TOO_LARGE' },
  UNSUPPORTED_MEDIA_TYPE: { status: 415, error_code: 415, code: 'INVALID_REQUEST' },
  UNSUPPORTED_ENCODING: { status: 415, error_code: 41501, code: 'INVALID_REQUEST' },
  INVALID_BODY: { status: 422, error_code: 422, code: 'INVALID_REQUEST', v3: { status: 400, error_code: 400 } },
  INVALID_BATCH: { status: 422, error_code: 42208, code: 'INVALID_REQUEST' },
  NO_BODY: { status: 422, error_code: 42206, code: 'INVALID_REQUEST' },
  INVALID_CONSUMER_CONFIG: { status: 422, error_code: 42204, code: 'INVALID_CONFIG' },
  INVALID_PARAMETER: { status: 422, error_code: 42220, code: 'INVALID_REQUEST', v3: { status: 400, error_code: 400 } },
  TOO_BUSY: { status: 429, error_code: 42902, code: 'THROTTLING_QUOTA_EXCEEDED' },
} as const satisfies Record<string, Answer & { code: ErrorCode; v3?: Answer }>;

export type ProblemName = keyof typeof PROBLEMS;

/** A request that is refused for what it is. The message never quotes keys, values or credentials. */
export class HttpProblem extends Error {
  override readonly name = 'HttpProblem';
  readonly problem: ProblemName;

  constructor(problem: ProblemName, message: string) {
    super(message);
    this.problem = problem;
  }
}

export function bodyTooLarge(limit: number): HttpProblem {
  return new HttpProblem('BODY_TOO_LARGE', `The body is larger than ${limit} bytes; send it in parts.`);
}

export interface ErrorBody {
  error_code: number;
  message: string;
  code: ErrorCode;
  /** Whether the same request may succeed when it is sent again. */
  retriable: boolean;
}

/** Status and body of any failure. One that nobody foresaw is 500 and says nothing of itself: it belongs into the log of the process. */
export function answerTo(
  error: unknown,
  dialect: Dialect,
  options: { partition?: boolean } = {},
): { status: number; body: ErrorBody; foreseen: boolean } {
  if (error instanceof HttpProblem) {
    const { code, ...answer }: Answer & { code: ErrorCode; v3?: Answer } = PROBLEMS[error.problem];
    return answered(pick(answer, dialect), code, said(error, pick(answer, dialect), dialect));
  }
  if (error instanceof VarveError) {
    const answer = answerOf(error, dialect, options);
    return answered(answer, error.code, said(error, answer, dialect));
  }
  const message = 'Something went wrong inside Varve; its own log says what.';
  return { ...answered(ANSWERS.UNKNOWN_SERVER_ERROR, 'UNKNOWN_SERVER_ERROR', message), foreseen: false };
}

/** How Confluent's proxy begins what it says of some failures of v2: its clients may look for that. */
const V2_WORDS: Readonly<Record<number, string>> = {
  40401: 'Topic not found.',
  40402: 'Partition not found.',
  40403: 'Consumer instance not found.',
  40902: 'Consumer with specified consumer ID already exists in the specified consumer group.',
  42204: 'Invalid consumer configuration:',
};

function said({ message }: Error, { error_code }: Answer, dialect: Dialect): string {
  const words = dialect === 'v2' ? V2_WORDS[error_code] : undefined;
  return words === undefined ? message : `${words} ${message}`;
}

function answered({ status, error_code }: Answer, code: ErrorCode, message: string) {
  return { status, body: { error_code, message, code, retriable: ERRORS[code].retriable }, foreseen: true };
}

function answerOf(error: VarveError, dialect: Dialect, { partition = false }: { partition?: boolean }): Answer {
  if (error.cause instanceof ObjectError && error.cause.code === 'STORE_FULL') return STORAGE_FULL;
  if (error.code === 'UNKNOWN_TOPIC_OR_PARTITION' && partition && dialect !== 'v3') return UNKNOWN_PARTITION;
  return pick(ANSWERS[error.code], dialect);
}

function pick(answer: Answer & { v3?: Answer }, dialect: Dialect): Answer {
  return dialect === 'v3' ? (answer.v3 ?? answer) : answer;
}
