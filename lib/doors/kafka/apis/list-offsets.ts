/**
 * ListOffsets, versions 1 to 7: the first and the next offset of a partition, and the first at or after a time.
 *
 * Special times: -1 the next offset (for readers of committed records the last stable one, which is the same), -2 the log
 * start, -3 the first record with the highest timestamp (KIP-734, version 7 on). Those of tiered storage (-4, -5) begin with
 * versions 8 and 9: they are refused with UNSUPPORTED_VERSION, like -3 before its time. A partition that is named twice is
 * refused with INVALID_REQUEST. Leader epochs are 0.
 */
import { type Call, defineApi } from '../api.ts';
import { failureCode, type KafkaErrorCode, NO_ERROR, numberOf } from '../failures.ts';
import { fewAtOnce, repeatedIn } from '../parts.ts';
import { array, int8, int16, int32, int64, since, string, struct } from '../protocol/schema.ts';
import { LEADER_EPOCH } from '../topics.ts';

const LATEST = -1;
const EARLIEST = -2;
const MAX_TIMESTAMP = -3;
const FIRST_WITH_MAX_TIMESTAMP = 7;
const NONE = { timestamp: -1, offset: -1, leaderEpoch: -1 };

export const listOffsets = defineApi({
  key: 2,
  name: 'ListOffsets',
  versions: [1, 7],
  flexible: 6,
  request: struct({
    replicaId: int32,
    isolationLevel: since(2, int8),
    topics: array(
      struct({
        name: string,
        partitions: array(struct({ partitionIndex: int32, currentLeaderEpoch: since(4, int32, -1), timestamp: int64 })),
      }),
    ),
  }),
  response: struct({
    throttleTimeMs: since(2, int32),
    topics: array(
      struct({
        name: string,
        partitions: array(
          struct({
            partitionIndex: int32,
            errorCode: int16,
            timestamp: since(1, int64, -1),
            offset: since(1, int64, -1),
            leaderEpoch: since(4, int32, -1),
          }),
        ),
      }),
    ),
  }),
  async handle(request, call) {
    const oldest = call.version < FIRST_WITH_MAX_TIMESTAMP ? EARLIEST : MAX_TIMESTAMP;
    const twice = repeatedIn(
      request.topics.flatMap(({ name, partitions }) => partitions.map((one) => `${one.partitionIndex}@${name}`)),
    );
    const topics = await fewAtOnce(request.topics, async ({ name, partitions }) => ({
      name,
      partitions: await fewAtOnce(partitions, async ({ partitionIndex, currentLeaderEpoch, timestamp }) => {
        const refuse = (code: KafkaErrorCode) => ({ partitionIndex, errorCode: numberOf(code), ...NONE });
        if (twice.has(`${partitionIndex}@${name}`)) return refuse('INVALID_REQUEST');
        if (timestamp < oldest) return refuse('UNSUPPORTED_VERSION');
        if (currentLeaderEpoch > LEADER_EPOCH) return refuse('UNKNOWN_LEADER_EPOCH');
        try {
          return { partitionIndex, errorCode: NO_ERROR, ...(await find(call, name, partitionIndex, timestamp)) };
        } catch (error) {
          return { partitionIndex, errorCode: failureCode(error), ...NONE };
        }
      }),
    }));
    return { topics };
  },
});

async function find({ gateway: { log } }: Call, topic: string, partition: number, timestamp: number) {
  if (timestamp === LATEST || timestamp === EARLIEST) {
    const { earliest, latest } = await log.offsets(topic, partition);
    return { timestamp: -1, offset: timestamp === LATEST ? latest : earliest, leaderEpoch: LEADER_EPOCH };
  }
  const found =
    timestamp === MAX_TIMESTAMP
      ? await log.offsetOfMaxTimestamp(topic, partition)
      : await log.offsetAt(topic, partition, timestamp);
  return found ? { ...found, leaderEpoch: LEADER_EPOCH } : NONE;
}
