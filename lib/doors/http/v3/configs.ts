import { type Context, Hono } from 'hono';
import * as z from 'zod/mini';
import type { ConfigEntry } from '../../../log/topics.ts';
import { json, noSuchResource } from '../answers.ts';
import { contentType, withBody } from '../body.ts';
import type { Door } from '../door.ts';
import { HttpProblem } from '../errors.ts';
import { check, parseJson } from '../parse.ts';
import { clusterAt } from './resource.ts';

const alterSchema = z.object({
  data: z.array(
    z.object({
      name: z.string(),
      value: z.optional(z.nullable(z.string())),
      operation: z.optional(z.nullable(z.enum(['SET', 'DELETE']))),
    }),
  ),
  validate_only: z.optional(z.nullable(z.boolean())),
});
const putSchema = z.object({ value: z.optional(z.nullable(z.string())) });

export function configRoutes(door: Door): Hono {
  const { log, limits } = door;
  const app = new Hono();

  const shown = (c: Context, topic: string, { name, value, isDefault }: ConfigEntry) => {
    const source = isDefault ? 'DEFAULT_CONFIG' : 'DYNAMIC_TOPIC_CONFIG';
    const path = ['topics', topic, 'configs', name];
    return clusterAt(c, log.clusterId).resource('KafkaTopicConfig', `/topic=${topic}/config=${name}`, path, {
      topic_name: topic,
      name,
      value,
      is_default: isDefault,
      is_read_only: false,
      is_sensitive: false,
      source,
      synonyms: [{ name, value, source }],
    });
  };

  app.get('/topics/:topic/configs', async (c) => {
    const { name, config } = await log.topics.describe(c.req.param('topic'));
    const data = config.map((entry) => shown(c, name, entry));
    return json(c, clusterAt(c, log.clusterId).list('KafkaTopicConfigList', ['topics', name, 'configs'], data));
  });

  // As a pattern: a colon inside a segment would begin a parameter.
  app.post('/topics/:topic/:action{configs:alter}', (c) => {
    contentType(c, ['application/json']);
    return withBody(c, door, async (bytes) => {
      const { data, validate_only } = check(alterSchema, parseJson(bytes, limits.maxDepth));
      if (validate_only) {
        throw new HttpProblem('INVALID_BODY', 'validate_only is not supported for configs:alter; leave it out.');
      }
      const changes = data.map(({ name, value, operation }) => [name, operation === 'DELETE' ? null : (value ?? null)]);
      await log.topics.configure(c.req.param('topic'), Object.fromEntries(changes));
      return c.body(null, 204);
    });
  });

  app.get('/topics/:topic/configs/:name', async (c) => {
    const { name: topic, config } = await log.topics.describe(c.req.param('topic'));
    const entry = config.find(({ name }) => name === c.req.param('name'));
    if (!entry) throw noSuchResource('Topics have no configuration of this name.');
    return json(c, shown(c, topic, entry));
  });

  app.put('/topics/:topic/configs/:name', (c) => {
    contentType(c, ['application/json']);
    return withBody(c, door, async (bytes) => {
      const { value } = check(putSchema, parseJson(bytes, limits.maxDepth));
      await log.topics.configure(c.req.param('topic'), { [c.req.param('name')]: value ?? null });
      return c.body(null, 204);
    });
  });

  app.delete('/topics/:topic/configs/:name', async (c) => {
    await log.topics.configure(c.req.param('topic'), { [c.req.param('name')]: null });
    return c.body(null, 204);
  });

  return app;
}
