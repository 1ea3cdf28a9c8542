import type { Context } from 'hono';
import type { StatusCode } from 'hono/utils/http-status';
import { VarveError } from '../../errors.ts';
import type { Door } from './door.ts';
import { type Dialect, HttpProblem } from './errors.ts';

const V2_TYPE = 'application/vnd.kafka.v2+json';

/** JSON of `value`, under the content type of the room. */
export function json(c: Context, value: unknown, status = 200, dialect: Dialect = 'json'): Response {
  return text(c, JSON.stringify(value), status, dialect === 'v2' ? V2_TYPE : 'application/json');
}

export function text(c: Context, body: string, status = 200, type = 'application/json'): Response {
  return c.newResponse(body, { status: status as StatusCode, headers: { 'content-type': type } });
}

const STREAMED = 64 * 1024;

/**
 * A JSON list with what stands before and after it. A large one is counted as held until the client has taken it, and goes out
 * in pieces as fast as the client takes them.
 */
export function list(c: Context, door: Door, before: string, items: string[], after: string, type?: string): Response {
  const size = items.reduce((sum, item) => sum + item.length, 0);
  if (size <= STREAMED) return text(c, `${before}${items.join(',')}${after}`, 200, type);
  const release = door.budget.hold(size);
  const encoder = new TextEncoder();
  let at = 0;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      let piece = at === 0 ? before : '';
      while (at < items.length && piece.length < STREAMED) piece += `${at === 0 ? '' : ','}${items[at++]}`;
      if (at < items.length) return controller.enqueue(encoder.encode(piece));
      controller.enqueue(encoder.encode(piece + after));
      controller.close();
      release();
    },
    cancel: release,
  });
  return c.newResponse(body, { headers: { 'content-type': type ?? 'application/json' } });
}

/** Bytes of an answer that are none of its records. */
export const FRAME = 1024;

/** Bytes of the text inside a JSON string. */
export function bytesInJson(text: string): number {
  return Buffer.byteLength(JSON.stringify(text)) - 2;
}

/** How many of the items, from the first on, one answer may hold. MESSAGE_TOO_LARGE when that is not even the first. */
export function fitting(items: readonly string[], maxAnswerBytes: number): number {
  if (maxAnswerBytes === Number.POSITIVE_INFINITY) return items.length;
  let left = maxAnswerBytes - FRAME;
  const over = items.findIndex((item) => {
    left -= bytesInJson(item) + 1;
    return left < 0;
  });
  if (over === 0) throw recordTooLarge();
  return over === -1 ? items.length : over;
}

export function recordTooLarge(): VarveError {
  return new VarveError(
    'MESSAGE_TOO_LARGE',
    'The next record is larger than an answer may be here: read it by the library, or go on after it.',
  );
}

/** The error of a path that leads nowhere. */
export function noSuchResource(message = 'There is nothing at this address.'): HttpProblem {
  return new HttpProblem('NO_SUCH_RESOURCE', message);
}
