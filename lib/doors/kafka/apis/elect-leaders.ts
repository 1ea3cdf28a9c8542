/**
 * ElectLeaders, versions 0 to 2: elections of partitions' leaders (KIP-183, KIP-460). The gateway always leads, so that none is ever needed:
 * ELECTION_NOT_NEEDED for every partition that there is; nothing at all when all are asked for, as Kafka tells only of those that
 * were elected.
 */
import { defineApi } from '../api.ts';
import { failure, type KafkaErrorCode, NO_ERROR, numberOf } from '../failures.ts';
import { fewAtOnce } from '../parts.ts';
import { array, int8, int16, int32, nullable, since, string, struct } from '../protocol/schema.ts';
import { partitionsAt } from '../topics.ts';

const PREFERRED = 0;
const UNCLEAN = 1;

export const electLeaders = defineApi({
  key: 43,
  name: 'ElectLeaders',
  versions: [0, 2],
  flexible: 2,
  request: struct({
    electionType: since(1, int8),
    topicPartitions: nullable(array(struct({ topic: string, partitions: array(int32) }))),
    timeoutMs: int32,
  }),
  response: struct({
    throttleTimeMs: int32,
    errorCode: since(1, int16),
    replicaElectionResults: array(
      struct({
        topic: string,
        partitionResult: array(struct({ partitionId: int32, errorCode: int16, errorMessage: nullable(string) })),
      }),
    ),
  }),
  async handle({ electionType, topicPartitions }, { gateway: { log } }) {
    if (electionType !== PREFERRED && electionType !== UNCLEAN) {
      return { throttleTimeMs: 0, errorCode: numberOf('INVALID_REQUEST'), replicaElectionResults: [] };
    }
    const notNeeded = refusal('ELECTION_NOT_NEEDED', 'The gateway leads it already.');
    const replicaElectionResults = await fewAtOnce(topicPartitions ?? [], async ({ topic, partitions }) => ({
      topic,
      partitionResult: (await partitionsAt(log, topic, partitions)).map(({ partition, error }) => ({
        partitionId: partition,
        ...(error ? failure(error) : notNeeded),
      })),
    }));
    return { throttleTimeMs: 0, errorCode: NO_ERROR, replicaElectionResults };
  },
});

function refusal(code: KafkaErrorCode, errorMessage: string) {
  return { errorCode: numberOf(code), errorMessage };
}
