import { DynamoDBClient, type DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';
import type { Clock } from '../../../clock.ts';

export interface TableOptions {
  client: DynamoDBClientConfig;
  table: string;
  clock: Clock;
  /** Told of the write and read units of each answered request. */
  onUnits?: (operation: string, units: number) => void;
}

/** Sockets; a request that waits for one would time out unsent. */
const SOCKETS = 256;

/** A client without retries, and what gives each of its requests a deadline. */
export function connect({ client, clock }: TableOptions, timeoutMs: number) {
  const agent = { maxSockets: SOCKETS };
  const dynamodb = new DynamoDBClient({
    requestHandler: { connectionTimeout: 1_000, httpAgent: agent, httpsAgent: agent },
    ...client,
    // The SDK would repeat what must not be repeated: an append whose answer was lost.
    maxAttempts: 1,
  });
  /** The SDK's own time-out only warns, so the clock aborts. */
  async function within<T>(request: (options: { abortSignal: AbortSignal }) => Promise<T>): Promise<T> {
    const abort = new AbortController();
    const cancel = clock.schedule(timeoutMs, () => abort.abort());
    try {
      return await request({ abortSignal: abort.signal });
    } finally {
      cancel();
    }
  }
  return { dynamodb, within };
}
