import { type Context, Hono } from 'hono';
import * as z from 'zod/mini';
import { VarveError } from '../../../errors.ts';
import type { AppendRecord, Bytes } from '../../../log/event-log.ts';
import { contentType, withBody } from '../body.ts';
import type { Door } from '../door.ts';
import { answerTo, HttpProblem } from '../errors.ts';
import { check, parseJson } from '../parse.ts';
import { objectSplitter } from './concatenated.ts';

const dataSchema = z.optional(
  z.nullable(
    z.object({ type: z.optional(z.nullable(z.enum(['BINARY', 'JSON', 'STRING']))), data: z.optional(z.unknown()) }),
  ),
);
const recordSchema = z.object({
  partition_id: z.optional(z.nullable(z.int().check(z.gte(0)))),
  headers: z.optional(z.nullable(z.array(z.object({ name: z.string(), value: z.optional(z.nullable(z.base64())) })))),
  key: dataSchema,
  value: dataSchema,
  timestamp: z.optional(z.nullable(z.iso.datetime({ offset: true }))),
});

interface Incoming {
  record: AppendRecord;
  /** What the report says of key and value. */
  sizes: Record<string, unknown>;
}

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

/** Bytes of the longest report: names in it have 249 characters at most. */
const LONGEST_REPORT = 1000;

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
  const incoming = objects.map((object) => {
    try {
      return incomingOf(check(recordSchema, parseJson(object, door.limits.maxDepth)));
    } catch (error) {
      return error;
    }
  });
  const good = incoming.filter((one) => !(one instanceof Error)) as Incoming[];
  const answers = await door.log.appendSettled(
    topic,
    good.map(({ record }) => record),
  );
  const settled = answers.values();
  return incoming.map((one) => {
    const answer = one instanceof Error ? one : settled.next().value;
    if (answer instanceof HttpProblem || answer instanceof VarveError)
      return JSON.stringify(answerTo(answer, 'v3').body);
    if (answer === undefined || answer instanceof Error) throw answer;
    return JSON.stringify({
      error_code: 200,
      cluster_id: door.log.clusterId,
      topic_name: topic,
      partition_id: answer.partition,
      offset: answer.offset,
      timestamp: new Date(answer.timestamp).toISOString(),
      ...(one as Incoming).sizes,
    });
  });
}

function incomingOf(request: z.output<typeof recordSchema>): Incoming {
  const [key, value] = [bytesOf(request.key, 'key'), bytesOf(request.value, 'value')];
  const size = (data: typeof request.key, bytes: Bytes | null) =>
    bytes === null ? null : { type: data?.type, size: Buffer.byteLength(bytes) };
  return {
    record: {
      key,
      value,
      ...(typeof request.partition_id === 'number' && { partition: request.partition_id }),
      ...(request.timestamp && { timestamp: Date.parse(request.timestamp) }),
      headers: (request.headers ?? []).map(({ name, value }) => ({
        key: name,
        value: typeof value === 'string' ? Buffer.from(value, 'base64') : null,
      })),
    },
    sizes: { key: size(request.key, key), value: size(request.value, value) },
  };
}

function bytesOf(given: z.output<typeof dataSchema>, name: string): Bytes | null {
  const data = given?.data ?? null;
  if (data === null) return null;
  switch (given?.type) {
    case 'JSON':
      return JSON.stringify(data);
    case 'STRING':
      if (typeof data === 'string') return data;
      throw new HttpProblem('INVALID_BODY', `${name}.data must be a string when its type is STRING.`);
    case 'BINARY':
      if (z.safeParse(z.base64(), data).success) return Buffer.from(data as string, 'base64');
      throw new HttpProblem('INVALID_BODY', `${name}.data must be base64 when its type is BINARY.`);
    default:
      throw new HttpProblem(
        'INVALID_BODY',
        `${name}.type must be BINARY, JSON or STRING: there is no schema registry.`,
      );
  }
}
