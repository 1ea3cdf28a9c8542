import { type Context, Hono } from 'hono';
import { contentType, withBody } from '../body.ts';
import type { Door } from '../door.ts';
import { answerTo, HttpProblem } from '../errors.ts';
import { check, parseJson } from '../parse.ts';
import { objectSplitter } from './concatenated.ts';
import { appendEach, incomingOf, LONGEST_REPORT, recordSchema } from './incoming.ts';

export function recordRoutes(door: Door): Hono {
  const app = new Hono();
  app.post('/topics/:topic/records', async (c) => {
    contentType(c, ['application/json']);
    const topic = c.req.param('topic');
    if (c.req.header('content-encoding') === undefined) return produce(c, door, topic, c.req.raw.body);
    return withBody(c, door, (body) => produce(c, door, topic, new Blob([new Uint8Array(body)]).stream()));
  });
  return app;
}

/**
 * Records as concatenated JSON, for as long as they come; a report for each, in the same order, as soon as it is durable. What
 * one chunk brings is appended together, and the next is read when that is done. An error before the first report is the answer.
 */
async function produce(
  c: Context,
  door: Door,
  topic: string,
  body: ReadableStream<Uint8Array> | null,
): Promise<Response> {
  if (body === null) throw new HttpProblem('INVALID_BODY', 'The body is empty: send records.');
  const splitter = objectSplitter(door.limits.maxBodyBytes);
  const reader = body.getReader();
  const encoder = new TextEncoder();
  let room = door.limits.maxAnswerBytes;

  /** The reports of the next chunk that completes records; undefined at the end. */
  async function next(): Promise<string | undefined> {
    for (;;) {
      const release = door.budget.hold(splitter.pending);
      try {
        const { done, value } = await reader.read();
        if (done) {
          splitter.end();
          return undefined;
        }
        const objects = splitter.push(value);
        room -= objects.length * LONGEST_REPORT;
        // Nothing is appended whose report would not reach the caller.
        if (room < 0) throw tooManyRecords(door.limits.maxAnswerBytes);
        if (objects.length > 0) return (await append(door, topic, objects)).join('\r\n').concat('\r\n');
      } finally {
        release();
      }
    }
  }

  const first = await next();
  if (first === undefined) throw new HttpProblem('INVALID_BODY', 'The body is empty: send records.');
  const reports = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(encoder.encode(first)),
    async pull(controller) {
      try {
        const text = door.stopping.aborted ? undefined : await next();
        if (text !== undefined) return controller.enqueue(encoder.encode(text));
      } catch (error) {
        controller.enqueue(encoder.encode(`${JSON.stringify(answerTo(error, 'v3').body)}\r\n`));
      }
      controller.close();
    },
    cancel: (reason) => reader.cancel(reason),
  });
  return c.newResponse(reports, { headers: { 'content-type': 'application/json' } });
}

function tooManyRecords(maxAnswerBytes: number): HttpProblem {
  const most = Math.floor(maxAnswerBytes / LONGEST_REPORT);
  return new HttpProblem('BODY_TOO_LARGE', `Send at most ${most} records in one request.`);
}

async function append(door: Door, topic: string, objects: readonly Uint8Array[]): Promise<string[]> {
  const settled = await appendEach(door, topic, objects, (object) => {
    return incomingOf(check(recordSchema, parseJson(object, door.limits.maxDepth)));
  });
  return settled.map((one) => JSON.stringify('report' in one ? { error_code: 200, ...one.report } : one.refused));
}
