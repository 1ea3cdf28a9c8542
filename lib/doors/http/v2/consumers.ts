/**
 * The proxy's consumer instances: https://docs.confluent.io/platform/current/kafka-rest/api.html#consumers. No process remembers
 * one, so `base_uri` may be any address of the door. Added: DELETE of assignments, `session.timeout.ms`, offsets of all
 * partitions when none is named, and `timestamp` and `headers` of a record.
 */
import { type Context, Hono } from 'hono';
import * as z from 'zod/mini';
import { VarveError } from '../../../errors.ts';
import type { GroupOffset, GroupPartition } from '../../../log/groups/groups.ts';
import { bytesInJson, FRAME, json, list, recordTooLarge } from '../answers.ts';
import { bodyOfGet, contentType, withBody } from '../body.ts';
import { bindingsOf, type Door } from '../door.ts';
import { HttpProblem } from '../errors.ts';
import { check, parseJson } from '../parse.ts';
import { endings, linked } from '../read.ts';
import { acceptedTypes } from './accept.ts';
import { instanceOptions } from './consumer-config.ts';
import { EMBEDDED_TYPES, type Embedded, embeddedRecord } from './embedded.ts';

const GENERIC_TYPES = ['application/vnd.kafka.v2+json', 'application/vnd.kafka+json', 'application/json'] as const;
const BODY_TYPES = [...GENERIC_TYPES, EMBEDDED_TYPES.json, EMBEDDED_TYPES.binary] as const;

const whole = z.int().check(z.gte(0));
const partition = z.strictObject({ topic: z.string(), partition: whole });
const partitionsSchema = z.strictObject({ partitions: z.array(partition).check(z.maxLength(10_000)) });
const metadata = z.optional(z.nullable(z.string()));
const offsetsSchema = z.array(z.extend(partition, { offset: whole, metadata })).check(z.maxLength(10_000));
const time = z.iso.datetime({ offset: true });
const timestampsSchema = z.array(z.extend(partition, { timestamp: time, metadata })).check(z.maxLength(10_000));
const positionsSchema = z.strictObject({
  offsets: z.optional(z.nullable(offsetsSchema)),
  timestamps: z.optional(z.nullable(timestampsSchema)),
});
const commitSchema = z.strictObject({ offsets: z.optional(z.nullable(offsetsSchema)) });
const subscriptionSchema = z.strictObject({
  topics: z.optional(z.nullable(z.array(z.string()).check(z.maxLength(1_000)))),
  topic_pattern: z.optional(z.nullable(z.string())),
});

const INSTANCE = '/consumers/:group/instances/:instance';

