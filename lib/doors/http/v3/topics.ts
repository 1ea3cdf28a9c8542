import { type Context, Hono } from 'hono';
import * as z from 'zod/mini';
import { json } from '../answers.ts';
import type { Door } from '../door.ts';
import { HttpProblem } from '../errors.ts';
import { withJson } from './body.ts';
import { clusterAt, nextPage, pageOf } from './resource.ts';

const createSchema = z.object({
  topic_name: z.string(),
  partitions_count: z.optional(z.nullable(z.int())),
  replication_factor: z.optional(z.nullable(z.int().check(z.gte(-1), z.lte(32_767)))),
  replicas_assignments: z.optional(z.nullable(z.record(z.string(), z.array(z.int())))),
  configs: z.optional(z.nullable(z.array(z.object({ name: z.string(), value: z.optional(z.nullable(z.string())) })))),
  validate_only: z.optional(z.nullable(z.boolean())),
});
const growSchema = z.object({ partitions_count: z.int() });

/** What the proxy and its clients mean by "as the broker likes". */
const DEFAULT_PARTITIONS = -1;

export function topicRoutes(door: Door): Hono {
  const { log } = door;
  const app = new Hono();

  const shown = (c: Context, topic: { name: string; partitions: number }) => {
    const { resource, related } = clusterAt(c, log.clusterId);
    const path = ['topics', topic.name];
    return resource('KafkaTopic', `/topic=${topic.name}`, path, {
      topic_name: topic.name,
      is_internal: false,
      replication_factor: 1,
      partitions_count: topic.partitions,
      partitions: related(...path, 'partitions'),
      configs: related(...path, 'configs'),
      partition_reassignments: related(...path, 'partitions', '-', 'reassignment'),
      authorized_operations: [],
    });
  };

  app.get('/topics', async (c) => {
    const { list, url } = clusterAt(c, log.clusterId);
    const page = pageOf(c, 1000);
    const topics = await log.topics.list(page);
    const data = topics.map((topic) => shown(c, topic));
    return json(
      c,
      list('KafkaTopicList', ['topics'], data, nextPage(url('topics'), page, topics, topics.at(-1)?.name)),
    );
  });

  app.post('/topics', (c) =>
    withJson(c, door, createSchema, async ({ topic_name: name, configs, validate_only, ...request }) => {
      const config = (configs ?? []).flatMap(({ name, value }) => (typeof value === 'string' ? [[name, value]] : []));
      const partitions = partitionsOf(request);
      const validateOnly = validate_only ?? false;
      const topic = await log.topics.create(name, {
        ...(partitions !== undefined && { partitions }),
        config: Object.fromEntries(config),
        validateOnly,
      });
      c.header('location', clusterAt(c, log.clusterId).url('topics', topic.name));
      return json(c, shown(c, topic), validateOnly ? 200 : 201);
    }),
  );

  app.get('/topics/:topic', async (c) => json(c, shown(c, await log.topics.describe(c.req.param('topic')))));

  app.patch('/topics/:topic', (c) =>
    withJson(c, door, growSchema, async ({ partitions_count }) =>
      json(c, shown(c, await log.topics.grow(c.req.param('topic'), partitions_count))),
    ),
  );

  app.delete('/topics/:topic', async (c) => {
    await log.topics.delete(c.req.param('topic'));
    return c.body(null, 204);
  });

  return app;
}

/** Undefined: as the broker likes. Assignments of replicas say how many partitions there are, and nothing else: the stores below replicate. */
function partitionsOf(request: Pick<z.output<typeof createSchema>, 'partitions_count' | 'replicas_assignments'>) {
  const { partitions_count: count, replicas_assignments: assignments } = request;
  if (assignments) {
    const named = Object.keys(assignments);
    if (typeof count === 'number') {
      throw new HttpProblem('INVALID_BODY', 'Give either partitions_count or replicas_assignments.');
    }
    if (named.length === 0 || !named.every((_, id) => Object.hasOwn(assignments, id))) {
      throw new HttpProblem('INVALID_BODY', 'replicas_assignments: partitions are assigned from 0 on, each once.');
    }
    return named.length;
  }
  return typeof count === 'number' && count !== DEFAULT_PARTITIONS ? count : undefined;
}
