/** DeleteRecords, versions 0 to 2: records below an offset are gone for readers; -1 is the high watermark (KIP-107). */
import { defineApi } from '../api.ts';
import { failureCode, NO_ERROR } from '../failures.ts';
import { fewAtOnce } from '../parts.ts';
import { array, int16, int32, int64, string, struct } from '../protocol/schema.ts';

const HIGH_WATERMARK = -1;

export const deleteRecords = defineApi({
  key: 21,
  name: 'DeleteRecords',
  versions: [0, 2],
  flexible: 2,
  request: struct({
    topics: array(struct({ name: string, partitions: array(struct({ partitionIndex: int32, offset: int64 })) })),
    timeoutMs: int32,
  }),
  response: struct({
    throttleTimeMs: int32,
    topics: array(
      struct({
        name: string,
        partitions: array(struct({ partitionIndex: int32, lowWatermark: int64, errorCode: int16 })),
      }),
    ),
  }),
  async handle(request, { gateway: { log } }) {
    const topics = await fewAtOnce(request.topics, async ({ name, partitions }) => ({
      name,
      partitions: await fewAtOnce(partitions, async ({ partitionIndex, offset }) => {
        try {
          const before = offset === HIGH_WATERMARK ? 'latest' : offset;
          const lowWatermark = await log.deleteRecords(name, partitionIndex, before);
          return { partitionIndex, lowWatermark, errorCode: NO_ERROR };
        } catch (error) {
          return { partitionIndex, lowWatermark: -1, errorCode: failureCode(error) };
        }
      }),
    }));
    return { throttleTimeMs: 0, topics };
  },
});
