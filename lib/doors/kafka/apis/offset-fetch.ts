/**
 * OffsetFetch, versions 1 to 10: where groups are, in some partitions or in all; several groups since version 8 (KIP-709). A partition
 * without a committed offset has -1. Offsets of open transactions, which `requireStable` (KIP-447) waits for, do not exist
 * yet. Members of KIP-848 (version 9) are none of ours: their ids and epochs are not looked at. Topics go by id instead of name since version
 * 10: one that was deleted is UNKNOWN_TOPIC_ID.
 */
import { VarveError } from '../../../errors.ts';
import type { GroupOffset } from '../../../log/groups/groups.ts';
import { isUnknownTopic } from '../../../log/topic-name.ts';
import { type Call, defineApi } from '../api.ts';
import { failureCode, NO_ERROR, numberOf } from '../failures.ts';
import { distinctPartitions, fewAtOnce, repeatedIn } from '../parts.ts';
import {
  array,
  bool,
  int16,
  int32,
  int64,
  NO_UUID,
  nullable,
  since,
  string,
  struct,
  until,
  uuid,
} from '../protocol/schema.ts';

const SEVERAL = 8;
const FIRST_WITH_IDS = 10;
const UNKNOWN_ID = numberOf('UNKNOWN_TOPIC_ID');
/** For a group that is named twice. */
const TWICE = numberOf('INVALID_REQUEST');
/** Before this version an error is told of each partition. */
const FAILS_AS_A_WHOLE = 2;

const named = { name: until(9, string), topicId: since(10, uuid) };
const offset = {
  partitionIndex: int32,
  committedOffset: int64,
  committedLeaderEpoch: since(5, int32, -1),
  metadata: nullable(string),
  errorCode: int16,
};

export const offsetFetch = defineApi({
  key: 9,
  name: 'OffsetFetch',
  versions: [1, 10],
  flexible: 6,
  request: struct({
    groupId: until(7, string),
    topics: until(7, nullable(array(struct({ name: string, partitionIndexes: array(int32) })), 2)),
    groups: since(
      8,
      array(
        struct({
          groupId: string,
          memberId: since(9, nullable(string), null),
          memberEpoch: since(9, int32, -1),
          topics: nullable(array(struct({ ...named, partitionIndexes: array(int32) }))),
        }),
      ),
    ),
    requireStable: since(7, bool),
  }),
  response: struct({
    throttleTimeMs: since(3, int32),
    topics: until(7, array(struct({ name: string, partitions: array(struct(offset)) }))),
    errorCode: since(2, until(7, int16)),
    groups: since(
      8,
      array(
        struct({
          groupId: string,
          topics: array(struct({ ...named, partitions: array(struct(offset)) })),
          errorCode: int16,
        }),
      ),
    ),
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

type Asked = readonly { name: string; topicId?: string; partitionIndexes: readonly number[] }[] | null;

async function fetchGroup(call: Call, groupId: string, topics: Asked) {
  const { gateway, version } = call;
  const byId = version >= FIRST_WITH_IDS;
  const refuse = (errorCode: number) => {
    const told = version < FAILS_AS_A_WHOLE && topics ? pick([], topics, byId, () => errorCode) : [];
    return { groupId, topics: told, errorCode };
  };
  try {
    const committed = await gateway.groups.offsets(groupId);
    if (typeof committed === 'string') return refuse(numberOf(committed));
    if (!topics) return { groupId, topics: all(committed), errorCode: NO_ERROR };
    const ids = byId ? await idsOf(call, topics) : undefined;
    const errorOf = (topic: string) => (ids?.has(topic) === false ? UNKNOWN_ID : NO_ERROR);
    return { groupId, topics: pick(committed, topics, byId, errorOf), errorCode: NO_ERROR };
  } catch (error) {
    return refuse(failureCode(error));
  }
}

/** Of the topics that there are now. */
async function idsOf({ gateway: { log, topicNames } }: Call, topics: NonNullable<Asked>): Promise<Set<string>> {
  const names = await topicNames.of(new Set(topics.flatMap(({ topicId }) => topicId ?? [])));
  const ids = await fewAtOnce([...names.values()], async (name) => {
    if (name instanceof VarveError) throw name;
    try {
      return (await log.topics.describe(name)).id;
    } catch (error) {
      if (isUnknownTopic(error)) return undefined;
      throw error;
    }
  });
  return new Set(ids.filter((id) => id !== undefined));
}

function all(committed: readonly GroupOffset[]) {
  return [...Map.groupBy(committed, ({ topic }) => topic)].map(([name, offsets]) => ({
    name,
    topicId: offsets[0]!.topicId ?? NO_UUID,
    partitions: offsets.map((one) => entry(one.partition, one)),
  }));
}

/** `errorOf`: by a topic's id, or its name, as it was asked for. */
function pick(
  committed: readonly GroupOffset[],
  topics: NonNullable<Asked>,
  byId: boolean,
  errorOf: (topic: string) => number,
) {
  const known = new Map(committed.map((one) => [`${one.partition}@${byId ? one.topicId : one.topic}`, one]));
  const asked = topics.map(({ name, topicId = name, partitionIndexes }) => {
    return { name: byId ? topicId : name, partitionIndexes };
  });
  return [...distinctPartitions(asked)].map(([topic, partitions]) => ({
    name: topic,
    topicId: byId ? topic : NO_UUID,
    partitions: [...partitions].map((one) => entry(one, known.get(`${one}@${topic}`), errorOf(topic))),
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
