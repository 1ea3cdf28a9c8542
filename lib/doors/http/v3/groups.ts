import { type Context, Hono } from 'hono';
import type { GroupLag } from '../../../log/groups/groups.ts';
import { json, noSuchResource } from '../answers.ts';
import type { Door } from '../door.ts';
import { partitionOf, wholeNumber } from '../params.ts';
import { clusterAt } from './resource.ts';

export function groupRoutes(door: Door): Hono {
  const { log, brokerId } = door;
  const app = new Hono();

  /** A group here is offsets and a lease: the fields about members say so. */
  const shown = (c: Context, group: string) => {
    const { resource, url } = clusterAt(c, log.clusterId);
    const path = ['consumer-groups', group];
    return resource('KafkaConsumerGroup', `/consumer-group=${group}`, path, {
      consumer_group_id: group,
      is_simple: true,
      partition_assignor: '',
      state: 'UNKNOWN',
      type: 'UNKNOWN',
      is_mixed_consumer_group: false,
      coordinator: { related: url('brokers', brokerId) },
      consumers: { related: url(...path, 'consumers') },
      lag_summary: { related: url(...path, 'lag-summary') },
    });
  };

  const lag = (c: Context, group: string, { topic, partition, offset, latest, lag }: GroupLag) => {
    const path = ['consumer-groups', group, 'lags', topic, 'partitions', partition];
    const name = `/consumer-group=${group}/lag=${topic}/partition=${partition}`;
    return clusterAt(c, log.clusterId).resource('KafkaConsumerLag', name, path, {
      consumer_group_id: group,
      topic_name: topic,
      partition_id: partition,
      current_offset: offset,
      log_end_offset: latest,
      lag,
      consumer_id: '',
      instance_id: null,
      client_id: '',
    });
  };

  app.get('/consumer-groups', async (c) => {
    const { list, url } = clusterAt(c, log.clusterId);
    const after = c.req.query('page_token');
    const limit = wholeNumber(c, 'page_size', { min: 1, max: 1000, fallback: 1000 });
    const groups = await log.groups.list({ limit, ...(after !== undefined && { after }) });
    const query = new URLSearchParams({ page_size: String(limit), page_token: groups.at(-1) ?? '' });
    const next = groups.length === limit ? `${url('consumer-groups')}?${query}` : null;
    return json(
      c,
      list(
        'KafkaConsumerGroupList',
        ['consumer-groups'],
        groups.map((group) => shown(c, group)),
        next,
      ),
    );
  });

  app.get('/consumer-groups/:group', async (c) => {
    const group = c.req.param('group');
    await log.groups.offsets(group);
    return json(c, shown(c, group));
  });

  app.get('/consumer-groups/:group/lags', async (c) => {
    const group = c.req.param('group');
    const data = (await log.groups.lag(group)).map((one) => lag(c, group, one));
    return json(c, clusterAt(c, log.clusterId).list('KafkaConsumerLagList', ['consumer-groups', group, 'lags'], data));
  });

  app.get('/consumer-groups/:group/lags/:topic/partitions/:partition', async (c) => {
    const [group, topic, partition] = [c.req.param('group'), c.req.param('topic'), partitionOf(c)];
    const found = (await log.groups.lag(group)).find((one) => one.topic === topic && one.partition === partition);
    if (!found) throw noSuchResource('The group has committed nothing for this partition.');
    return json(c, lag(c, group, found));
  });

  app.get('/consumer-groups/:group/lag-summary', async (c) => {
    const group = c.req.param('group');
    const { resource, url } = clusterAt(c, log.clusterId);
    const lags = await log.groups.lag(group);
    const most = lags.reduce<GroupLag | undefined>((max, one) => (max && max.lag >= one.lag ? max : one), undefined);
    if (!most) throw noSuchResource('The group has committed nothing.');
    const name = `/consumer-group=${group}/lag-summary`;
    return json(
      c,
      resource('KafkaConsumerGroupLagSummary', name, ['consumer-groups', group, 'lag-summary'], {
        consumer_group_id: group,
        max_lag_consumer_id: '',
        max_lag_instance_id: null,
        max_lag_client_id: '',
        max_lag_topic_name: most.topic,
        max_lag_partition_id: most.partition,
        max_lag: most.lag,
        total_lag: lags.reduce((sum, one) => sum + one.lag, 0),
        max_lag_consumer: { related: url('consumer-groups', group, 'consumers', '-') },
        max_lag_partition: { related: url('topics', most.topic, 'partitions', most.partition) },
      }),
    );
  });

  return app;
}
