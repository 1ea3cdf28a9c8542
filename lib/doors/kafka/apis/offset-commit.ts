/**
 * OffsetCommit, versions 2 to 9: a group's place in its partitions. By members of the current generation, or, when the group has none, by
 * anybody (generation -1). Offsets are kept as they are told, in a partition's range or not, as Kafka does; leader epochs are not
 * kept, and a retention of its own (versions 2 to 4) is not honoured.
 */
import { defineApi } from '../api.ts';
import { array, int16, int32, int64, nullable, since, string, struct, until } from '../protocol/schema.ts';

export const offsetCommit = defineApi({
  key: 8,
  name: 'OffsetCommit',
  versions: [2, 9],
  flexible: 8,
  request: struct({
    groupId: string,
    generationIdOrMemberEpoch: since(1, int32, -1),
    memberId: since(1, string),
    groupInstanceId: since(7, nullable(string), null),
    retentionTimeMs: since(2, until(4, int64), -1),
    topics: array(
      struct({
        name: string,
        partitions: array(
          struct({
            partitionIndex: int32,
            committedOffset: int64,
            committedLeaderEpoch: since(6, int32, -1),
            committedMetadata: nullable(string),
          }),
        ),
      }),
    ),
  }),
  response: struct({
    throttleTimeMs: since(3, int32),
    topics: array(struct({ name: string, partitions: array(struct({ partitionIndex: int32, errorCode: int16 })) })),
  }),
  async handle({ groupId, generationIdOrMemberEpoch, memberId, groupInstanceId, topics }, { gateway }) {
    const offsets = topics.flatMap(({ name: topic, partitions }) =>
      partitions.map(({ partitionIndex: partition, committedOffset: offset, committedMetadata: metadata }) => ({
        topic,
        partition,
        offset,
        ...(metadata && { metadata }),
      })),
    );
    const who = { memberId, instanceId: groupInstanceId };
    const errors = await gateway.groups.commit(groupId, who, generationIdOrMemberEpoch, offsets);
    let next = 0;
    return {
      topics: topics.map(({ name, partitions }) => ({
        name,
        partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode: errors[next++]! })),
      })),
    };
  },
});
