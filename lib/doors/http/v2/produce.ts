import type { Context } from 'hono';
import * as z from 'zod/mini';
import { VarveError } from '../../../errors.ts';
import type { AppendRecord, Bytes } from '../../../log/event-log.ts';
import { json } from '../answers.ts';
import { contentType, withBody } from '../body.ts';
import type { Door } from '../door.ts';
import { HttpProblem } from '../errors.ts';
import { check, parseJson } from '../parse.ts';

const FORMATS = ['application/vnd.kafka.json.v2+json', 'application/vnd.kafka.binary.v2+json'] as const;

const base64 = z.optional(z.nullable(z.base64()));
const ignored = z.optional(z.unknown());

const inTopic = z.optional(z.nullable(z.int().check(z.gte(0))));
const inPartition = z.optional(z.undefined('The address says which partition it is'));

/** As with the proxy, what it does not know is refused: a record with a mistyped `value` would be a tombstone. */
const requestOf = (data: z.ZodMiniType, partition: typeof inTopic | typeof inPartition) =>
  z.strictObject({
    records: z
      .array(
        z.strictObject({
          key: data,
          value: data,
          partition,
          timestamp: z.optional(z.nullable(z.int().check(z.gte(0)))),
          headers: z.optional(z.array(z.strictObject({ name: z.string(), value: base64 }))),
        }),
      )
      .check(z.minLength(1)),
    key_schema: ignored,
    key_schema_id: ignored,
    value_schema: ignored,
    value_schema_id: ignored,
  });

const requestsOf = (data: z.ZodMiniType) => ({
  topic: requestOf(data, inTopic),
  partition: requestOf(data, inPartition),
});

const REQUESTS = {
  'application/vnd.kafka.json.v2+json': requestsOf(z.optional(z.unknown())),
  'application/vnd.kafka.binary.v2+json': requestsOf(base64),
};

/** As the proxy documents them: what went wrong with one record of a request that was right as a whole. */
const [NON_RETRIABLE, RETRIABLE] = [1, 2];

/** Answers 200 with an offset or an error for each record, in order. */
export async function produce(c: Context, door: Door, topic: string, partition?: number): Promise<Response> {
  const format = contentType(c, FORMATS);
  const binary = format === 'application/vnd.kafka.binary.v2+json';
  return withBody(c, door, async (body) => {
    const request = REQUESTS[format][partition === undefined ? 'topic' : 'partition'];
    const { records } = check(request, parseJson(body, door.limits.maxDepth));
    if (records.length > door.limits.maxRecords) {
      throw new HttpProblem('BODY_TOO_LARGE', `Send at most ${door.limits.maxRecords} records in one request.`);
    }
    const answers = await door.log.appendSettled(
      topic,
      records.map((record): AppendRecord => {
        const to = record.partition ?? partition;
        return {
          key: bytesOf(record.key, binary),
          value: bytesOf(record.value, binary),
          ...(to !== undefined && { partition: to }),
          ...(typeof record.timestamp === 'number' && { timestamp: record.timestamp }),
          ...(record.headers && {
            headers: record.headers.map(({ name, value }) => ({ key: name, value: bytesOf(value, true) })),
          }),
        };
      }),
    );
    const first = answers[0];
    const nowhere = (answer: unknown) => answer instanceof VarveError && answer.code === 'UNKNOWN_TOPIC_OR_PARTITION';
    if (partition !== undefined && answers.every(nowhere)) throw first;
    const offsets = answers.map((answer) =>
      answer instanceof VarveError
        ? {
            partition: null,
            offset: null,
            error_code: answer.retriable ? RETRIABLE : NON_RETRIABLE,
            error: answer.message,
          }
        : { partition: answer.partition, offset: answer.offset, error_code: null, error: null },
    );
    return json(c, { offsets, key_schema_id: null, value_schema_id: null }, 200, 'v2');
  });
}

/** JSON is kept as its text, as the proxy keeps it: a string with its quotes. */
function bytesOf(data: unknown, binary: boolean): Bytes | null {
  if (data === undefined || data === null) return null;
  return binary ? Buffer.from(data as string, 'base64') : JSON.stringify(data);
}
