import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, request } from 'node:http';

export interface Proxied {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

/** What becomes of a request: carried out; carried out and its answer cut off; answered by this; or never answered. */
export type Fate = 'pass' | 'lose' | 'hang' | { status: number; type?: string; body: string };

export interface FaultyProxy {
  readonly url: string;
  /** Decides from now on; `pass` at first. */
  decide: (request: Proxied) => Fate;
  close(): Promise<void>;
}

/** An HTTP proxy on a port of its own in front of `target`, for what only real sockets show. */
export async function startProxy(target: string): Promise<FaultyProxy> {
  const { hostname, port } = new URL(target);
  const server = createServer(async (req, res) => {
    const chunks: Buffer[] = [];
    for await (const chunk of req) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const { method = 'GET', url: path = '/', headers } = req;
    const fate = proxy.decide({ method, path, headers, body });
    if (fate === 'hang') return;
    if (typeof fate === 'object') {
      res.writeHead(fate.status, { 'content-type': fate.type ?? 'application/json' }).end(fate.body);
      return;
    }
    const on = request({ hostname, port, method, path, headers }, (answer) => {
      if (fate === 'lose') {
        answer.resume().once('end', () => res.destroy());
        return;
      }
      res.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(res);
    });
    on.once('error', () => res.destroy());
    res.once('close', () => on.destroy());
    on.end(body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port was given');
  const proxy: FaultyProxy = {
    url: `http://127.0.0.1:${address.port}`,
    decide: () => 'pass',
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
  return proxy;
}

/** How DynamoDB says that it has too much. */
export const DYNAMODB_THROTTLES: Fate = {
  status: 400,
  type: 'application/x-amz-json-1.0',
  body: JSON.stringify({
    __type: 'com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException',
    message: '',
  }),
};

/** How S3 says so. */
export const S3_SLOWS_DOWN: Fate = {
  status: 503,
  type: 'application/xml',
  body: '<?xml version="1.0" encoding="UTF-8"?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>',
};
