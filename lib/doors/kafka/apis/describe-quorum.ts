/**
 * DescribeQuorum, versions 0 to 2 (KIP-595, KIP-836, KIP-853): who decides about metadata. In Kafka that is a quorum with a log of its own; here it
 * is the catalog, and the gateway stands before it as the only voter, as Metadata names it controller. There is no log of metadata:
 * its end is 0. About any other partition UNKNOWN_TOPIC_OR_PARTITION is said.
 */
import { defineApi } from '../api.ts';
import { NO_ERROR, numberOf } from '../failures.ts';
import {
  array,
  int16,
  int32,
  int64,
  NO_UUID,
  nullable,
  since,
  string,
  struct,
  uint16,
  uuid,
} from '../protocol/schema.ts';
import { LEADER_EPOCH } from '../topics.ts';

const METADATA = '__cluster_metadata';
const LOG_END = 0;

const replicaState = struct({
  replicaId: int32,
  replicaDirectoryId: since(2, uuid),
  logEndOffset: int64,
  lastFetchTimestamp: since(1, int64, -1),
  lastCaughtUpTimestamp: since(1, int64, -1),
});

export const describeQuorum = defineApi({
  key: 55,
  name: 'DescribeQuorum',
  versions: [0, 2],
  flexible: 0,
  request: struct({
    topics: array(struct({ topicName: string, partitions: array(struct({ partitionIndex: int32 })) })),
  }),
  response: struct({
    errorCode: int16,
    errorMessage: since(2, nullable(string)),
    topics: array(
      struct({
        topicName: string,
        partitions: array(
          struct({
            partitionIndex: int32,
            errorCode: int16,
            errorMessage: since(2, nullable(string)),
            leaderId: int32,
            leaderEpoch: int32,
            highWatermark: int64,
            currentVoters: array(replicaState),
            observers: array(replicaState),
          }),
        ),
      }),
    ),
    nodes: since(
      2,
      array(struct({ nodeId: int32, listeners: array(struct({ name: string, host: string, port: uint16 })) })),
    ),
  }),
  handle({ topics }, { gateway: { clock, config }, endpoint }) {
    const { nodeId } = config;
    const voter = {
      replicaId: nodeId,
      replicaDirectoryId: NO_UUID,
      logEndOffset: LOG_END,
      lastCaughtUpTimestamp: clock.now(),
    };
    const none = { leaderId: -1, leaderEpoch: -1, highWatermark: -1, currentVoters: [], observers: [] };
    const quorum = {
      leaderId: nodeId,
      leaderEpoch: LEADER_EPOCH,
      highWatermark: LOG_END,
      currentVoters: [voter],
      observers: [],
    };
    return {
      errorCode: NO_ERROR,
      errorMessage: null,
      topics: topics.map(({ topicName, partitions }) => ({
        topicName,
        partitions: partitions.map(({ partitionIndex }) => {
          const isThere = topicName === METADATA && partitionIndex === 0;
          const errorCode = isThere ? NO_ERROR : numberOf('UNKNOWN_TOPIC_OR_PARTITION');
          return { partitionIndex, errorCode, errorMessage: null, ...(isThere ? quorum : none) };
        }),
      })),
      nodes: [{ nodeId, listeners: [{ name: 'PLAINTEXT', ...endpoint }] }],
    };
  },
});
