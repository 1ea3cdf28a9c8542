import { type Context, Hono } from 'hono';
import type { DescribedMember, GroupLag } from '../../../log/groups/groups.ts';
import { json, noSuchResource } from '../answers.ts';
import type { Door } from '../door.ts';
import { partitionOf } from '../params.ts';
import { clusterAt } from './resource.ts';

/** The lag of one partition, and who reads it, if anybody does. */
interface Lag extends GroupLag {
  reader: DescribedMember | undefined;
}

/** How far groups are behind. */
export function lagRoutes({ log }: Door): Hono {
  const app = new Hono();

  /** NO_SUCH_RESOURCE when the group has committed nothing. */
  async function lagsOf(group: string): Promise<[Lag, ...Lag[]]> {
    const { members } = await log.groups.describe(group);
    const readers = new Map(members.flatMap((one) => one.partitions.map((place) => [nameOf(place), one])));
    const [first, ...others] = (await log.groups.lag(group)).map((one) => ({
      ...one,
      reader: readers.get(nameOf(one)),
    }));
    if (!first) throw noSuchResource('The group has committed nothing.');
    return [first, ...others];
  }

  const shown = (c: Context, group: string, { topic, partition, offset, latest, lag, reader }: Lag) => {
    const path = ['consumer-groups', group, 'lags', topic, 'partitions', partition];
    const name = `/consumer-group=${group}/lag=${topic}/partition=${partition}`;
    return clusterAt(c, log.clusterId).resource('KafkaConsumerLag', name, path, {
      consumer_group_id: group,
      topic_name: topic,
      partition_id: partition,
      current_offset: offset,
      log_end_offset: latest,
      lag,
      consumer_id: reader?.id ?? '',
      instance_id: reader?.instanceId ?? null,
      client_id: reader?.clientId ?? '',
    });
  };

  app.get('/consumer-groups/:group/lags', async (c) => {
    const group = c.req.param('group');
    const lags = await lagsOf(group);
    const data = lags.toSorted((a, b) => b.lag - a.lag).map((one) => shown(c, group, one));
    return json(c, clusterAt(c, log.clusterId).list('KafkaConsumerLagList', ['consumer-groups', group, 'lags'], data));
  });

  app.get('/consumer-groups/:group/lags/:topic/partitions/:partition', async (c) => {
    const [group, topic, partition] = [c.req.param('group'), c.req.param('topic'), partitionOf(c)];
    const found = (await lagsOf(group)).find((one) => one.topic === topic && one.partition === partition);
    if (!found) throw noSuchResource('The group has committed nothing for this partition.');
    return json(c, shown(c, group, found));
  });

  app.get('/consumer-groups/:group/lag-summary', async (c) => {
    const group = c.req.param('group');
    const { resource, related } = clusterAt(c, log.clusterId);
    const lags = await lagsOf(group);
    const most = lags.reduce((max, one) => (max.lag >= one.lag ? max : one));
    const reader = most.reader?.id ?? '';
    return json(
      c,
      resource(
        'KafkaConsumerGroupLagSummary',
        `/consumer-group=${group}/lag-summary`,
        ['consumer-groups', group, 'lag-summary'],
        {
          consumer_group_id: group,
          max_lag_consumer_id: reader,
          max_lag_instance_id: most.reader?.instanceId ?? null,
          max_lag_client_id: most.reader?.clientId ?? '',
          max_lag_topic_name: most.topic,
          max_lag_partition_id: most.partition,
          max_lag: most.lag,
          total_lag: lags.reduce((sum, one) => sum + one.lag, 0),
          max_lag_consumer: related('consumer-groups', group, 'consumers', reader),
          max_lag_partition: related('topics', most.topic, 'partitions', most.partition),
        },
      ),
    );
  });

  return app;
}

function nameOf({ topic, partition }: { topic: string; partition: number }): string {
  return `${topic}#${partition}`;
}
