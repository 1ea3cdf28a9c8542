/**
 * Confluent's REST Proxy, API v3: clusters, brokers, topics and their configuration, partitions, groups with consumers and lags,
 * records. https://docs.confluent.io/platform/current/kafka-rest/api.html#rest-proxy-v3. Left out: schemas. There are no ACLs, and
 * nothing of brokers can be altered or reassigned: requests to do so are refused. Long lists come in pages (`page_size`,
 * `page_token`), linked by `metadata.next`.
 */
import { type Context, Hono, type MiddlewareHandler } from 'hono';
import { json, noSuchResource } from '../answers.ts';
import type { Door } from '../door.ts';
import { aclRoutes } from './acls.ts';
import { brokerRoutes } from './brokers.ts';
import { configRoutes } from './configs.ts';
import { consumerRoutes } from './consumers.ts';
import { groupRoutes } from './groups.ts';
import { lagRoutes } from './lags.ts';
import { partitionRoutes } from './partitions.ts';
import { recordBatchRoutes } from './record-batch.ts';
import { recordRoutes } from './records.ts';
import { clusterAt, clustersUrl } from './resource.ts';
import { topicRoutes } from './topics.ts';

const ROOMS = [
  brokerRoutes,
  topicRoutes,
  configRoutes,
  partitionRoutes,
  groupRoutes,
  consumerRoutes,
  lagRoutes,
  recordRoutes,
  recordBatchRoutes,
  aclRoutes,
];

export function v3(door: Door): Hono {
  const { log, config } = door;
  const app = new Hono();

  const knownCluster: MiddlewareHandler = async (c, next) => {
    if (c.req.param('cluster') !== log.clusterId)
      throw noSuchResource('There is no such cluster; /v3/clusters names the one there is.');
    await next();
  };
  app.use('/v3/clusters/:cluster', knownCluster);
  app.use('/v3/clusters/:cluster/*', knownCluster);

  const cluster = (c: Context) => {
    const { resource, related } = clusterAt(c, log.clusterId);
    return resource('KafkaCluster', '', [], {
      controller: related('brokers', config.nodeId),
      acls: related('acls'),
      brokers: related('brokers'),
      broker_configs: related('broker-configs'),
      consumer_groups: related('consumer-groups'),
      topics: related('topics'),
      partition_reassignments: related('topics', '-', 'partitions', '-', 'reassignment'),
    });
  };

  app.get('/v3/clusters', (c) => {
    return json(c, { kind: 'KafkaClusterList', metadata: { self: clustersUrl(c), next: null }, data: [cluster(c)] });
  });
  app.get('/v3/clusters/:cluster', (c) => json(c, cluster(c)));

  for (const routes of ROOMS) app.route('/v3/clusters/:cluster', routes(door));
  return app;
}
