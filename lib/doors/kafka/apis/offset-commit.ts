/**
 * OffsetCommit, versions 2 to 10: a group's place in its partitions. By members of the current generation, or, when the group has none, by
 * anybody (generation -1). Offsets and the leader epochs that readers saw (KIP-320) are kept as they are told, in a partition's range or
 * not, as Kafka does; metadata of up to 4,096 bytes, where Kafka counts characters. A retention of its own (versions 2 to 4) is not honoured.
 * Topics go by id instead of name since version 10 (KIP-848): one that was deleted is UNKNOWN_TOPIC_ID.
 */
import { defineApi } from '../api.ts';
import { failureCode, numberOf } from '../failures.ts';
import { array, int16, int32, int64, nullable, since, string, struct, until, uuid } from '../protocol/schema.ts';

const NO_EPOCH = -1;
/** That there is no such group is told since this version (KIP-848); before, that the generation is not the group's. */
const TELLS_NO_GROUP = 9;
const FIRST_WITH_IDS = 10;
const NO_TOPIC = numberOf('UNKNOWN_TOPIC_ID');
const NO_GROUP = numberOf('GROUP_ID_NOT_FOUND');
const OLD_GENERATION = numberOf('ILLEGAL_GENERATION');

export const offsetCommit = defineApi({
  key: 8,
  name: 'OffsetCommit',
  versions: [2, 10],
  flexible: 8,
  request: struct({
    groupId: string,
    generationIdOrMemberEpoch: since(1, int32, -1),
    memberId: since(1, string),
    groupInstanceId: since(7, nullable(string), null),
    retentionTimeMs: since(2, until(4, int64), -1),
    topics: array(
      struct({
        name: until(9, string),
        topicId: since(10, uuid),
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
    topics: array(
      struct({
        name: until(9, string),
        topicId: since(10, uuid),
        partitions: array(struct({ partitionIndex: int32, errorCode: int16 })),
      }),
    ),
  }),
  async handle({ groupId, generationIdOrMemberEpoch, memberId, groupInstanceId, topics }, { gateway, version }) {
    const names =
      version < FIRST_WITH_IDS ? undefined : await gateway.topicNames.of(topics.map(({ topicId }) => topicId));
    const nameOf = ({ name, topicId }: { name: string; topicId: string }) => (names ? names.get(topicId) : name);
    const offsets = topics.flatMap(({ partitions, ...named }) => {
      const topic = nameOf(named);
      if (typeof topic !== 'string') return [];
      return partitions.map((one) => ({
        topic,
        ...(names && { topicId: named.topicId }),
        partition: one.partitionIndex,
        offset: one.committedOffset,
        ...(one.committedMetadata && { metadata: one.committedMetadata }),
        ...(one.committedLeaderEpoch !== NO_EPOCH && { leaderEpoch: one.committedLeaderEpoch }),
      }));
    });
    const who = { memberId, instanceId: groupInstanceId };
    const errors = await gateway.groups.commit(groupId, who, generationIdOrMemberEpoch, offsets);
    const told = (error: number) => (error === NO_GROUP && version < TELLS_NO_GROUP ? OLD_GENERATION : error);
    let next = 0;
    return {
      topics: topics.map(({ partitions, ...named }) => {
        const topic = nameOf(named);
        const errorOf = () => {
          if (typeof topic === 'string') return told(errors[next++]!);
          return topic ? failureCode(topic) : NO_TOPIC;
        };
        return {
          ...named,
          partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode: errorOf() })),
        };
      }),
    };
  },
});
