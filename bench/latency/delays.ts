import type { Call } from '../aws/wire.ts';

/** Milliseconds that a service takes: half of the requests at most `p50`, 99 of 100 at most `p99`. */
interface Delay {
  p50: number;
  p99: number;
}

/**
 * Small requests within a region, as the issue states them: AWS says single-digit milliseconds of DynamoDB, and of S3 tens of
 * milliseconds for small objects, with a long tail.
 */
export const DELAYS = {
  s3Put: { p50: 30, p99: 120 },
  s3Get: { p50: 15, p99: 60 },
  dynamodbWrite: { p50: 5, p99: 15 },
  dynamodbRead: { p50: 4, p99: 10 },
} as const satisfies Record<string, Delay>;

/** The 99th percentile of the standard normal distribution. */
const Z99 = 2.3263;

/** A lognormal sample: whatever is waited for on the way multiplies, so the tail is long on one side. */
export function sample({ p50, p99 }: Delay, random: () => number): number {
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return p50 * Math.exp((normal * Math.log(p99 / p50)) / Z99);
}

export function delayOf({ service, operation }: Call): Delay {
  if (service === 's3') return /^(Put|Delete)/.test(operation) ? DELAYS.s3Put : DELAYS.s3Get;
  return /^(Get|BatchGet|Query|Scan)/.test(operation) ? DELAYS.dynamodbRead : DELAYS.dynamodbWrite;
}
