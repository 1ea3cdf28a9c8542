import { type Context, Hono } from 'hono';
import { brokerConfigEntries } from '../../../log/broker-config.ts';
import { json, noSuchResource } from '../answers.ts';
import type { Door } from '../door.ts';
import { HttpProblem } from '../errors.ts';
import { entryFields } from './configs.ts';
import { replica } from './partitions.ts';
import { clusterAt, nextPage, pageOf } from './resource.ts';

/** Topics whose replicas one answer holds. */
const TOPICS_A_PAGE = 100;

/** The one broker, its configuration, and what all brokers would share of that, which is nothing: it is given when a process starts. */
export function brokerRoutes(door: Door): Hono {
  const { log, config } = door;
  const { nodeId } = config;
  const app = new Hono();
  const at = (c: Context) => clusterAt(c, log.clusterId);

  /** Where Kafka clients come to this process, if they can. */
  const endpoint = (c: Context) => {
    if (!door.kafka) return undefined;
    return { ...door.kafka, host: door.kafka.host || new URL(c.req.url).hostname.replace(/^\[|\]$/g, '') };
  };

  const broker = (c: Context) => {
    const { resource, related } = at(c);
    const path = ['brokers', nodeId];
    const { host = null, port = null } = endpoint(c) ?? {};
    return resource('KafkaBroker', `/broker=${nodeId}`, path, {
      broker_id: nodeId,
      host,
      port,
      rack: null,
      configs: related(...path, 'configs'),
      partition_replicas: related(...path, 'partition-replicas'),
    });
  };

  const configs = (c: Context) =>
    brokerConfigEntries(config, endpoint(c)).map((entry) => {
      const path = ['brokers', nodeId, 'configs', entry.name];
      const name = `/broker=${nodeId}/config=${entry.name}`;
      const fields = { broker_id: nodeId, ...entryFields(entry, 'STATIC_BROKER_CONFIG') };
      return at(c).resource('KafkaBrokerConfig', name, path, fields);
    });

  const known = (c: Context) => {
    if (c.req.param('broker') !== String(nodeId)) throw noSuchResource('There is no such broker.');
  };

  const knownConfig = (c: Context) => {
    known(c);
    const found = configs(c).find(({ name }) => name === c.req.param('name'));
    if (!found) throw noSuchResource('Brokers have no configuration of this name.');
    return found;
  };

  const fixed = (): never => {
    throw new HttpProblem('NOT_ALTERABLE', 'Only topics can be altered: all else is given when a process starts.');
  };

  app.get('/brokers', (c) => json(c, at(c).list('KafkaBrokerList', ['brokers'], [broker(c)])));

  app.get('/brokers/-/configs', (c) =>
    json(c, at(c).list('KafkaBrokerConfigList', ['brokers', '-', 'configs'], configs(c))),
  );

  app.get('/brokers/:broker', (c) => {
    known(c);
    return json(c, broker(c));
  });

  app.get('/brokers/:broker/configs', (c) => {
    known(c);
    return json(c, at(c).list('KafkaBrokerConfigList', ['brokers', nodeId, 'configs'], configs(c)));
  });

  app.get('/brokers/:broker/configs/:name', (c) => json(c, knownConfig(c)));

  app.get('/brokers/:broker/partition-replicas', async (c) => {
    known(c);
    const { list, url } = at(c);
    const path = ['brokers', nodeId, 'partition-replicas'];
    const page = pageOf(c, TOPICS_A_PAGE);
    const topics = await log.topics.list(page);
    const data = topics.flatMap(({ name, partitions }) =>
      Array.from({ length: partitions }, (_, id) => replica(c, door, name, id)),
    );
    return json(c, list('KafkaReplicaList', path, data, nextPage(url(...path), page, topics, topics.at(-1)?.name)));
  });

  app.get('/broker-configs', (c) => json(c, at(c).list('KafkaClusterConfigList', ['broker-configs'], [])));
  app.get('/broker-configs/:name', () => {
    throw noSuchResource('Nothing is configured for all brokers of the cluster.');
  });

  // As patterns: a colon inside a segment would begin a parameter.
  app.post('/:action{broker-configs:alter}', fixed);
  app.on(['PUT', 'DELETE'], '/broker-configs/:name', fixed);
  app.post('/brokers/:broker/:action{configs:alter}', (c) => {
    known(c);
    return fixed();
  });
  app.on(['PUT', 'DELETE'], '/brokers/:broker/configs/:name', (c) => {
    knownConfig(c);
    return fixed();
  });

  return app;
}
