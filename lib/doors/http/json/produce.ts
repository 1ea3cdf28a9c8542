import { type Context, Hono } from 'hono';
import * as z from 'zod/mini';
import { VarveError } from '../../../errors.ts';
import type { AppendedRecord, AppendOptions } from '../../../log/event-log.ts';
import { json } from '../answers.ts';
import { contentType, withBody } from '../body.ts';
import type { Door } from '../door.ts';
import { answerTo, HttpProblem } from '../errors.ts';
import { parseWhole, partitionOf } from '../params.ts';
import { check, parseJson } from '../parse.ts';
import { recordSchema, toAppend } from './record.ts';

const JSON_BODY = 'application/json';
const LINES = 'application/x-ndjson';

const whole = (max: number) => z.optional(z.int().check(z.gte(0), z.lte(max)));

const PRODUCER = { producer_id: Number.MAX_SAFE_INTEGER, producer_epoch: 32_767, sequence: 2 ** 31 - 1 } as const;
type ProducerField = keyof typeof PRODUCER;

const requestSchema = z.strictObject({
  records: z.array(recordSchema).check(z.minLength(1)),
  producer_id: whole(PRODUCER.producer_id),
  producer_epoch: whole(PRODUCER.producer_epoch),
  sequence: whole(PRODUCER.sequence),
});
type ProduceRequest = z.output<typeof requestSchema>;

export function produceRoutes(door: Door): Hono {
  const app = new Hono();
  app.post('/topics/:topic/records', (c) => produce(c, door, c.req.param('topic')));
  app.post('/topics/:topic/partitions/:partition/records', (c) =>
    produce(c, door, c.req.param('topic'), partitionOf(c)),
  );
  app.post('/producers', async (c) => {
    const { id, epoch } = await door.log.allocateProducer();
    return json(c, { producer_id: id, producer_epoch: epoch }, 201);
  });
  return app;
}

/** 200 when all records were appended, 207 when some were, else the first record's error; always with an answer for each record. */
async function produce(c: Context, door: Door, topic: string, partition?: number): Promise<Response> {
  const type = contentType(c, [JSON_BODY, LINES]);
  return withBody(c, door, async (body) => {
    const request = type === LINES ? lines(body, door) : envelope(body, door);
    if (request.records.length > door.limits.maxRecords) {
      throw new HttpProblem('BODY_TOO_LARGE', `Send at most ${door.limits.maxRecords} records in one request.`);
    }
    const producer = producerOf(c, request);
    if (producer && partition === undefined && request.records.some((record) => record.partition === undefined)) {
      throw new HttpProblem('INVALID_BODY', 'A producer_id goes with a partition: in the path, or in every record.');
    }
    const answers = await door.log.appendSettled(
      topic,
      request.records.map((record) => toAppend(record, partition)),
      producer ? { producer } : {},
    );
    return answered(c, answers, partition !== undefined);
  });
}

function answered(c: Context, answers: (AppendedRecord | VarveError)[], inPath: boolean): Response {
  const refused = (answer: AppendedRecord | VarveError) => answer instanceof VarveError;
  const offsets = answers.map((answer) =>
    answer instanceof VarveError
      ? answerTo(answer, 'json', { partition: true }).body
      : { partition: answer.partition, offset: answer.offset, timestamp: answer.timestamp },
  );
  if (!answers.some(refused)) return json(c, { offsets });
  if (!answers.every(refused)) return json(c, { offsets }, 207);
  // A partition in the path may be wrong because the topic is: that is found out where all such errors are answered.
  if (inPath && (answers[0] as VarveError).code === 'UNKNOWN_TOPIC_OR_PARTITION') throw answers[0];
  const { status, body } = answerTo(answers[0], 'json', { partition: true });
  if (body.retriable) c.header('retry-after', '1');
  return json(c, { ...body, offsets }, status);
}

function envelope(body: Uint8Array, door: Door): ProduceRequest {
  const value = parseJson(body, door.limits.maxDepth);
  return check(requestSchema, Array.isArray(value) ? { records: value } : value);
}

const LINE_FEED = 10;

function lines(body: Uint8Array, door: Door): ProduceRequest {
  const records: unknown[] = [];
  for (let at = 0; at < body.length; ) {
    const end = body.indexOf(LINE_FEED, at);
    const line = body.subarray(at, end === -1 ? body.length : end);
    at += line.length + 1;
    if (line.some((byte) => byte > 32)) records.push(parseJson(line, door.limits.maxDepth));
  }
  return check(requestSchema, { records });
}

/** From the envelope, or from the query where there is none. All three or none. */
function producerOf(c: Context, request: ProduceRequest): AppendOptions['producer'] {
  const field = (name: ProducerField) => {
    const inQuery = c.req.query(name);
    return request[name] ?? (inQuery === undefined ? undefined : parseWhole(inQuery, name, { max: PRODUCER[name] }));
  };
  const [id, epoch, sequence] = [field('producer_id'), field('producer_epoch'), field('sequence')];
  if (id === undefined && epoch === undefined && sequence === undefined) return undefined;
  if (id === undefined || epoch === undefined || sequence === undefined) {
    throw new HttpProblem('INVALID_BODY', 'producer_id, producer_epoch and sequence go together: send all three.');
  }
  return { id, epoch, sequence };
}
