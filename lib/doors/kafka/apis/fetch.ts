/**
 * Fetch, versions 4 to 18: record batches as they lie, with long polls.
 *
 * Topics go by id instead of name since version 13 (KIP-516): one that was deleted is UNKNOWN_TOPIC_ID, whatever has its name now. What
 * replicas say of themselves (KIP-903, KIP-858, KIP-1166) is not looked at: there are none. Fetch sessions (KIP-227) are declined: every answer is
 * whole and names session 0, which tells clients to send whole requests. A fetch offset inside a batch gets the whole batch. One
 * batch at least is answered however small the limits are (KIP-74). Readers of committed records see all there is up to the last
 * stable offset, which is the high watermark as long as there are no transactions. No replica other than the leader is ever
 * preferred (KIP-392).
 */
import { VarveError } from '../../../errors.ts';
import type { Wanted } from '../../../log/event-log.ts';
import { type Call, defineApi } from '../api.ts';
import { failureCode, NO_ERROR, numberOf } from '../failures.ts';
import {
  array,
  int8,
  int16,
  int32,
  int64,
  nullable,
  type ReadOf,
  records,
  since,
  string,
  struct,
  tagged,
  until,
  uuid,
} from '../protocol/schema.ts';
import { LEADER_EPOCH } from '../topics.ts';

const FIRST_WITH_IDS = 13;
const NO_SESSION = 0;
const READ_COMMITTED = 1;
/** Bytes of one answer, which a client may hold as long as it likes to; and what is left of that when all hold a lot. */
const ANSWER_BYTES = 16 * 1024 * 1024;
const LEAST_BYTES = 64 * 1024;

const epochAndEnd = struct({ epoch: since(12, int32, -1), endOffset: since(12, int64, -1) });
const leaderAndEpoch = struct({ leaderId: since(12, int32, -1), leaderEpoch: since(12, int32, -1) });
const snapshot = struct({ endOffset: since(0, int64, -1), epoch: since(0, int32, -1) });

const request = struct({
  clusterId: tagged(0, 12, nullable(string), null),
  replicaState: tagged(1, 15, struct({ replicaId: since(15, int32, -1), replicaEpoch: since(15, int64, -1) })),
  replicaId: until(14, int32, -1),
  maxWaitMs: int32,
  minBytes: int32,
  maxBytes: int32,
  isolationLevel: int8,
  sessionId: since(7, int32),
  sessionEpoch: since(7, int32, -1),
  topics: array(
    struct({
      topic: until(12, string),
      topicId: since(13, uuid),
      partitions: array(
        struct({
          partition: int32,
          currentLeaderEpoch: since(9, int32, -1),
          fetchOffset: int64,
          lastFetchedEpoch: since(12, int32, -1),
          logStartOffset: since(5, int64, -1),
          partitionMaxBytes: int32,
          replicaDirectoryId: tagged(0, 17, uuid),
          highWatermark: tagged(1, 18, int64, 2 ** 63),
        }),
      ),
    }),
  ),
  forgottenTopicsData: since(
    7,
    array(struct({ topic: since(7, until(12, string)), topicId: since(13, uuid), partitions: array(int32) })),
  ),
  rackId: since(11, string),
});

export const fetch = defineApi({
  key: 1,
  name: 'Fetch',
  versions: [4, 18],
  flexible: 12,
  waits: true,
  request,
  response: struct({
    throttleTimeMs: since(1, int32),
    errorCode: since(7, int16),
    sessionId: since(7, int32),
    responses: array(
      struct({
        topic: until(12, string),
        topicId: since(13, uuid),
        partitions: array(
          struct({
            partitionIndex: int32,
            errorCode: int16,
            highWatermark: int64,
            lastStableOffset: since(4, int64, -1),
            logStartOffset: since(5, int64, -1),
            divergingEpoch: tagged(0, 12, epochAndEnd),
            currentLeader: tagged(1, 12, leaderAndEpoch),
            snapshotId: tagged(2, 12, snapshot),
            abortedTransactions: since(4, nullable(array(struct({ producerId: int64, firstOffset: int64 })))),
            preferredReadReplica: since(11, int32, -1),
            records: nullable(records),
          }),
        ),
      }),
    ),
    nodeEndpoints: tagged(0, 16, array(struct({ nodeId: int32, host: string, port: int32, rack: nullable(string) }))),
  }),
  async handle(asked, call) {
    const { log, answers } = call.gateway;
    if (asked.sessionId !== NO_SESSION) {
      return { errorCode: numberOf('FETCH_SESSION_ID_NOT_FOUND'), sessionId: NO_SESSION, responses: [] };
    }
    const names = await namesOf(asked, call);
    const { wanted, slots } = partitionsOf(asked, names);
    // From then on it is the connection that counts what the client has not taken.
    const memory = answers.open(LEAST_BYTES);
    const fetched = await log
      .fetchAll(wanted, {
        maxBytes: Math.min(Math.max(asked.maxBytes, 0), ANSWER_BYTES),
        minBytes: asked.minBytes,
        // What fails is told at once.
        wait: wanted.length < slots.size ? 0 : Math.max(asked.maxWaitMs, 0),
        memory,
        signal: call.signal,
      })
      .finally(() => memory.close());
    const abortedTransactions = asked.isolationLevel === READ_COMMITTED ? [] : null;
    const responses = asked.topics.map(({ topic, topicId, partitions }) => ({
      topic,
      topicId,
      partitions: partitions.map((partition) => {
        const partitionIndex = partition.partition;
        const slot = slots.get(partition)!;
        const one = typeof slot === 'number' ? fetched[slot]! : slot;
        if (one instanceof VarveError || 'errorCode' in one) {
          const errorCode = one instanceof VarveError ? failureCode(one) : one.errorCode;
          return { partitionIndex, errorCode, highWatermark: -1, abortedTransactions, records: [] };
        }
        return {
          partitionIndex,
          errorCode: NO_ERROR,
          highWatermark: one.highWatermark,
          lastStableOffset: one.highWatermark,
          logStartOffset: one.logStart,
          abortedTransactions,
          records: one.batches,
        };
      }),
    }));
    return { responses };
  },
});

type Asked = ReadOf<typeof request>;
type AskedPartition = Asked['topics'][number]['partitions'][number];

/** By id; undefined in versions that name topics by their names. */
function namesOf({ topics }: Asked, { version, gateway }: Call) {
  return version < FIRST_WITH_IDS ? undefined : gateway.topicNames.of(topics.map(({ topicId }) => topicId));
}

/** What the log is asked for; what is wrong by itself has its error already. */
function partitionsOf({ topics }: Asked, names: ReadonlyMap<string, string | VarveError> | undefined) {
  const wanted: Wanted[] = [];
  const slots = new Map<AskedPartition, number | { errorCode: number }>();
  for (const { topic, topicId, partitions } of topics) {
    const named = names ? { topic: names.get(topicId), topicId } : { topic };
    for (const one of partitions) {
      if (named.topic === undefined || named.topic instanceof VarveError) {
        slots.set(one, { errorCode: named.topic ? failureCode(named.topic) : numberOf('UNKNOWN_TOPIC_ID') });
        continue;
      }
      if (one.currentLeaderEpoch > LEADER_EPOCH) {
        slots.set(one, { errorCode: numberOf('UNKNOWN_LEADER_EPOCH') });
        continue;
      }
      slots.set(one, wanted.length);
      const { partition, fetchOffset: offset, partitionMaxBytes: maxBytes } = one;
      wanted.push({ ...named, topic: named.topic, partition, offset, maxBytes });
    }
  }
  return { wanted, slots };
}
