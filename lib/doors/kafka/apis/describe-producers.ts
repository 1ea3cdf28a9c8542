/**
 * DescribeProducers, version 0: the idempotent producers that are active in partitions (KIP-664).
 *
 * Active are those that appended within the last hour at least, within a day at most. There are no transactions yet, so neither
 * coordinator epochs nor first offsets are told: -1.
 */
import { type Call, defineApi } from '../api.ts';
import { failure, NO_ERROR } from '../failures.ts';
import { distinctPartitions, fewAtOnce } from '../parts.ts';
import { array, int16, int32, int64, nullable, string, struct } from '../protocol/schema.ts';

export const describeProducers = defineApi({
  key: 61,
  name: 'DescribeProducers',
  versions: [0, 0],
  flexible: 0,
  request: struct({ topics: array(struct({ name: string, partitionIndexes: array(int32) })) }),
  response: struct({
    throttleTimeMs: int32,
    topics: array(
      struct({
        name: string,
        partitions: array(
          struct({
            partitionIndex: int32,
            errorCode: int16,
            errorMessage: nullable(string),
            activeProducers: array(
              struct({
                producerId: int64,
                producerEpoch: int32,
                lastSequence: int32,
                lastTimestamp: int64,
                coordinatorEpoch: int32,
                currentTxnStartOffset: int64,
              }),
            ),
          }),
        ),
      }),
    ),
  }),
  async handle({ topics }, call) {
    const answered = await fewAtOnce([...distinctPartitions(topics)], async ([name, partitions]) => ({
      name,
      partitions: await fewAtOnce([...partitions], (partition) => describe(call, name, partition)),
    }));
    return { throttleTimeMs: 0, topics: answered };
  },
});

async function describe({ gateway: { log } }: Call, topic: string, partitionIndex: number) {
  try {
    const active = await log.activeProducers(topic, partitionIndex);
    const activeProducers = active.map(({ id, epoch, lastSequence, lastTimestamp }) => ({
      producerId: id,
      producerEpoch: epoch,
      lastSequence,
      lastTimestamp,
      coordinatorEpoch: -1,
      currentTxnStartOffset: -1,
    }));
    return { partitionIndex, errorCode: NO_ERROR, errorMessage: null, activeProducers };
  } catch (error) {
    return { partitionIndex, ...failure(error), activeProducers: [] };
  }
}
