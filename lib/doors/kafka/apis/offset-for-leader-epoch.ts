/**
 * OffsetForLeaderEpoch, versions 2 to 4: where the records of a leader's epoch end. There is one epoch, 0, and it ends at the high
 * watermark; of any other nothing is known: epoch and offset -1.
 */
import { defineApi } from '../api.ts';
import { failureCode, NO_ERROR, numberOf } from '../failures.ts';
import { fewAtOnce } from '../parts.ts';
import { array, int16, int32, int64, since, string, struct } from '../protocol/schema.ts';
import { LEADER_EPOCH } from '../topics.ts';

const NONE = { leaderEpoch: -1, endOffset: -1 };

export const offsetForLeaderEpoch = defineApi({
  key: 23,
  name: 'OffsetForLeaderEpoch',
  versions: [2, 4],
  flexible: 4,
  request: struct({
    replicaId: since(3, int32, -2),
    topics: array(
      struct({
        topic: string,
        partitions: array(struct({ partition: int32, currentLeaderEpoch: since(2, int32, -1), leaderEpoch: int32 })),
      }),
    ),
  }),
  response: struct({
    throttleTimeMs: since(2, int32),
    topics: array(
      struct({
        topic: string,
        partitions: array(
          struct({ errorCode: int16, partition: int32, leaderEpoch: since(1, int32, -1), endOffset: int64 }),
        ),
      }),
    ),
  }),
  async handle(request, { gateway: { log } }) {
    const topics = await fewAtOnce(request.topics, async ({ topic, partitions }) => ({
      topic,
      partitions: await fewAtOnce(partitions, async ({ partition, currentLeaderEpoch, leaderEpoch }) => {
        if (currentLeaderEpoch > LEADER_EPOCH) {
          return { errorCode: numberOf('UNKNOWN_LEADER_EPOCH'), partition, ...NONE };
        }
        try {
          const { latest } = await log.offsets(topic, partition);
          const end = leaderEpoch === LEADER_EPOCH ? { leaderEpoch, endOffset: latest } : NONE;
          return { errorCode: NO_ERROR, partition, ...end };
        } catch (error) {
          return { errorCode: failureCode(error), partition, ...NONE };
        }
      }),
    }));
    return { topics };
  },
});
