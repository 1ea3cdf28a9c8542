import { type Context, Hono } from 'hono';
import type { DescribedMember, GroupPartition } from '../../../log/groups/groups.ts';
import { json, noSuchResource } from '../answers.ts';
import type { Door } from '../door.ts';
import { partitionOf } from '../params.ts';
import { clusterAt } from './resource.ts';

/** The members of groups, and the partitions that each reads. */
export function consumerRoutes({ log }: Door): Hono {
  const app = new Hono();
  const at = (c: Context) => clusterAt(c, log.clusterId);

  const consumer = (c: Context, group: string, { id, instanceId, clientId }: DescribedMember) => {
    const path = ['consumer-groups', group, 'consumers', id];
    return at(c).resource('KafkaConsumer', `/consumer-group=${group}/consumer=${id}`, path, {
      consumer_group_id: group,
      consumer_id: id,
      instance_id: instanceId ?? null,
      client_id: clientId,
      assignments: at(c).related(...path, 'assignments'),
    });
  };

  const assignment = (c: Context, group: string, id: string, { topic, partition }: GroupPartition) => {
    const { resource, related } = at(c);
    const path = ['consumer-groups', group, 'consumers', id, 'assignments', topic, 'partitions', partition];
    const name = `/consumer-group=${group}/consumer=${id}/assignment=${topic}/partition=${partition}`;
    return resource('KafkaConsumerAssignment', name, path, {
      consumer_group_id: group,
      consumer_id: id,
      topic_name: topic,
      partition_id: partition,
      partition: related('topics', topic, 'partitions', partition),
      lag: related('consumer-groups', group, 'lags', topic, 'partitions', partition),
    });
  };

  async function member(c: Context): Promise<DescribedMember> {
    const { members } = await log.groups.describe(c.req.param('group')!);
    const found = members.find(({ id }) => id === c.req.param('consumer'));
    if (!found) throw noSuchResource('The group has no such consumer.');
    return found;
  }

  app.get('/consumer-groups/:group/consumers', async (c) => {
    const { id, members } = await log.groups.describe(c.req.param('group'));
    const byId = members.toSorted((a, b) => (a.id < b.id ? -1 : 1));
    const data = byId.map((one) => consumer(c, id, one));
    return json(c, at(c).list('KafkaConsumerList', ['consumer-groups', id, 'consumers'], data));
  });

  app.get('/consumer-groups/:group/consumers/:consumer', async (c) =>
    json(c, consumer(c, c.req.param('group'), await member(c))),
  );

  app.get('/consumer-groups/:group/consumers/:consumer/assignments', async (c) => {
    const group = c.req.param('group');
    const { id, partitions } = await member(c);
    const path = ['consumer-groups', group, 'consumers', id, 'assignments'];
    const data = partitions.toSorted(byPlace).map((one) => assignment(c, group, id, one));
    return json(c, at(c).list('KafkaConsumerAssignmentList', path, data));
  });

  app.get('/consumer-groups/:group/consumers/:consumer/assignments/:topic/partitions/:partition', async (c) => {
    const [topic, partition] = [c.req.param('topic'), partitionOf(c)];
    const { id, partitions } = await member(c);
    const found = partitions.find((one) => one.topic === topic && one.partition === partition);
    if (!found) throw noSuchResource('The consumer does not read this partition.');
    return json(c, assignment(c, c.req.param('group'), id, found));
  });

  return app;
}

function byPlace(a: GroupPartition, b: GroupPartition): number {
  return a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1;
}
