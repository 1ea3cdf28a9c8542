export interface HttpLimits {
  /** Bytes of one request's body, as it is sent and again as it is decompressed. Default 8 MiB. */
  maxBodyBytes: number;
  /** Bytes of bodies and answers that are held at one time; beyond it requests wait. Default 64 MiB. */
  maxHeldBytes: number;
  /** Milliseconds that a request may wait for room; then it is refused with 429. Default 10,000. */
  maxQueueing: number;
  /** Milliseconds within which a body must have arrived. Default 30,000. */
  maxReceiving: number;
  /** Records in one produce request. Default 100,000. */
  maxRecords: number;
  /** How deep JSON may be nested. Default 500. */
  maxDepth: number;
  /** Bytes of batches that one read may ask for. Default 8 MiB. */
  maxReadBytes: number;
  /**
   * Bytes of one answer's or stream's text, as they are inside a JSON string: for where answers travel in one. Records beyond it
   * are left for the next read. Default: any number.
   */
  maxAnswerBytes: number;
  /** Milliseconds that a read may wait for records. Default 30,000. */
  maxWait: number;
  /** Partitions that all open event streams follow together; beyond it a stream is refused with 429. Default 1,000. */
  maxFollowed: number;
  /** Partitions that one event stream may follow: their positions travel in every event's id. Default 256. */
  maxFollowedAtOnce: number;
  /** Milliseconds of silence after which an event stream says that it is alive. Default 15,000. */
  heartbeat: number;
  /** Milliseconds after which an event stream ends, to be resumed. Default: never. */
  maxStream: number;
}

const MIB = 1024 * 1024;

export const DEFAULT_HTTP_LIMITS: HttpLimits = {
  maxBodyBytes: 8 * MIB,
  maxHeldBytes: 64 * MIB,
  maxQueueing: 10_000,
  maxReceiving: 30_000,
  maxRecords: 100_000,
  maxDepth: 500,
  maxReadBytes: 8 * MIB,
  maxAnswerBytes: Number.POSITIVE_INFINITY,
  maxWait: 30_000,
  maxFollowed: 1_000,
  maxFollowedAtOnce: 256,
  heartbeat: 15_000,
  maxStream: Number.POSITIVE_INFINITY,
};
