import { systemClock } from '../../../lib/clock.ts';
import { type HttpDoorDeps, httpDoor } from '../../../lib/doors/http/http-door.ts';
import { prometheusMetrics } from '../../../lib/doors/http/prometheus.ts';
import { parseBrokerConfig } from '../../../lib/log/broker-config.ts';
import type { EventLog } from '../../../lib/log/event-log.ts';
import { openMemory } from '../../../lib/open/memory.ts';
import { listen } from '../../../lib/server/http-server.ts';

/** A door on a port of its own over a log in memory, asked through a real socket. */
export interface RunningDoor {
  readonly url: string;
  readonly port: number;
  readonly log: EventLog;
  /** JSON (anything but a string or bytes is sent as such) to an address and back. */
  ask(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answered>;
  close(): Promise<void>;
}

export interface Answered {
  status: number;
  headers: Headers;
  /** The body's JSON; undefined when there is no body, the text when it is not JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers of every shape, and assert what they find
  body: any;
}

export async function runDoor(
  deps: Partial<Omit<HttpDoorDeps, 'config'>> & { config?: string[] } = {},
): Promise<RunningDoor> {
  const { config = [], ...rest } = deps;
  const log = rest.log ?? (await openMemory({ config }));
  const stopping = new AbortController();
  const app = httpDoor({
    clock: systemClock,
    metrics: prometheusMetrics(),
    stopping: stopping.signal,
    config: parseBrokerConfig(config),
    ...rest,
    log,
  });
  const server = await listen(app, '127.0.0.1', 0);
  const url = `http://127.0.0.1:${server.port}`;
  return {
    url,
    port: server.port,
    log,
    async ask(method, path, body, headers = {}) {
      const raw = typeof body === 'string' || body instanceof Uint8Array;
      const response = await fetch(url + path, {
        method,
        headers: { ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
        ...(body !== undefined && { body: raw ? (body as NonNullable<RequestInit['body']>) : JSON.stringify(body) }),
      });
      const text = await response.text();
      return { status: response.status, headers: response.headers, body: parsed(text) };
    },
    async close() {
      stopping.abort();
      await server.close(1_000);
      await log.close();
    },
  };
}

function parsed(text: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
