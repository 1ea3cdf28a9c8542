import { Hono } from 'hono';
import * as z from 'zod/mini';
import { json } from '../answers.ts';
import type { Door } from '../door.ts';
import { HttpProblem } from '../errors.ts';
import { check } from '../parse.ts';
import { withJson } from './body.ts';
import { appendEach, incomingOf, LONGEST_REPORT, recordSchema } from './incoming.ts';

const idSchema = z.string().check(z.minLength(1), z.maxLength(80));
/** Bytes of an id, its characters escaped twice where answers travel in JSON. */
const LONGEST_ID = 80 * 7;
/** Records are looked at one by one: what is wrong with one is said of that one. */
const batchSchema = z.strictObject({ entries: z.array(z.looseObject({ id: z.unknown() })) });

/** Records with names of the caller's own, in one body; an answer for each, those that were appended and those that were not. */
export function recordBatchRoutes(door: Door): Hono {
  const app = new Hono();
  // As a pattern: a colon inside a segment would begin a parameter.
  app.post('/topics/:topic/:action{records:batch}', (c) =>
    withJson(c, door, z.unknown(), async (body) => {
      const batch = z.safeParse(batchSchema, body);
      if (!batch.success) throw invalid('A batch is {"entries": [...]} and nothing else.');
      const { entries } = batch.data;
      const ids = entries.map(({ id }) => z.safeParse(idSchema, id));
      if (!ids.every(({ success }) => success)) throw invalid('An entry needs an id, a text of 1 to 80 characters.');
      if (entries.length === 0) throw invalid('The batch is empty.');
      if (new Set(ids.map(({ data }) => data)).size < ids.length) throw invalid('The ids of entries must be distinct.');
      const { maxRecords, maxAnswerBytes } = door.limits;
      const most = Math.min(maxRecords, Math.floor(maxAnswerBytes / (LONGEST_REPORT + LONGEST_ID)));
      if (entries.length > most) throw invalid(`A batch has ${most} entries at most.`);
      const settled = await appendEach(door, c.req.param('topic'), entries, ({ id: _, ...record }) => {
        return incomingOf(check(recordSchema, record));
      });
      const successes: Record<string, unknown>[] = [];
      const failures: Record<string, unknown>[] = [];
      settled.forEach((one, i) => {
        const { data: id } = ids[i]!;
        if ('report' in one) successes.push({ id, ...one.report });
        else failures.push({ id, error_code: one.refused.error_code, message: one.refused.message });
      });
      return json(c, { successes, failures }, 207);
    }),
  );
  return app;
}

function invalid(message: string): HttpProblem {
  return new HttpProblem('INVALID_BATCH', message);
}
