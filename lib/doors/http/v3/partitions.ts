import { type Context, Hono } from 'hono';
import { unknownPartition } from '../../../log/topic-name.ts';
import { json, noSuchResource } from '../answers.ts';
import type { Door } from '../door.ts';
import { HttpProblem } from '../errors.ts';
import { partitionOf } from '../params.ts';
import { clusterAt } from './resource.ts';

/** The one kind of offsets that Confluent's proxy answers. */
const OFFSET_TYPE = 'earliest_and_latest';

/** Partitions, and what of replicas there is to show: one each, at the one broker, which nobody moves. */
export function partitionRoutes(door: Door): Hono {
  const { log } = door;
  const app = new Hono();
  const at = (c: Context) => clusterAt(c, log.clusterId);

  const partition = (c: Context, topic: string, id: number) => {
    const { resource, related } = at(c);
    const path = ['topics', topic, 'partitions', id];
    return resource('KafkaPartition', `/topic=${topic}/partition=${id}`, path, {
      topic_name: topic,
      partition_id: id,
      leader: related(...path, 'replicas', door.config.nodeId),
      replicas: related(...path, 'replicas'),
      reassignment: related(...path, 'reassignment'),
    });
  };

  const known = async (c: Context) => {
    const topic = await log.topics.describe(c.req.param('topic')!);
    const id = partitionOf(c);
    if (id < topic.partitions) return { topic: topic.name, id };
    throw unknownPartition(topic.name, id, topic.partitions);
  };

  app.get('/topics/:topic/partitions', async (c) => {
    const { name, partitions } = await log.topics.describe(c.req.param('topic'));
    const data = Array.from({ length: partitions }, (_, id) => partition(c, name, id));
    return json(c, at(c).list('KafkaPartitionList', ['topics', name, 'partitions'], data));
  });

  app.get('/topics/-/partitions/-/reassignment', (c) =>
    json(c, at(c).list('KafkaReassignmentList', ['topics', '-', 'partitions', '-', 'reassignment'], [])),
  );

  app.get('/topics/:topic/partitions/-/reassignment', (c) => {
    const path = ['topics', c.req.param('topic'), 'partitions', '-', 'reassignment'];
    return json(c, at(c).list('KafkaReassignmentList', path, []));
  });

  app.get('/topics/:topic/partitions/:partition', async (c) => {
    const { topic, id } = await known(c);
    return json(c, partition(c, topic, id));
  });

  app.get('/topics/:topic/partitions/:partition/reassignment', async (c) => {
    await known(c);
    throw noSuchResource('This partition is not being reassigned.');
  });

  app.get('/topics/:topic/partitions/:partition/replicas', async (c) => {
    const { topic, id } = await known(c);
    const path = ['topics', topic, 'partitions', id, 'replicas'];
    return json(c, at(c).list('KafkaReplicaList', path, [replica(c, door, topic, id)]));
  });

  app.get('/topics/:topic/partitions/:partition/replicas/:broker', async (c) => {
    const { topic, id } = await known(c);
    if (c.req.param('broker') !== String(door.config.nodeId)) throw noSuchResource('There is no such replica.');
    return json(c, replica(c, door, topic, id));
  });

  app.get('/topics/:topic/partitions/:partition/offset', async (c) => {
    if ((c.req.query('offset_type') ?? OFFSET_TYPE) !== OFFSET_TYPE) {
      throw new HttpProblem('INVALID_PARAMETER', `offset_type must be ${OFFSET_TYPE}, or be left out.`);
    }
    const { topic, id } = await known(c);
    const { earliest, latest } = await log.offsets(topic, id);
    const path = ['topics', topic, 'partitions', id, 'offset'];
    const name = `/topic=${topic}/partition=${id}/offset_type=${OFFSET_TYPE}`;
    return json(
      c,
      at(c).resource('KafkaPartitionWithOffsets', name, path, {
        topic_name: topic,
        partition_id: id,
        earliest_offset: earliest,
        latest_offset: latest,
      }),
    );
  });

  return app;
}

/** The replica of a partition at the one broker. */
export function replica(c: Context, { log, config: { nodeId } }: Door, topic: string, id: number) {
  const { resource, related } = clusterAt(c, log.clusterId);
  const path = ['topics', topic, 'partitions', id, 'replicas', nodeId];
  return resource('KafkaReplica', `/topic=${topic}/partition=${id}/replica=${nodeId}`, path, {
    topic_name: topic,
    partition_id: id,
    broker_id: nodeId,
    is_leader: true,
    is_in_sync: true,
    broker: related('brokers', nodeId),
  });
}
