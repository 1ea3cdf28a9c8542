import * as z from 'zod/mini';
import { VarveError } from '../../../errors.ts';
import type { AppendRecord, Bytes } from '../../../log/event-log.ts';
import type { Door } from '../door.ts';
import { answerTo, type ErrorBody, HttpProblem } from '../errors.ts';

const dataSchema = z.optional(
  z.nullable(
    z.object({ type: z.optional(z.nullable(z.enum(['BINARY', 'JSON', 'STRING']))), data: z.optional(z.unknown()) }),
  ),
);
/** Strict: who misspells a field would append a record without it. */
export const recordSchema = z.strictObject({
  partition_id: z.optional(z.nullable(z.int().check(z.gte(0)))),
  headers: z.optional(z.nullable(z.array(z.object({ name: z.string(), value: z.optional(z.nullable(z.base64())) })))),
  key: dataSchema,
  value: dataSchema,
  timestamp: z.optional(z.nullable(z.iso.datetime({ offset: true }))),
});

/** A record that a request gives. */
export interface Incoming {
  record: AppendRecord;
  /** What the report says of key and value. */
  sizes: Record<string, unknown>;
}

/** Bytes of the longest report: names in it have 249 characters at most. */
export const LONGEST_REPORT = 1000;

/** What became of one record. */
export type Settled = { report: Record<string, unknown> } | { refused: ErrorBody };

/** Appends the records that `read` finds, all together; answers for each, in order, where it is or why it is not there. */
export async function appendEach<T>(
  { log }: Door,
  topic: string,
  items: readonly T[],
  read: (item: T) => Incoming,
): Promise<Settled[]> {
  const incoming = items.map((item) => {
    try {
      return read(item);
    } catch (error) {
      return error;
    }
  });
  const good = incoming.filter((one) => !(one instanceof Error)) as Incoming[];
  const answers = await log.appendSettled(
    topic,
    good.map(({ record }) => record),
  );
  const settled = answers.values();
  return incoming.map((one) => {
    const answer = one instanceof Error ? one : settled.next().value;
    if (answer instanceof HttpProblem || answer instanceof VarveError) return { refused: answerTo(answer, 'v3').body };
    if (answer === undefined || answer instanceof Error) throw answer;
    const report = {
      cluster_id: log.clusterId,
      topic_name: topic,
      partition_id: answer.partition,
      offset: answer.offset,
      timestamp: new Date(answer.timestamp).toISOString(),
      ...(one as Incoming).sizes,
    };
    return { report };
  });
}

export function incomingOf(request: z.output<typeof recordSchema>): Incoming {
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
