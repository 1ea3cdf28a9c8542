/** ListPartitionReassignments, version 0: replicas that are on their way to other brokers (KIP-455). There never are any. */
import { defineApi } from '../api.ts';
import { NO_ERROR } from '../failures.ts';
import { array, int16, int32, nullable, string, struct } from '../protocol/schema.ts';

export const listPartitionReassignments = defineApi({
  key: 46,
  name: 'ListPartitionReassignments',
  versions: [0, 0],
  flexible: 0,
  request: struct({
    timeoutMs: int32,
    topics: nullable(array(struct({ name: string, partitionIndexes: array(int32) }))),
  }),
  response: struct({
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: nullable(string),
    topics: array(
      struct({
        name: string,
        partitions: array(
          struct({
            partitionIndex: int32,
            replicas: array(int32),
            addingReplicas: array(int32),
            removingReplicas: array(int32),
          }),
        ),
      }),
    ),
  }),
  handle: () => ({ throttleTimeMs: 0, errorCode: NO_ERROR, errorMessage: null, topics: [] }),
});
