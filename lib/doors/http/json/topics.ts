import { type Context, Hono } from 'hono';
import * as z from 'zod/mini';
import type { TopicDescription } from '../../../log/topics.ts';
import { json } from '../answers.ts';
import { contentType, withBody } from '../body.ts';
import { bindingsOf, type Door } from '../door.ts';
import { wholeNumber } from '../params.ts';
import { check, parseJson } from '../parse.ts';

const JSON_BODY = ['application/json'] as const;

const configValue = z.union([z.string(), z.number(), z.boolean()]);

const newTopic = z.strictObject({
  name: z.string(),
  partitions: z.optional(z.int()),
  config: z.optional(z.record(z.string(), configValue)),
});

const topicChange = z.strictObject({
  partitions: z.optional(z.int()),
  config: z.optional(z.record(z.string(), z.nullable(configValue))),
});

export function topicRoutes(door: Door): Hono {
  const { log, limits } = door;
  const app = new Hono();

  const bodyOf = <T>(c: Context, schema: z.ZodMiniType<T>, use: (body: T) => Promise<Response>) => {
    contentType(c, JSON_BODY);
    return withBody(c, door, (bytes) => use(check(schema, parseJson(bytes, limits.maxDepth))));
  };

  app.get('/topics', async (c) => {
    const after = c.req.query('after');
    const limit = wholeNumber(c, 'limit', { min: 1, max: 1000, fallback: 100 });
    const topics = await log.topics.list({ limit, ...(after !== undefined && { after }) });
    return json(c, { topics, next: topics.length === limit ? topics.at(-1)!.name : null });
  });

  app.post('/topics', (c) =>
    bodyOf(c, newTopic, async ({ name, partitions, config = {} }) => {
      const created = await log.topics.create(name, {
        ...(partitions !== undefined && { partitions }),
        config: Object.fromEntries(Object.entries(config).map(([key, value]) => [key, String(value)])),
      });
      c.header('location', `${bindingsOf(c).basePath ?? ''}/api/topics/${encodeURIComponent(created.name)}`);
      return json(c, shown(created), 201);
    }),
  );

  app.get('/topics/:topic', async (c) => json(c, shown(await log.topics.describe(c.req.param('topic')))));

  app.patch('/topics/:topic', (c) =>
    bodyOf(c, topicChange, async ({ partitions, config }) => {
      const name = c.req.param('topic')!;
      let topic = await log.topics.describe(name);
      if (config) {
        const changes = Object.entries(config).map(([key, value]) => [key, value === null ? null : String(value)]);
        topic = await log.topics.configure(name, Object.fromEntries(changes));
      }
      if (partitions !== undefined && partitions !== topic.partitions) topic = await log.topics.grow(name, partitions);
      return json(c, shown(topic));
    }),
  );

  app.delete('/topics/:topic', async (c) => {
    await log.topics.delete(c.req.param('topic'));
    return c.body(null, 204);
  });

  return app;
}

function shown({ name, id, partitions, created, config }: TopicDescription) {
  const entries = config.map(({ name, value, isDefault, enforced }) => [
    name,
    { value, is_default: isDefault, enforced },
  ]);
  return { name, id, partitions, created, config: Object.fromEntries(entries) };
}
