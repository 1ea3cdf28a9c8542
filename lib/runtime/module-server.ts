import { basename, extname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { KafkaEvent } from '../log/delivery/event.ts';
import { openEnvironments } from './environments.ts';
import { type FunctionServer, serveFunction } from './function-server.ts';

/**
 * Serves the handler that a file exports, with so many milliseconds for an invocation, and says of each what it came to. Rejects with
 * what the module throws while it loads.
 */
export async function serveModule(file: string, timeout: number, say: (line: string) => void): Promise<FunctionServer> {
  const environments = await openEnvironments({
    module: pathToFileURL(resolve(file)).href,
    name: basename(file, extname(file)),
    timeout,
  });
  const server = await serveFunction(async (event) => {
    const begun = performance.now();
    const took = () => `${Math.round(performance.now() - begun)} ms`;
    try {
      const answer = await environments.invoke(event);
      say(`${labelOf(event)}: done in ${took()}`);
      return answer;
    } catch (error) {
      say(`${labelOf(event)}: failed after ${took()}: ${error instanceof Error ? error.message : String(error)}`);
      throw error;
    }
  });
  return {
    url: server.url,
    async close(patience) {
      await server.close(patience);
      await environments.close();
    },
  };
}

/** `orders-0 offsets 4 to 7`. */
function labelOf(event: string): string {
  const { records } = JSON.parse(event) as KafkaEvent;
  return Object.entries(records)
    .map(([name, batch]) => `${name} offsets ${batch[0]?.offset} to ${batch.at(-1)?.offset}`)
    .join(', ');
}
