/**
 * What the functions count in CloudWatch: plain data, so that whoever builds dashboards and alarms has the names as well. The one
 * dimension is `log`. Each name costs $0.30 a month for a log in use, and nothing for one that is idle.
 */
export const METRIC_NAMESPACE = 'Varve';
export const METRIC_DIMENSION = 'log';

export const METRICS = {
  /** Records appended. */
  RecordsAppended: 'Count',
  /** Bytes of the batches appended. */
  BytesAppended: 'Bytes',
  /** From a batch being handed to the log until it is durable, without what the request takes around it. */
  AppendLatency: 'Milliseconds',
  /** Bytes of the batches read. */
  BytesFetched: 'Bytes',
  /** Requests answered with 5xx, which includes those that ran out of time. */
  Errors: 'Count',
  /** Requests answered with 429. */
  Throttles: 'Count',
  /** Requests that were the first of a new environment. */
  ColdStarts: 'Count',
} as const;

/**
 * Of each subscription that lags, every 5 minutes: records of its topic that its group has not committed. It is called as Lambda's own
 * of Kafka sources, and has the dimensions `log`, `topic` and `group`. $0.30 a month for each of them that lags all the time.
 */
export const LAG_METRIC = 'OffsetLag';

export type MetricName = keyof typeof METRICS;
