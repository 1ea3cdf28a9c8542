import type { SelfManagedKafkaEvent } from 'aws-lambda';
import type { Client } from 'varve/client';
import { serveFunction } from '../../lib/runtime/function-server.ts';

/** Milliseconds that an invocation may take; and that a restarted server waits for one that it does not know the end of. */
const TIMEOUT = 5_000;

/**
 * Subscribes a handler in this process to a topic of `npm start`'s, as `EventLogSource` subscribes a Lambda function, and as
 * `varve subscribe` does it for a module. The answer ends it.
 */
export async function subscribe(
  log: Client,
  topic: string,
  group: string,
  handler: (event: SelfManagedKafkaEvent) => Promise<void>,
): Promise<() => Promise<void>> {
  let ended = false;
  const served = await serveFunction(async (text) => {
    try {
      await handler(JSON.parse(text));
    } catch (error) {
      // Ctrl+C ends the state's engine, too.
      if (!ended) console.error(`${group}: ${error instanceof Error ? error.message : error}`);
      throw error;
    }
    return 'null';
  });
  await log.subscriptions.put(topic, group, { group, target: served.url, target_timeout: TIMEOUT });
  return async () => {
    ended = true;
    await log.subscriptions.delete(topic, group);
    await served.close(TIMEOUT);
  };
}