export function consumers(door: Door): Hono {
  const { log, limits } = door;
  const { instances } = log;
  const app = new Hono();

  /** The body, undefined when there is none; content types matter only to what is there. */
  function withJson(c: Context, use: (body: unknown) => Promise<Response>): Promise<Response> {
    return withBody(c, door, async (bytes) => {
      if (bytes.length === 0) return use(undefined);
      contentType(c, BODY_TYPES);
      return use(parseJson(bytes, limits.maxDepth));
    });
  }

  const at = (c: Context) => [c.req.param('group')!, c.req.param('instance')!] as const;
  const done = (c: Context) => c.body(null, 204);

  /** Throws where a topic, or a partition of it, is not there. */
  async function checkThere(partitions: readonly GroupPartition[]): Promise<void> {
    for (const [topic, some] of Map.groupBy(partitions, (one) => one.topic)) {
      const { partitions: count } = await log.topics.describe(topic);
      const missing = some.find((one) => one.partition >= count);
      if (missing) {
        throw new HttpProblem('NO_SUCH_PARTITION', `The topic "${topic}" has no partition ${missing.partition}.`);
      }
    }
  }

  app.post('/consumers/:group', (c) =>
    withJson(c, async (body) => {
      const group = c.req.param('group');
      const name = await instances.create(group, instanceOptions(body ?? {}));
      const origin = `${new URL(c.req.url).origin}${bindingsOf(c).basePath ?? ''}`;
      const path = `/consumers/${encodeURIComponent(group)}/instances/${encodeURIComponent(name)}`;
      return json(c, { instance_id: name, base_uri: origin + path }, 200, 'v2');
    }),
  );

  app.delete(INSTANCE, async (c) => {
    await instances.delete(...at(c));
    return done(c);
  });

  app.post(`${INSTANCE}/subscription`, (c) =>
    withJson(c, async (body) => {
      const { topics, topic_pattern: pattern } = check(subscriptionSchema, body);
      const asked = topics ? { topics } : typeof pattern === 'string' ? { pattern } : undefined;
      if (!asked) throw new HttpProblem('INVALID_BODY', 'Give topics or topic_pattern.');
      if (topics && typeof pattern === 'string') {
        throw new VarveError('ILLEGAL_STATE', 'Give either topics or topic_pattern: an instance has one of them.');
      }
      await instances.subscribe(...at(c), asked);
      return done(c);
    }),
  );

  app.get(`${INSTANCE}/subscription`, async (c) =>
    json(c, { topics: await instances.subscription(...at(c)) }, 200, 'v2'),
  );

  app.post(`${INSTANCE}/assignments`, (c) =>
    withJson(c, async (body) => {
      const { partitions } = check(partitionsSchema, body);
      // Who asks for an instance that is not there is told of that first.
      await instances.assignment(...at(c));
      await checkThere(partitions);
      await instances.assign(...at(c), partitions);
      return done(c);
    }),
  );

  app.get(`${INSTANCE}/assignments`, async (c) =>
    json(c, { partitions: await instances.assignment(...at(c)) }, 200, 'v2'),
  );

  for (const what of ['subscription', 'assignments']) {
    app.delete(`${INSTANCE}/${what}`, async (c) => {
      await instances.free(...at(c));
      return done(c);
    });
  }

  app.post(`${INSTANCE}/positions`, (c) =>
    withJson(c, async (body) => {
      const { offsets, timestamps } = check(positionsSchema, body);
      if (!offsets && !timestamps) throw new HttpProblem('INVALID_BODY', 'Give offsets, timestamps, or both.');
      await instances.seek(...at(c), [
        ...(offsets ?? []).map(({ offset, ...of }) => ({ ...of, to: offset })),
        ...(timestamps ?? []).map(({ timestamp, ...of }) => ({ ...of, to: { timestamp: Date.parse(timestamp) } })),
      ]);
      return done(c);
    }),
  );

  for (const [where, to] of [
    ['beginning', 'earliest'],
    ['end', 'latest'],
  ] as const) {
    app.post(`${INSTANCE}/positions/${where}`, (c) =>
      withJson(c, async (body) => {
        const { partitions } = check(partitionsSchema, body);
        await instances.seek(
          ...at(c),
          partitions.map((of) => ({ ...of, to })),
        );
        return done(c);
      }),
    );
  }

  app.post(`${INSTANCE}/offsets`, (c) =>
    withJson(c, async (body) => {
      const { offsets } = check(commitSchema, body ?? {});
      if (!offsets) await instances.commit(...at(c));
      else {
        await instances.assignment(...at(c));
        await checkThere(offsets);
        // The proxy is given the record that was processed last: what is committed is the one after it.
        const next = offsets.map(({ topic, partition, offset, metadata }): GroupOffset => {
          return { topic, partition, offset: offset + 1, ...(typeof metadata === 'string' && { metadata }) };
        });
        await instances.commit(...at(c), next);
      }
      return json(c, [], 200, 'v2');
    }),
  );

  app.get(`${INSTANCE}/offsets`, async (c) => {
    const body = await bodyOfGet(c, door);
    const asked = body.length > 0 ? check(partitionsSchema, parseJson(body, limits.maxDepth)).partitions : undefined;
    const [group, instance] = at(c);
    await instances.assignment(group, instance);
    if (asked) await checkThere(asked);
    const offsets = await instances.committed(group, instance, asked);
    return json(c, { offsets: offsets.map((one) => ({ ...one, metadata: one.metadata ?? '' })) }, 200, 'v2');
  });

  app.get(`${INSTANCE}/records`, async (c) => {
    const wait = atMost(c, 'timeout', limits.maxWait);
    const maxBytes = atMost(c, 'max_bytes', limits.maxReadBytes) ?? limits.maxReadBytes;
    // Not held while it waits, but begun only when there is room.
    (await door.budget.take(0))();
    const { signal, unlink } = linked(endings(c, door));
    let format: Embedded = 'binary';
    const items: string[] = [];
    let room = limits.maxAnswerBytes - FRAME;
    try {
      await instances.poll(...at(c), {
        begin(own) {
          format = own as Embedded;
          if (!isAccepted(c, EMBEDDED_TYPES[format])) {
            throw new HttpProblem('FORMAT_MISMATCH', `This instance gives its records as ${EMBEDDED_TYPES[format]}.`);
          }
        },
        take(topic, partition, record) {
          const item = embeddedRecord(topic, partition, record, format);
          if (room !== Number.POSITIVE_INFINITY) room -= bytesInJson(item) + 1;
          if (room < 0 && items.length === 0) throw recordTooLarge();
          if (room >= 0) items.push(item);
          return room >= 0;
        },
        maxBytes,
        maxWait: limits.maxWait,
        ...(wait !== undefined && { wait }),
        signal,
      });
    } finally {
      unlink();
    }
    return list(c, door, '[', items, ']', EMBEDDED_TYPES[format]);
  });

  return app;
}

/** A number from the query, as the proxy has it: more than there may be is as much as there may be, -1 is none. */
function atMost(c: Context, name: string, most: number): number | undefined {
  const given = c.req.query(name);
  if (given === undefined || given === '-1') return undefined;
  if (!/^\d{1,15}$/.test(given)) throw new HttpProblem('INVALID_PARAMETER', `${name} must be a whole number, or -1.`);
  return Math.min(Number(given), most);
}

function isAccepted(c: Context, type: string): boolean {
  return acceptedTypes(c).some((one) => ['*/*', 'application/*', type, ...GENERIC_TYPES].includes(one));
}
