/**
 * Published prices in US dollars, us-east-1, without free tiers. Varve's are those of the issue; the peers' are AWS's price list
 * (MSK: published 2026-07-29, Kinesis: September 2026) as found quoted on public pages, and aws.amazon.com/{msk,kinesis/data-streams,sqs}/pricing
 * name the same dimensions. GB is 2^30 bytes, as AWS bills storage; a month has 730 hours.
 */
export const PRICES = {
  s3Put: 5 / 1e6,
  s3List: 5 / 1e6,
  s3Get: 0.4 / 1e6,
  s3Storage: 0.023,
  writeUnit: 0.625 / 1e6,
  /** Strongly consistent, 4 KB; the engines count an eventually consistent one as half. */
  readUnit: 0.125 / 1e6,
  tableStorage: 0.25,
  pointInTimeRecovery: 0.2,
  restApi: 3.5 / 1e6,
  httpApi: 1 / 1e6,
  lambdaCall: 0.2 / 1e6,
  /** arm64, which is the stack's. */
  lambdaGbSecond: 0.0000133334,
  /** Of a standard queue. */
  sqsRequest: 0.4 / 1e6,
} as const;

export const HOURS_A_MONTH = 730;
export const GB = 2 ** 30;

/** What a month costs at another service: by GB written, once read, and kept for a week. */
export interface Peer {
  name: string;
  /** Dollars while nothing is sent. */
  idle: number;
  /** Dollars a GB of records of 1 KB, written and read once. */
  perGb: number;
  /** Dollars for GB-months kept. */
  storage: number;
  note: string;
}

export const PEERS: readonly Peer[] = [
  {
    name: 'MSK Serverless',
    idle: (0.75 + 8 * 0.0015) * HOURS_A_MONTH,
    perGb: 0.1 + 0.05,
    storage: 0.1,
    note: '$0.75 a cluster-hour, $0.0015 a partition-hour (8 partitions), $0.10 a GB in, $0.05 a GB out, $0.10 a GB-month',
  },
  {
    name: 'Kinesis on demand',
    idle: 0.04 * HOURS_A_MONTH,
    perGb: 0.08 + 0.04,
    storage: 0,
    note: '$0.04 a stream-hour, $0.08 a GB in, $0.04 a GB out; kept 24 hours, more is extra',
  },
  {
    name: 'SQS (a queue, not a log)',
    idle: 0,
    perGb: (2 ** 20 / 10) * 3 * (0.4 / 1e6),
    storage: 0,
    note: '$0.40 a million requests; sent, received and deleted in tens',
  },
];
