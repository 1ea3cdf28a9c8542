/**
 * Confluent's REST Proxy, API v3: clusters, brokers, topics and their configuration, partitions, groups and lags, records.
 * https://docs.confluent.io/platform/current/kafka-rest/api.html#rest-proxy-v3. Left out: ACLs, broker and cluster configuration,
 * reassignments, consumers of a group, records:batch and schemas. Long lists come in pages (`page_size`, `page_token`), linked by `metadata.next`.
 */
import { Hono, type MiddlewareHandler } from 'hono';
import { json, noSuchResource } from '../answers.ts';
import type { Door } from '../door.ts';
import { configRoutes } from './configs.ts';
import { groupRoutes } from './groups.ts';
import { recordRoutes } from './records.ts';
import { clusterAt, clustersUrl } from './resource.ts';
import { topicRoutes } from './topics.ts';

export function v3(door: Door): Hono {
  const { log, brokerId } = door;
  const app = new Hono();
  const at = (c: Parameters<typeof clusterAt>[0]) => clusterAt(c, log.clusterId);

  const knownCluster: MiddlewareHandler = async (c, next) => {
    if (c.req.param('cluster') !== log.clusterId)
      throw noSuchResource('There is no such cluster; /v3/clusters names the one there is.');
    await next();
  };
  app.use('/v3/clusters/:cluster', knownCluster);
  app.use('/v3/clusters/:cluster/*', knownCluster);

  const cluster = (c: Parameters<typeof clusterAt>[0]) => {
    const { resource, url } = at(c);
    const related = (...path: (string | number)[]) => ({ related: url(...path) });
    return resource('KafkaCluster', '', [], {
      controller: related('brokers', brokerId),
      acls: related('acls'),
      brokers: related('brokers'),
      broker_configs: related('broker-configs'),
      consumer_groups: related('consumer-groups'),
      topics: related('topics'),
      partition_reassignments: related('topics', '-', 'partitions', '-', 'reassignment'),
    });
  };
  const broker = (c: Parameters<typeof clusterAt>[0]) => {
    const { resource, url } = at(c);
    const { hostname, port, protocol } = new URL(c.req.url);
    const path = ['brokers', brokerId];
    return resource('KafkaBroker', `/broker=${brokerId}`, path, {
      broker_id: brokerId,
      host: hostname,
      port: Number(port) || (protocol === 'https:' ? 443 : 80),
      configs: { related: url(...path, 'configs') },
      partition_replicas: { related: url(...path, 'partition-replicas') },
    });
  };

  app.get('/v3/clusters', (c) => {
    return json(c, { kind: 'KafkaClusterList', metadata: { self: clustersUrl(c), next: null }, data: [cluster(c)] });
  });
  app.get('/v3/clusters/:cluster', (c) => json(c, cluster(c)));
  app.get('/v3/clusters/:cluster/brokers', (c) => json(c, at(c).list('KafkaBrokerList', ['brokers'], [broker(c)])));
  app.get('/v3/clusters/:cluster/brokers/:broker', (c) => {
    if (c.req.param('broker') !== String(brokerId)) throw noSuchResource('There is no such broker.');
    return json(c, broker(c));
  });

  for (const routes of [topicRoutes, configRoutes, groupRoutes, recordRoutes]) {
    app.route('/v3/clusters/:cluster', routes(door));
  }
  return app;
}
