import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface FunctionServer {
  /** What is to be invoked: on 127.0.0.1, by a path that nobody else knows. */
  readonly url: string;
  /** Refuses further invocations; resolves when those under way are answered, or cut off after `patience` milliseconds. */
  close(patience: number): Promise<void>;
}

/** Events end below 6 MB. */
const MAX_EVENT_BYTES = 6_291_556;

/** Serves a function to `urlTarget`. `invoke` takes the text of an event and answers JSON text; when it rejects, the invocation failed. */
export async function serveFunction(invoke: (event: string) => Promise<string>): Promise<FunctionServer> {
  const path = `/${crypto.randomUUID()}`;
  const server = createServer(async (request, response) => {
    const answer = (status: number, body: string) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(body);
    if (request.method !== 'POST' || request.url !== path) return answer(404, '{}');
    try {
      const event = await textOf(request);
      answer(200, await invoke(event));
    } catch (error) {
      // Lambda's form. What was thrown is said where the function runs.
      answer(500, JSON.stringify({ errorType: error instanceof Error ? error.name : 'Error' }));
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}${path}`,
    async close(patience) {
      const closed = once(server, 'close');
      server.close();
      const cut = setTimeout(() => server.closeAllConnections(), patience);
      await closed;
      clearTimeout(cut);
    },
  };
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_EVENT_BYTES) throw new RangeError('the event is too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
