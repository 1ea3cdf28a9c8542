import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

/** How one request is answered; the request's body was read before. */
export type Reply = (response: ServerResponse, request: IncomingMessage) => void;

export interface ScriptedServer {
  endpoint: string;
  /** `METHOD path?query` of each request so far. */
  requests: string[];
  /** Connections accepted so far. */
  connections(): number;
  close(): Promise<void>;
}

/** A server on a free port that gives the replies in turn, and the last of them from then on. */
export async function serveScript(...replies: [Reply, ...Reply[]]): Promise<ScriptedServer> {
  const requests: string[] = [];
  let connections = 0;
  const server = createServer((request, response) => {
    const reply = replies[Math.min(requests.length, replies.length - 1)]!;
    requests.push(`${request.method} ${request.url}`);
    request.resume().once('end', () => reply(response, request));
  });
  server.on('connection', () => {
    connections += 1;
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port was given');
  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    requests,
    connections: () => connections,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
