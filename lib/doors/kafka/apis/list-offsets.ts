/**
 * ListOffsets, versions 1 to 11: the first and the next offset of a partition, and the first at or after a time.
 *
 * Special times: -1 the next offset (for readers of committed records the last stable one, which is the same), -2 the log
 * start, -3 the first record with the highest timestamp (KIP-734). Where Kafka has tiered storage -4 is the first offset that is not only
 * there (KIP-405), -5 the last that is there (KIP-1005), -6 the first that is not yet (KIP-1023): here as on a topic without it, the log
 * start and none. Each before the version that brought it is refused with UNSUPPORTED_VERSION. A partition that is named twice is
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
const EARLIEST_LOCAL = -4;
/** The lowest special time of versions, from the first version on that has it. */
const LOWEST_TIMES = [
  { version: 11, time: -6 },
  { version: 9, time: -5 },
  { version: 8, time: EARLIEST_LOCAL },
  { version: 7, time: MAX_TIMESTAMP },
  { version: 1, time: EARLIEST },
];
const NONE = { timestamp: -1, offset: -1, leaderEpoch: -1 };

export const listOffsets = defineApi({
  key: 2,
  name: 'ListOffsets',
  versions: [1, 11],
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
    timeoutMs: since(10, int32),
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
    const lowest = LOWEST_TIMES.find(({ version }) => call.version >= version)!.time;
    const twice = repeatedIn(
      request.topics.flatMap(({ name, partitions }) => partitions.map((one) => `${one.partitionIndex}@${name}`)),
    );
    const topics = await fewAtOnce(request.topics, async ({ name, partitions }) => ({
      name,
      partitions: await fewAtOnce(partitions, async ({ partitionIndex, currentLeaderEpoch, timestamp }) => {
        const refuse = (code: KafkaErrorCode) => ({ partitionIndex, errorCode: numberOf(code), ...NONE });
        if (twice.has(`${partitionIndex}@${name}`)) return refuse('INVALID_REQUEST');
        if (timestamp < lowest) return refuse('UNSUPPORTED_VERSION');
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
  if (timestamp === LATEST || timestamp === EARLIEST || timestamp <= EARLIEST_LOCAL) {
    const { earliest, latest } = await log.offsets(topic, partition);
    if (timestamp < EARLIEST_LOCAL) return NONE;
    return { timestamp: -1, offset: timestamp === LATEST ? latest : earliest, leaderEpoch: LEADER_EPOCH };
  }
  const found =
    timestamp === MAX_TIMESTAMP
      ? await log.offsetOfMaxTimestamp(topic, partition)
      : await log.offsetAt(topic, partition, timestamp);
  return found ? { ...found, leaderEpoch: LEADER_EPOCH } : NONE;
}
