/**
 * CreateTopics, versions 2 to 7: topics with their partition counts and configuration.
 *
 * -1 partitions are `num.partitions` of the gateway (KIP-464). Replication factors are -1 or anything from 1 to 32767: the stores
 * below replicate, and tutorials ask for 1 or 3; what is answered is 1. Assignments of replicas say how many partitions there
 * are and nothing else. A configuration key without a value is INVALID_CONFIG. A topic can be used when this is answered. Kafka's quotas on changes (KIP-599) are never met.
 */
import { VarveError } from '../../../errors.ts';
import type { TopicDescription } from '../../../log/topics.ts';
import { type Call, defineApi } from '../api.ts';
import { CONFIG_SOURCE, sourceOf } from '../configs.ts';
import { failure, NO_ERROR, numberOf } from '../failures.ts';
import { repeatedIn } from '../parts.ts';
import {
  array,
  bool,
  int8,
  int16,
  int32,
  NO_UUID,
  nullable,
  type ReadOf,
  since,
  string,
  struct,
  tagged,
  uuid,
  type WriteOf,
} from '../protocol/schema.ts';

const creatable = struct({
  name: string,
  numPartitions: int32,
  replicationFactor: int16,
  assignments: array(struct({ partitionIndex: int32, brokerIds: array(int32) })),
  configs: array(struct({ name: string, value: nullable(string) })),
});

const result = struct({
  name: string,
  topicId: since(7, uuid),
  errorCode: int16,
  errorMessage: since(1, nullable(string)),
  topicConfigErrorCode: tagged(0, 5, int16),
  numPartitions: since(5, int32, -1),
  replicationFactor: since(5, int16, -1),
  configs: since(
    5,
    nullable(
      array(
        struct({
          name: string,
          value: nullable(string),
          readOnly: bool,
          configSource: since(5, int8, -1),
          isSensitive: bool,
        }),
      ),
    ),
  ),
});

export const createTopics = defineApi({
  key: 19,
  name: 'CreateTopics',
  versions: [2, 7],
  flexible: 5,
  request: struct({ topics: array(creatable), timeoutMs: int32, validateOnly: since(1, bool) }),
  response: struct({
    throttleTimeMs: since(2, int32),
    topics: array(result),
  }),
  async handle({ topics, validateOnly }, call) {
    const twice = repeatedIn(topics.map(({ name }) => name));
    const refusedOnce = new Set<string>();
    // One after the other, so that names which collide with each other do.
    const answers: WriteOf<typeof result>[] = [];
    for (const topic of topics) {
      const { name } = topic;
      if (refusedOnce.has(name)) continue;
      if (twice.has(name)) refusedOnce.add(name);
      try {
        if (twice.has(name)) throw new VarveError('INVALID_REQUEST', 'A topic is named twice in one request.');
        answers.push({ name, ...(await create(call, topic, validateOnly)) });
      } catch (error) {
        answers.push({ name, topicId: NO_UUID, ...failure(error) });
      }
    }
    return { topics: answers };
  },
});

async function create(call: Call, topic: ReadOf<typeof creatable>, validateOnly: boolean) {
  const { name, numPartitions, replicationFactor, assignments, configs } = topic;
  const { log } = call.gateway;
  if (assignments.length > 0 && (numPartitions !== -1 || replicationFactor !== -1)) {
    throw new VarveError('INVALID_REQUEST', 'Give either assignments or a number of partitions and replicas.');
  }
  if (assignments.length > 0 && !assignments.every(({ partitionIndex }, _, all) => partitionIndex < all.length)) {
    return refused('INVALID_REPLICA_ASSIGNMENT', 'Partitions are assigned from 0 on, each once.');
  }
  if (replicationFactor === 0 || replicationFactor < -1) {
    return refused('INVALID_REPLICATION_FACTOR', 'Replication factor must be larger than 0, or -1 for the default.');
  }
  const partitions = assignments.length > 0 ? assignments.length : numPartitions;
  const given = configs.map(({ name, value }) => {
    if (value === null) throw new VarveError('INVALID_CONFIG', `Give a value for the configuration key ${name}.`);
    return [name, value] as const;
  });
  const created = await log.topics.create(name, {
    ...(partitions !== -1 && { partitions }),
    config: Object.fromEntries(given),
    validateOnly,
  });
  return described(created);
}

function refused(code: 'INVALID_REPLICA_ASSIGNMENT' | 'INVALID_REPLICATION_FACTOR', errorMessage: string) {
  return { topicId: NO_UUID, errorCode: numberOf(code), errorMessage };
}

function described({ id, partitions, config }: TopicDescription) {
  return {
    topicId: id,
    errorCode: NO_ERROR,
    errorMessage: null,
    numPartitions: partitions,
    replicationFactor: 1,
    configs: config.map((entry) => ({
      name: entry.name,
      value: entry.value,
      readOnly: false,
      configSource: sourceOf(entry.synonyms[0]?.source ?? 'default', CONFIG_SOURCE.topic),
      isSensitive: false,
    })),
  };
}
