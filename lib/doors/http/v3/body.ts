import type { Context } from 'hono';
import type * as z from 'zod/mini';
import { contentType, withBody } from '../body.ts';
import type { Door } from '../door.ts';
import { HttpProblem } from '../errors.ts';
import { check, parseJson } from '../parse.ts';

/** The JSON of a request, as the schema has it; NO_BODY when there is none, or null. */
export function withJson<T>(
  c: Context,
  door: Door,
  schema: z.ZodMiniType<T>,
  use: (body: T) => Promise<Response>,
): Promise<Response> {
  contentType(c, ['application/json']);
  return withBody(c, door, (bytes) => {
    const body = bytes.length === 0 ? null : parseJson(bytes, door.limits.maxDepth);
    if (body === null) throw new HttpProblem('NO_BODY', 'The body is empty: JSON is required.');
    return use(check(schema, body));
  });
}
