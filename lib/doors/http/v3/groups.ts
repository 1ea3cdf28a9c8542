import { type Context, Hono } from 'hono';
import pLimit from 'p-limit';
import { VarveError } from '../../../errors.ts';
import type { GroupDescription } from '../../../log/groups/groups.ts';
import { json } from '../answers.ts';
import type { Door } from '../door.ts';
import { clusterAt, nextPage, pageOf } from './resource.ts';

const LOOK_UPS_AT_ONCE = 16;

/** Kafka's states, as this API writes them. */
const STATES: Record<GroupDescription['state'], string> = {
  Empty: 'EMPTY',
  PreparingRebalance: 'PREPARING_REBALANCE',
  CompletingRebalance: 'COMPLETING_REBALANCE',
  Stable: 'STABLE',
  Dead: 'DEAD',
  Unknown: 'UNKNOWN',
};

export function groupRoutes({ log, config: { nodeId } }: Door): Hono {
  const app = new Hono();

  const shown = (c: Context, { id, state, protocolType, assignor }: GroupDescription) => {
    const { resource, related } = clusterAt(c, log.clusterId);
    const path = ['consumer-groups', id];
    return resource('KafkaConsumerGroup', `/consumer-group=${id}`, path, {
      consumer_group_id: id,
      is_simple: protocolType === '',
      partition_assignor: assignor,
      state: STATES[state],
      type: 'CLASSIC',
      is_mixed_consumer_group: false,
      coordinator: related('brokers', nodeId),
      consumers: related(...path, 'consumers'),
      lag_summary: related(...path, 'lag-summary'),
    });
  };

  app.get('/consumer-groups', async (c) => {
    const { list, url } = clusterAt(c, log.clusterId);
    const page = pageOf(c, 1000);
    const ids = await log.groups.list(page);
    const groups = await pLimit(LOOK_UPS_AT_ONCE).map(ids, (id) => (id === '' ? undefined : described(id)));
    const data = groups.flatMap((group) => (group ? [shown(c, group)] : []));
    const next = nextPage(url('consumer-groups'), page, ids, ids.at(-1));
    return json(c, list('KafkaConsumerGroupList', ['consumer-groups'], data, next));
  });

  app.get('/consumer-groups/:group', async (c) => json(c, shown(c, await log.groups.describe(c.req.param('group')))));

  /** Undefined when it was deleted since it was listed. */
  async function described(id: string): Promise<GroupDescription | undefined> {
    try {
      return await log.groups.describe(id);
    } catch (error) {
      if (error instanceof VarveError && error.code === 'GROUP_ID_NOT_FOUND') return undefined;
      throw error;
    }
  }

  return app;
}
