import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import type { Hono } from 'hono';
import type { Bindings } from '../doors/http/door.ts';
import { cannotListen } from './cannot-listen.ts';

export interface HttpServer {
  /** The port that it really listens on. */
  readonly port: number;
  /** Takes no more connections; resolves when what is in flight is answered, or cut off after `patience` milliseconds. */
  close(patience: number): Promise<void>;
}

/** Each bounds what one client, or all of them together, may hold. Milliseconds and bytes. */
const LIMITS = {
  connections: 1_000,
  headers: 10_000,
  request: 300_000,
  idle: 120_000,
  keepAlive: 65_000,
  headerBytes: 16_384,
};
/** Rejects with what keeps it from listening: the port is taken, not allowed, or the address is not this machine's. */
export async function listen(app: Hono, host: string, port: number): Promise<HttpServer> {
  const server = createAdaptorServer({
    // A Request has no room for the body of a GET, which some clients of the REST Proxy send.
    fetch: (request, { incoming }) => app.fetch(request, { body: incoming } satisfies Bindings),
    serverOptions: {
      headersTimeout: LIMITS.headers,
      requestTimeout: LIMITS.request,
      keepAliveTimeout: LIMITS.keepAlive,
      connectionsCheckingInterval: LIMITS.headers / 2,
      maxHeaderSize: LIMITS.headerBytes,
    },
  }) as Server;
  server.maxConnections = LIMITS.connections;
  // A client that takes nothing for so long is gone, or holds memory on purpose. Event streams say something more often.
  server.timeout = LIMITS.idle;
  // Node's own closeIdleConnections() passes over a connection that has not sent anything yet.
  const inFlight = new Map<Socket, number>();
  let closing = false;
  const count = (socket: Socket, change: number) => {
    const before = inFlight.get(socket);
    if (before === undefined) return;
    inFlight.set(socket, before + change);
    if (closing && before + change === 0) socket.destroySoon();
  };
  server.on('connection', (socket: Socket) => {
    inFlight.set(socket, 0);
    socket.once('close', () => inFlight.delete(socket));
  });
  server.on('request', ({ socket }, response) => {
    count(socket, 1);
    response.once('close', () => count(socket, -1));
  });

  server.listen(port, host);
  await once(server, 'listening').catch((error) => {
    throw cannotListen(error, host, port, '--http-port');
  });

  return {
    port: (server.address() as AddressInfo).port,
    async close(patience) {
      const closed = once(server, 'close');
      closing = true;
      server.close();
      for (const socket of inFlight.keys()) count(socket, 0);
      const cut = setTimeout(() => server.closeAllConnections(), patience);
      await closed;
      clearTimeout(cut);
    },
  };
}
