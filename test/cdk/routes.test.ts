import { describe, expect, it } from 'vitest';
import { ROUTES } from '../../cdk/routes.ts';
import { systemClock } from '../../lib/clock.ts';
import { httpDoor } from '../../lib/doors/http/http-door.ts';
import { openMemory } from '../../lib/open/memory.ts';

/** How well a segment of a route fits one of a path: itself, a parameter, or any rest of the path. */
const FITS = [
  (route: string, segment: string) => route === segment,
  (route: string) => /^\{\w+\}$/.test(route),
  (route: string) => route === '{proxy+}',
];
const parts = (path: string) => path.split('/').filter((one) => one !== '');

/** What API Gateway does with a request: the most specific path that matches as a whole, then its method, or `ANY`. */
function functionFor(method: string, path: string): string {
  const asked = parts(path);
  const matches = ROUTES.flatMap(([route, methods]) => {
    const segments = parts(route);
    const greedy = segments.at(-1) === '{proxy+}';
    if (greedy ? asked.length < segments.length : asked.length !== segments.length) return [];
    const fits = segments.map((one, i) => FITS.findIndex((matches) => matches(one, asked[i]!)));
    return fits.includes(-1) ? [] : [{ fits: fits.join(''), methods }];
  });
  const [best] = matches.sort((a, b) => a.fits.localeCompare(b.fits));
  return best?.methods[method] ?? best?.methods.ANY ?? 'refused';
}

async function doorsRoutes() {
  const log = await openMemory();
  const { routes } = httpDoor({ log, clock: systemClock });
  await log.close();
  return routes
    .filter(({ method }) => method !== 'ALL')
    .map(({ method, path }) => ({
      method,
      path: path.replace(/\/:action\{(.+)\}$/, '/$1').replace(/:(\w+)/g, 'one-$1'),
    }));
}

describe('the routes of the API', () => {
  it('bring each request to the function that has the rights for it', async () => {
    const PRODUCES = /^\/api\/producers$|\/records(:batch)?$|^\/topics\/[^/]+(\/partitions\/[^/]+)?$/;
    const served = await doorsRoutes();

    expect(served.length).toBeGreaterThan(40);
    for (const { method, path } of served) {
      const isConsumer = path.startsWith('/consumers/');
      const expected =
        method === 'GET' || isConsumer ? 'fetch' : method === 'POST' && PRODUCES.test(path) ? 'produce' : 'admin';
      expect([method, path, functionFor(method, path)]).toEqual([method, path, expected]);
      if (method === 'GET') expect(['HEAD', path, functionFor('HEAD', path)]).toEqual(['HEAD', path, 'fetch']);
    }
  });
});
