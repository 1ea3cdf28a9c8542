/**
 * AlterPartitionReassignments, versions 0 and 1: where replicas of partitions lie (KIP-455). Each lies with the gateway: to put it there
 * changes nothing, anywhere else is INVALID_REPLICA_ASSIGNMENT, and there is never a reassignment to cancel.
 */
import { defineApi } from '../api.ts';
import { failure, NO_ERROR, numberOf } from '../failures.ts';
import { fewAtOnce } from '../parts.ts';
import { array, bool, int16, int32, nullable, since, string, struct } from '../protocol/schema.ts';
import { partitionsAt } from '../topics.ts';

export const alterPartitionReassignments = defineApi({
  key: 45,
  name: 'AlterPartitionReassignments',
  versions: [0, 1],
  flexible: 0,
  request: struct({
    timeoutMs: int32,
    allowReplicationFactorChange: since(1, bool, true),
    topics: array(
      struct({
        name: string,
        partitions: array(struct({ partitionIndex: int32, replicas: nullable(array(int32)) })),
      }),
    ),
  }),
  response: struct({
    throttleTimeMs: int32,
    allowReplicationFactorChange: since(1, bool, true),
    errorCode: int16,
    errorMessage: nullable(string),
    responses: array(
      struct({
        name: string,
        partitions: array(struct({ partitionIndex: int32, errorCode: int16, errorMessage: nullable(string) })),
      }),
    ),
  }),
  async handle({ allowReplicationFactorChange, topics }, { gateway: { log, config } }) {
    const responses = await fewAtOnce(topics, async ({ name, partitions }) => {
      const indexes = partitions.map(({ partitionIndex }) => partitionIndex);
      const found = await partitionsAt(log, name, indexes);
      return {
        name,
        partitions: found.map(({ partition, error }, i) => ({
          partitionIndex: partition,
          ...(error ? failure(error) : reassigned(partitions[i]!.replicas, config.nodeId)),
        })),
      };
    });
    return { throttleTimeMs: 0, allowReplicationFactorChange, errorCode: NO_ERROR, errorMessage: null, responses };
  },
});

function reassigned(replicas: readonly number[] | null, nodeId: number) {
  if (replicas === null) {
    const errorMessage = 'There is no reassignment that could be cancelled.';
    return { errorCode: numberOf('NO_REASSIGNMENT_IN_PROGRESS'), errorMessage };
  }
  if (replicas.length === 1 && replicas[0] === nodeId) return { errorCode: NO_ERROR, errorMessage: null };
  const errorMessage = `A partition has one replica, with broker ${nodeId}: the stores below replicate.`;
  return { errorCode: numberOf('INVALID_REPLICA_ASSIGNMENT'), errorMessage };
}
