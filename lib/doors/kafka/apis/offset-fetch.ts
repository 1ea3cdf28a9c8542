/**
 * OffsetFetch, versions 1 to 9: where groups are, in some partitions or in all; several groups since version 8 (KIP-709). A partition
 * without a committed offset has -1. Offsets of open transactions, which `requireStable` (KIP-447) waits for, do not exist
 * yet. Members of KIP-848 (version 9) are none of ours: their ids and epochs are not looked at.
 */
import type { GroupOffset } from '../../../log/groups/groups.ts';
import { type Call, defineApi } from '../api.ts';
import { failureCode, NO_ERROR, numberOf } from '../failures.ts';
import { distinctPartitions, fewAtOnce, repeatedIn } from '../parts.ts';
import { array, bool, int16, int32, int64, nullable, since, string, struct, until } from '../protocol/schema.ts';

const SEVERAL = 8;
/** For a group that is named twice. */
const TWICE = numberOf('INVALID_REQUEST');
/** Before this version an error is told of each partition. */
const FAILS_AS_A_WHOLE = 2;

const asked = struct({ name: string, partitionIndexes: array(int32) });
const offset = {
  partitionIndex: int32,
  committedOffset: int64,
  committedLeaderEpoch: since(5, int32, -1),
  metadata: nullable(string),
  errorCode: int16,
};
const answered = struct({ name: string, partitions: array(struct(offset)) });

export const offsetFetch = defineApi({
  key: 9,
  name: 'OffsetFetch',
  versions: [1, 9],
  flexible: 6,
  request: struct({
    groupId: until(7, string),
    topics: until(7, nullable(array(asked), 2)),
    groups: since(
      8,
      array(
        struct({
          groupId: string,
          memberId: since(9, nullable(string), null),
          memberEpoch: since(9, int32, -1),
          topics: nullable(array(asked)),
        }),
      ),
    ),
    requireStable: since(7, bool),
  }),
  response: struct({
    throttleTimeMs: since(3, int32),
    topics: until(7, array(answered)),
    errorCode: since(2, until(7, int16)),
    groups: since(8, array(struct({ groupId: string, topics: array(answered), errorCode: int16 }))),
  }),
  async handle({ groupId, topics, groups }, call) {
    if (call.version < SEVERAL) return fetchGroup(call, groupId, topics);
    const repeated = repeatedIn(groups.map((one) => one.groupId));
    const answers = await fewAtOnce(groups, async (one) => {
      if (repeated.has(one.groupId)) return { groupId: one.groupId, topics: [], errorCode: TWICE };
      return fetchGroup(call, one.groupId, one.topics);
    });
    return { groups: answers };
  },
});

type Asked = readonly { name: string; partitionIndexes: readonly number[] }[] | null;

async function fetchGroup({ gateway, version }: Call, groupId: string, topics: Asked) {
  const refuse = (errorCode: number) => {
    const told = version < FAILS_AS_A_WHOLE && topics ? pick([], topics, errorCode) : [];
    return { groupId, topics: told, errorCode };
  };
  try {
    const committed = await gateway.groups.offsets(groupId);
    if (typeof committed === 'string') return refuse(numberOf(committed));
    return { groupId, topics: topics ? pick(committed, topics) : all(committed), errorCode: NO_ERROR };
  } catch (error) {
    return refuse(failureCode(error));
  }
}

function all(committed: readonly GroupOffset[]) {
  return [...Map.groupBy(committed, ({ topic }) => topic)].map(([name, offsets]) => ({
    name,
    partitions: offsets.map((one) => entry(one.partition, one)),
  }));
}

function pick(committed: readonly GroupOffset[], topics: NonNullable<Asked>, errorCode = NO_ERROR) {
  const known = new Map(committed.map((one) => [`${one.partition}@${one.topic}`, one]));
  return [...distinctPartitions(topics)].map(([name, partitions]) => ({
    name,
    partitions: [...partitions].map((partition) => entry(partition, known.get(`${partition}@${name}`), errorCode)),
  }));
}

function entry(partitionIndex: number, found: GroupOffset | undefined, errorCode = NO_ERROR) {
  return {
    partitionIndex,
    committedOffset: found?.offset ?? -1,
    committedLeaderEpoch: found?.leaderEpoch ?? -1,
    metadata: found?.metadata ?? '',
    errorCode,
  };
}
