import type { MiddlewareHandler } from 'hono';
import { HttpProblem } from './errors.ts';

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;
const HOST = /^(\[[0-9a-f:.]+\]|[^:[\]]+)(?::\d{1,5})?$/;

/**
 * Refuses a request whose Host is neither loopback nor one of `allowed` (names without a port; `*` allows any): a web page
 * whose name was made to point at this machine (DNS rebinding) carries its own name there. And it refuses a change that a page
 * of another origin asks for: a browser always names the origin.
 */
export function onlyKnownHosts(allowed: readonly string[], origins: readonly string[]): MiddlewareHandler {
  const hosts = new Set(allowed.map((host) => host.toLowerCase()));
  const isKnown = (host: string) => {
    const name = HOST.exec(host.toLowerCase())?.[1];
    return name !== undefined && (LOOPBACK.test(name) || hosts.has(name) || hosts.has('*'));
  };
  return async (c, next) => {
    const host = c.req.header('host') ?? new URL(c.req.url).host;
    if (!isKnown(host)) {
      throw new HttpProblem('FOREIGN_HOST', 'This Host is not served here; name it with --allow-host if it should be.');
    }
    const origin = c.req.header('origin');
    const reads = c.req.method === 'GET' || c.req.method === 'HEAD' || c.req.method === 'OPTIONS';
    if (origin !== undefined && !reads && !origins.includes(origin) && URL.parse(origin)?.host !== host) {
      throw new HttpProblem(
        'FOREIGN_ORIGIN',
        'Pages of this origin may not write here; name it with --cors-origin if they may.',
      );
    }
    return next();
  };
}
