/**
 * Confluent's REST Proxy, API v2: topics, partitions, brokers, produce by topic and by partition, the stateless fetch, and consumer instances.
 * https://docs.confluent.io/platform/current/kafka-rest/api.html#rest-proxy-v2. Left out: the Avro, Protobuf and JSON Schema
 * formats (there is no schema registry). Added: `timestamp` and `headers` of a record.
 */
import { Hono } from 'hono';
import { unknownPartition } from '../../../log/topic-name.ts';
import type { TopicDescription } from '../../../log/topics.ts';
import { json } from '../answers.ts';
import type { Door } from '../door.ts';
import { partitionOf } from '../params.ts';
import { onlyIfAccepted } from './accept.ts';
import { consumers } from './consumers.ts';
import { produce } from './produce.ts';
import { fetchRecords } from './records.ts';

const NAMES_A_PAGE = 1000;

export function v2(door: Door): Hono {
  const {
    log,
    config: { nodeId: brokerId },
  } = door;
  const app = new Hono();

  const partition = (id: number) => ({
    partition: id,
    leader: brokerId,
    replicas: [{ broker: brokerId, leader: true, in_sync: true }],
  });
  const partitions = (topic: TopicDescription) => Array.from({ length: topic.partitions }, (_, id) => partition(id));

  for (const path of ['/brokers', '/topics/*', '/consumers/*']) app.use(path, onlyIfAccepted);

  app.get('/brokers', (c) => json(c, { brokers: [brokerId] }, 200, 'v2'));

  app.get('/topics', async (c) => {
    const names: string[] = [];
    for (;;) {
      const page = await log.topics.list({ limit: NAMES_A_PAGE, ...(names.length > 0 && { after: names.at(-1)! }) });
      names.push(...page.map(({ name }) => name));
      if (page.length < NAMES_A_PAGE) return json(c, names, 200, 'v2');
    }
  });

  app.get('/topics/:topic', async (c) => {
    const topic = await log.topics.describe(c.req.param('topic'));
    const configs = Object.fromEntries(topic.config.map(({ name, value }) => [name, value]));
    return json(c, { name: topic.name, configs, partitions: partitions(topic) }, 200, 'v2');
  });

  app.post('/topics/:topic', (c) => produce(c, door, c.req.param('topic')));

  app.get('/topics/:topic/partitions', async (c) =>
    json(c, partitions(await log.topics.describe(c.req.param('topic'))), 200, 'v2'),
  );

  app.get('/topics/:topic/partitions/:partition', async (c) => {
    const topic = await log.topics.describe(c.req.param('topic'));
    const id = partitionOf(c);
    if (id >= topic.partitions) {
      throw unknownPartition(topic.name, id, topic.partitions);
    }
    return json(c, partition(id), 200, 'v2');
  });

  app.post('/topics/:topic/partitions/:partition', (c) => produce(c, door, c.req.param('topic'), partitionOf(c)));

  app.get('/topics/:topic/partitions/:partition/offsets', async (c) => {
    const { earliest, latest } = await log.offsets(c.req.param('topic'), partitionOf(c));
    return json(c, { beginning_offset: earliest, end_offset: latest }, 200, 'v2');
  });

  app.get('/topics/:topic/partitions/:partition/records', (c) =>
    fetchRecords(c, door, c.req.param('topic'), partitionOf(c)),
  );

  app.route('/', consumers(door));

  return app;
}
