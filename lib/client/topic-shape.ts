import { VarveError } from '../errors.ts';
import { path, type Requests } from './requests.ts';
import type { Topics } from './topics.ts';

/** What must be known of a topic to append to it. */
export interface TopicShape {
  partitions: number;
  maxMessageBytes: number;
}

/**
 * As the topic's description has it. At API Gateway who may append to every topic may not read that one, because records lie below
 * its path: they may read v3's, below which none lie.
 */
export async function shapeOf(topic: string, topics: Topics, requests: Requests): Promise<TopicShape> {
  try {
    const { partitions, config } = await topics.describe(topic);
    return { partitions, maxMessageBytes: Number(config['max.message.bytes']?.value ?? 0) };
  } catch (error) {
    if (error instanceof VarveError && error.code === 'CLUSTER_AUTHORIZATION_FAILED') return shapeByV3(topic, requests);
    throw error;
  }
}

async function shapeByV3(topic: string, { json }: Requests): Promise<TopicShape> {
  const { data } = await json<{ data: { cluster_id: string }[] }>('GET', '/v3/clusters');
  const at = path`/v3/clusters/${data[0]?.cluster_id ?? ''}/topics/${topic}`;
  const [{ partitions_count: partitions }, { value }] = await Promise.all([
    json<{ partitions_count: number }>('GET', at),
    json<{ value: string }>('GET', `${at}/configs/max.message.bytes`),
  ]);
  return { partitions, maxMessageBytes: Number(value) };
}
