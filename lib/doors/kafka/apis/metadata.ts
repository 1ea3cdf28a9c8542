/**
 * Metadata, versions 0 to 13: topics, their partitions, and who serves them.
 *
 * One gateway leads all partitions: any gateway can serve any of them, the leader is where a partition's clients meet.
 * Topics are created when they are asked for, unless the request (KIP-204) or `auto.create.topics.enable` forbids it, and can be
 * used at once. Topic ids since version 10 (KIP-516), but topics may be asked for by id
 * only since 12, and by name before that: otherwise all that was asked for is INVALID_REQUEST. Leader epochs are always 0. What may
 * be done to topics, and to the cluster, is told when it is asked for (KIP-430). A name that no topic can have is INVALID_TOPIC_EXCEPTION whether it may be created or not.
 */
import { VarveError } from '../../../errors.ts';
import { checkTopicName } from '../../../log/topic-name.ts';
import { type Call, defineApi } from '../api.ts';
import { failureCode, NO_ERROR, numberOf } from '../failures.ts';
import { authorizedOperations, NOT_TOLD } from '../operations.ts';
import { fewAtOnce } from '../parts.ts';
import {
  array,
  bool,
  int16,
  int32,
  NO_UUID,
  nullable,
  since,
  string,
  struct,
  until,
  uuid,
} from '../protocol/schema.ts';
import { allTopics, LEADER_EPOCH, type TopicSummary, topicsById } from '../topics.ts';

export const metadata = defineApi({
  key: 3,
  name: 'Metadata',
  versions: [0, 13],
  flexible: 9,
  request: struct({
    topics: nullable(array(struct({ topicId: since(10, uuid), name: nullable(string, 10) })), 1),
    allowAutoTopicCreation: since(4, bool, true),
    includeClusterAuthorizedOperations: since(8, until(10, bool)),
    includeTopicAuthorizedOperations: since(8, bool),
  }),
  response: struct({
    throttleTimeMs: since(3, int32),
    brokers: array(struct({ nodeId: int32, host: string, port: int32, rack: since(1, nullable(string), null) })),
    clusterId: since(2, nullable(string), null),
    controllerId: since(1, int32, -1),
    topics: array(
      struct({
        errorCode: int16,
        name: nullable(string, 12),
        topicId: since(10, uuid),
        isInternal: since(1, bool),
        partitions: array(
          struct({
            errorCode: int16,
            partitionIndex: int32,
            leaderId: int32,
            leaderEpoch: since(7, int32, -1),
            replicaNodes: array(int32),
            isrNodes: array(int32),
            offlineReplicas: since(5, array(int32)),
          }),
        ),
        topicAuthorizedOperations: since(8, int32, NOT_TOLD),
      }),
    ),
    clusterAuthorizedOperations: since(8, until(10, int32), NOT_TOLD),
    errorCode: since(13, int16),
  }),
  async handle(request, call) {
    const { topics, allowAutoTopicCreation } = request;
    const { log, config } = call.gateway;
    if (call.version < 12 && topics?.some(({ name, topicId }) => name === null || topicId !== NO_UUID)) {
      const refused = topics.map(({ name, topicId }) => failed(numberOf('INVALID_REQUEST'), name ?? '', topicId));
      return { brokers: [], topics: refused };
    }
    // In version 0 an empty list asks for all topics.
    const all = topics === null || (call.version === 0 && topics.length === 0);
    const ids = new Set((topics ?? []).flatMap(({ name, topicId }) => (name === null ? [topicId] : [])));
    const byId = await topicsById(log, ids);
    const described = all
      ? (await allTopics(log)).map((topic) => partitionsOf(call, topic))
      : await fewAtOnce(distinct(topics), (asked) => describe(call, asked, byId, allowAutoTopicCreation));
    return {
      brokers: [{ nodeId: config.nodeId, ...call.endpoint, rack: null }],
      clusterId: log.clusterId,
      controllerId: config.nodeId,
      topics: described.map((topic) => ({
        ...topic,
        topicAuthorizedOperations: authorizedOperations('topic', request.includeTopicAuthorizedOperations),
      })),
      clusterAuthorizedOperations: authorizedOperations('cluster', request.includeClusterAuthorizedOperations),
    };
  },
});

interface Asked {
  topicId: string;
  name: string | null;
}

function distinct(topics: readonly Asked[]): Asked[] {
  return [...new Map(topics.map((topic) => [topic.name ?? topic.topicId, topic])).values()];
}

async function describe(
  call: Call,
  { topicId, name }: Asked,
  byId: ReadonlyMap<string, TopicSummary>,
  mayCreate: boolean,
) {
  const { log, config } = call.gateway;
  if (name === null) {
    const topic = byId.get(topicId);
    return topic ? partitionsOf(call, topic) : failed(numberOf('UNKNOWN_TOPIC_ID'), null, topicId);
  }
  try {
    checkTopicName(name);
    return partitionsOf(call, await log.topics.describe(name));
  } catch (error) {
    const isUnknown = error instanceof VarveError && error.code === 'UNKNOWN_TOPIC_OR_PARTITION';
    if (!isUnknown || !mayCreate || !config.autoCreateTopics) return failed(failureCode(error), name, NO_UUID);
  }
  try {
    return partitionsOf(call, await log.topics.create(name));
  } catch (error) {
    if (!(error instanceof VarveError && error.code === 'TOPIC_ALREADY_EXISTS')) {
      return failed(failureCode(error), name, NO_UUID);
    }
  }
  // Somebody else has just made it.
  return log.topics.describe(name).then(
    (topic) => partitionsOf(call, topic),
    (error) => failed(failureCode(error), name, NO_UUID),
  );
}

function failed(errorCode: number, name: string | null, topicId: string) {
  return { errorCode, name, topicId, isInternal: false, partitions: [] };
}

function partitionsOf({ gateway }: Call, { name, id, partitions }: TopicSummary) {
  const nodes = [gateway.config.nodeId];
  gateway.topicNames.learn({ id, name });
  return {
    errorCode: NO_ERROR,
    name,
    topicId: id,
    isInternal: false,
    partitions: Array.from({ length: partitions }, (_, partitionIndex) => ({
      errorCode: NO_ERROR,
      partitionIndex,
      leaderId: gateway.config.nodeId,
      leaderEpoch: LEADER_EPOCH,
      replicaNodes: nodes,
      isrNodes: nodes,
    })),
  };
}
