/**
 * Fetch, versions 4 to 12: record batches as they lie, with long polls.
 *
 * Topic ids instead of names begin with version 13, which is not served. Fetch sessions (KIP-227) are declined: every answer is
 * whole and names session 0, which tells clients to send whole requests. A fetch offset inside a batch gets the whole batch. One
 * batch at least is answered however small the limits are (KIP-74). Readers of committed records see all there is up to the last
 * stable offset, which is the high watermark as long as there are no transactions. No replica other than the leader is ever
 * preferred (KIP-392).
 */
import { VarveError } from '../../../errors.ts';
import type { Wanted } from '../../../log/event-log.ts';
import { defineApi } from '../api.ts';
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
} from '../protocol/schema.ts';
import { LEADER_EPOCH } from '../topics.ts';

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
  replicaId: int32,
  maxWaitMs: int32,
  minBytes: int32,
  maxBytes: int32,
  isolationLevel: int8,
  sessionId: since(7, int32),
  sessionEpoch: since(7, int32, -1),
  topics: array(
    struct({
      topic: string,
      partitions: array(
        struct({
          partition: int32,
          currentLeaderEpoch: since(9, int32, -1),
          fetchOffset: int64,
          lastFetchedEpoch: since(12, int32, -1),
          logStartOffset: since(5, int64, -1),
          partitionMaxBytes: int32,
        }),
      ),
    }),
  ),
  forgottenTopicsData: since(7, array(struct({ topic: string, partitions: array(int32) }))),
  rackId: since(11, string),
});

export const fetch = defineApi({
  key: 1,
  name: 'Fetch',
  versions: [4, 12],
  flexible: 12,
  waits: true,
  request,
  response: struct({
    throttleTimeMs: since(1, int32),
    errorCode: since(7, int16),
    sessionId: since(7, int32),
    responses: array(
      struct({
        topic: string,
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
  }),
  async handle(asked, call) {
    const { log, answers } = call.gateway;
    if (asked.sessionId !== NO_SESSION) {
      return { errorCode: numberOf('FETCH_SESSION_ID_NOT_FOUND'), sessionId: NO_SESSION, responses: [] };
    }
    const { wanted, slots } = partitionsOf(asked);
    // From then on it is the connection that counts what the client has not taken.
    const memory = answers.open(LEAST_BYTES);
    const fetched = await log
      .fetchAll(wanted, {
        maxBytes: Math.min(Math.max(asked.maxBytes, 0), ANSWER_BYTES),
        minBytes: asked.minBytes,
        wait: Math.max(asked.maxWaitMs, 0),
        memory,
        signal: call.signal,
      })
      .finally(() => memory.close());
    const abortedTransactions = asked.isolationLevel === READ_COMMITTED ? [] : null;
    const responses = asked.topics.map(({ topic, partitions }) => ({
      topic,
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

/** What the log is asked for; what is wrong by itself has its error already. */
function partitionsOf({ topics }: Asked) {
  const wanted: Wanted[] = [];
  const slots = new Map<AskedPartition, number | { errorCode: number }>();
  for (const { topic, partitions } of topics) {
    for (const one of partitions) {
      if (one.currentLeaderEpoch > LEADER_EPOCH) {
        slots.set(one, { errorCode: numberOf('UNKNOWN_LEADER_EPOCH') });
        continue;
      }
      slots.set(one, wanted.length);
      const { partition, fetchOffset: offset, partitionMaxBytes: maxBytes } = one;
      wanted.push({ topic, partition, offset, maxBytes });
    }
  }
  return { wanted, slots };
}
