/**
 * OffsetDelete, version 0: forgets a group's offsets in some partitions, but not in topics that its members read (KIP-496).
 */
import { defineApi } from '../api.ts';
import { NO_ERROR, numberOf } from '../failures.ts';
import { array, int16, int32, string, struct } from '../protocol/schema.ts';

export const offsetDelete = defineApi({
  key: 47,
  name: 'OffsetDelete',
  versions: [0, 0],
  flexible: Number.POSITIVE_INFINITY,
  request: struct({
    groupId: string,
    topics: array(struct({ name: string, partitions: array(struct({ partitionIndex: int32 })) })),
  }),
  response: struct({
    errorCode: int16,
    throttleTimeMs: int32,
    topics: array(struct({ name: string, partitions: array(struct({ partitionIndex: int32, errorCode: int16 })) })),
  }),
  async handle({ groupId, topics }, { gateway }) {
    const named = topics.flatMap(({ name: topic, partitions }) =>
      partitions.map(({ partitionIndex: partition }) => ({ topic, partition })),
    );
    const errors = await gateway.groups.forget(groupId, named);
    if (typeof errors === 'string') return { errorCode: numberOf(errors), throttleTimeMs: 0, topics: [] };
    let next = 0;
    return {
      errorCode: NO_ERROR,
      throttleTimeMs: 0,
      topics: topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode: errors[next++]! })),
      })),
    };
  },
});
