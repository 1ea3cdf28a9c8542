import type { Context, Next } from 'hono';
import { HttpProblem } from '../errors.ts';

const OUR_TYPES = /^(\*|application)\/(\*|json|vnd\.kafka(\.[a-z]+)?(\.v2)?\+json)$/;

/** The media types that the request would take, without their parameters. */
export function acceptedTypes(c: Context): string[] {
  return (c.req.header('accept') ?? '*/*').split(',').map((one) => one.split(';')[0]!.trim().toLowerCase());
}

/** As with the proxy, who would take no JSON of any kind gets none. NOT_ACCEPTABLE. */
export async function onlyIfAccepted(c: Context, next: Next): Promise<void> {
  if (!acceptedTypes(c).some((type) => OUR_TYPES.test(type))) {
    throw new HttpProblem('NOT_ACCEPTABLE', 'What Accept names is not to be had: answers are application/json.');
  }
  await next();
}
