/**
 * DescribeTopicPartitions, version 0: topics and their partitions, in pages (KIP-966). Topics come by name, a page begins where the last
 * one's cursor says, with what may be done to them (KIP-430). Never creates a topic.
 */
import { type Call, defineApi } from '../api.ts';
import { failureCode, NO_ERROR } from '../failures.ts';
import { authorizedOperations, NOT_TOLD } from '../operations.ts';
import {
  array,
  bool,
  int16,
  int32,
  NO_UUID,
  nullable,
  string,
  struct,
  uuid,
  type WriteOf,
} from '../protocol/schema.ts';
import { allTopics, LEADER_EPOCH, type TopicSummary } from '../topics.ts';

const MAX_PARTITIONS = 2_000;

const cursor = struct({ topicName: string, partitionIndex: int32 });
const topic = struct({
  errorCode: int16,
  name: nullable(string),
  topicId: uuid,
  isInternal: bool,
  partitions: array(
    struct({
      errorCode: int16,
      partitionIndex: int32,
      leaderId: int32,
      leaderEpoch: int32,
      replicaNodes: array(int32),
      isrNodes: array(int32),
      eligibleLeaderReplicas: nullable(array(int32)),
      lastKnownElr: nullable(array(int32)),
      offlineReplicas: array(int32),
    }),
  ),
  topicAuthorizedOperations: int32,
});

export const describeTopicPartitions = defineApi({
  key: 75,
  name: 'DescribeTopicPartitions',
  versions: [0, 0],
  flexible: 0,
  request: struct({
    topics: array(struct({ name: string })),
    responsePartitionLimit: int32,
    cursor: nullable(cursor),
  }),
  response: struct({ throttleTimeMs: int32, topics: array(topic), nextCursor: nullable(cursor) }),
  async handle(request, call) {
    const { log } = call.gateway;
    const from = request.cursor?.topicName ?? '';
    const named = new Set(request.topics.map(({ name }) => name));
    const names = named.size > 0 ? [...named] : (await allTopics(log)).map(({ name }) => name);
    let left = Math.min(Math.max(request.responsePartitionLimit, 1), MAX_PARTITIONS);
    const topics: WriteOf<typeof topic>[] = [];
    for (const name of names.filter((one) => one >= from).sort()) {
      const first = name === request.cursor?.topicName ? Math.max(request.cursor.partitionIndex, 0) : 0;
      if (left <= 0) return { throttleTimeMs: 0, topics, nextCursor: { topicName: name, partitionIndex: first } };
      try {
        const found = await log.topics.describe(name);
        const last = Math.min(found.partitions, first + left);
        topics.push(described(call, found, first, last));
        left -= last - first;
        if (last < found.partitions) {
          return { throttleTimeMs: 0, topics, nextCursor: { topicName: name, partitionIndex: last } };
        }
      } catch (error) {
        const none = { topicId: NO_UUID, isInternal: false, partitions: [], topicAuthorizedOperations: NOT_TOLD };
        topics.push({ errorCode: failureCode(error), name, ...none });
      }
    }
    return { throttleTimeMs: 0, topics, nextCursor: null };
  },
});

/** With the partitions from `first` to before `last`. */
function described({ gateway: { config } }: Call, { name, id }: TopicSummary, first: number, last: number) {
  const nodes = [config.nodeId];
  return {
    errorCode: NO_ERROR,
    name,
    topicId: id,
    isInternal: false,
    partitions: Array.from({ length: Math.max(last - first, 0) }, (_, i) => ({
      errorCode: NO_ERROR,
      partitionIndex: first + i,
      leaderId: config.nodeId,
      leaderEpoch: LEADER_EPOCH,
      replicaNodes: nodes,
      isrNodes: nodes,
      eligibleLeaderReplicas: [],
      lastKnownElr: [],
      offlineReplicas: [],
    })),
    topicAuthorizedOperations: authorizedOperations('topic', true),
  };
}
