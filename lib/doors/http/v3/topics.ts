import { type Context, Hono } from 'hono';
import * as z from 'zod/mini';
import { unknownPartition } from '../../../log/topic-name.ts';
import { json, noSuchResource } from '../answers.ts';
import { contentType, withBody } from '../body.ts';
import type { Door } from '../door.ts';
import { HttpProblem } from '../errors.ts';
import { partitionOf, wholeNumber } from '../params.ts';
import { check, parseJson } from '../parse.ts';
import { clusterAt } from './resource.ts';

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
  const { log, limits, brokerId } = door;
  const app = new Hono();

  const shown = (c: Context, topic: { name: string; partitions: number }) => {
    const { resource, url } = clusterAt(c, log.clusterId);
    const path = ['topics', topic.name];
    return resource('KafkaTopic', `/topic=${topic.name}`, path, {
      topic_name: topic.name,
      is_internal: false,
      replication_factor: 1,
      partitions_count: topic.partitions,
      partitions: { related: url(...path, 'partitions') },
      configs: { related: url(...path, 'configs') },
      partition_reassignments: { related: url(...path, 'partitions', '-', 'reassignment') },
    });
  };

  const partition = (c: Context, topic: string, id: number) => {
    const { resource, url } = clusterAt(c, log.clusterId);
    const path = ['topics', topic, 'partitions', id];
    return resource('KafkaPartition', `/topic=${topic}/partition=${id}`, path, {
      topic_name: topic,
      partition_id: id,
      leader: { related: url(...path, 'replicas', brokerId) },
      replicas: { related: url(...path, 'replicas') },
      reassignment: { related: url(...path, 'reassignment') },
    });
  };

  const replica = (c: Context, topic: string, id: number) => {
    const { resource, url } = clusterAt(c, log.clusterId);
    const path = ['topics', topic, 'partitions', id, 'replicas', brokerId];
    return resource('KafkaReplica', `/topic=${topic}/partition=${id}/replica=${brokerId}`, path, {
      topic_name: topic,
      partition_id: id,
      broker_id: brokerId,
      is_leader: true,
      is_in_sync: true,
      broker: { related: url('brokers', brokerId) },
    });
  };

  const known = async (c: Context) => {
    const topic = await log.topics.describe(c.req.param('topic')!);
    const id = partitionOf(c);
    if (id < topic.partitions) return { topic: topic.name, id };
    throw unknownPartition(topic.name, id, topic.partitions);
  };

  app.get('/topics', async (c) => {
    const { list, url } = clusterAt(c, log.clusterId);
    const after = c.req.query('page_token');
    const limit = wholeNumber(c, 'page_size', { min: 1, max: 1000, fallback: 1000 });
    const topics = await log.topics.list({ limit, ...(after !== undefined && { after }) });
    const query = new URLSearchParams({ page_size: String(limit), page_token: topics.at(-1)?.name ?? '' });
    const next = topics.length === limit ? `${url('topics')}?${query}` : null;
    return json(
      c,
      list(
        'KafkaTopicList',
        ['topics'],
        topics.map((topic) => shown(c, topic)),
        next,
      ),
    );
  });

  app.post('/topics', (c) => {
    contentType(c, ['application/json']);
    return withBody(c, door, async (bytes) => {
      const request = check(createSchema, parseJson(bytes, limits.maxDepth));
      if (request.replicas_assignments) {
        throw new HttpProblem(
          'INVALID_BODY',
          'There are no replicas to assign: the store below replicates. Leave replicas_assignments out.',
        );
      }
      const { topic_name: name, partitions_count: partitions } = request;
      const config = (request.configs ?? []).flatMap(({ name, value }) =>
        typeof value === 'string' ? [[name, value]] : [],
      );
      const validateOnly = request.validate_only ?? false;
      const topic = await log.topics.create(name, {
        ...(typeof partitions === 'number' && partitions !== DEFAULT_PARTITIONS && { partitions }),
        config: Object.fromEntries(config),
        validateOnly,
      });
      c.header('location', clusterAt(c, log.clusterId).url('topics', topic.name));
      return json(c, shown(c, topic), validateOnly ? 200 : 201);
    });
  });

  app.get('/topics/:topic', async (c) => json(c, shown(c, await log.topics.describe(c.req.param('topic')))));

  app.patch('/topics/:topic', (c) => {
    contentType(c, ['application/json']);
    return withBody(c, door, async (bytes) => {
      const { partitions_count } = check(growSchema, parseJson(bytes, limits.maxDepth));
      return json(c, shown(c, await log.topics.grow(c.req.param('topic'), partitions_count)));
    });
  });

  app.delete('/topics/:topic', async (c) => {
    await log.topics.delete(c.req.param('topic'));
    return c.body(null, 204);
  });

  app.get('/topics/:topic/partitions', async (c) => {
    const { name, partitions } = await log.topics.describe(c.req.param('topic'));
    const data = Array.from({ length: partitions }, (_, id) => partition(c, name, id));
    return json(c, clusterAt(c, log.clusterId).list('KafkaPartitionList', ['topics', name, 'partitions'], data));
  });

  app.get('/topics/:topic/partitions/:partition', async (c) => {
    const { topic, id } = await known(c);
    return json(c, partition(c, topic, id));
  });

  app.get('/topics/:topic/partitions/:partition/replicas', async (c) => {
    const { topic, id } = await known(c);
    const path = ['topics', topic, 'partitions', id, 'replicas'];
    return json(c, clusterAt(c, log.clusterId).list('KafkaReplicaList', path, [replica(c, topic, id)]));
  });

  app.get('/topics/:topic/partitions/:partition/replicas/:broker', async (c) => {
    const { topic, id } = await known(c);
    if (c.req.param('broker') !== String(brokerId)) throw noSuchResource('There is no such replica.');
    return json(c, replica(c, topic, id));
  });

  app.get('/topics/:topic/partitions/:partition/offset', async (c) => {
    const { topic, id } = await known(c);
    const { earliest, latest } = await log.offsets(topic, id);
    const { resource } = clusterAt(c, log.clusterId);
    const path = ['topics', topic, 'partitions', id, 'offset'];
    return json(
      c,
      resource('KafkaPartitionWithOffsets', `/topic=${topic}/partition=${id}/offset`, path, {
        topic_name: topic,
        partition_id: id,
        earliest_offset: earliest,
        latest_offset: latest,
      }),
    );
  });

  return app;
}
