/**
 * DescribeLogDirs, versions 1 to 5: how many bytes partitions have, all or some (KIP-113). There are no folders: all is told as if in
 * one, which has the cluster's id for a name, and no size of its own (KIP-827: -1). Nothing lags or is moved, nor is it cordoned (KIP-1066).
 * What there is not is left out.
 */
import { VarveError } from '../../../errors.ts';
import { type Call, defineApi } from '../api.ts';
import { failureCode, NO_ERROR } from '../failures.ts';
import { distinctPartitions, fewAtOnce } from '../parts.ts';
import { array, bool, int16, int32, int64, nullable, since, string, struct } from '../protocol/schema.ts';
import { allTopics, logDirOf } from '../topics.ts';

const NOT_KNOWN = -1;

export const describeLogDirs = defineApi({
  key: 35,
  name: 'DescribeLogDirs',
  versions: [1, 5],
  flexible: 2,
  request: struct({ topics: nullable(array(struct({ topic: string, partitions: array(int32) }))) }),
  response: struct({
    throttleTimeMs: int32,
    errorCode: since(3, int16),
    results: array(
      struct({
        errorCode: int16,
        logDir: string,
        topics: array(
          struct({
            name: string,
            partitions: array(
              struct({ partitionIndex: int32, partitionSize: int64, offsetLag: int64, isFutureKey: bool }),
            ),
          }),
        ),
        totalBytes: since(4, int64, NOT_KNOWN),
        usableBytes: since(4, int64, NOT_KNOWN),
        isCordoned: since(5, bool),
      }),
    ),
  }),
  async handle({ topics }, call) {
    const dir = {
      logDir: logDirOf(call.gateway.log),
      totalBytes: NOT_KNOWN,
      usableBytes: NOT_KNOWN,
    };
    const answer = (errorCode: number, told: Awaited<ReturnType<typeof describe>>) => {
      return { throttleTimeMs: 0, errorCode: NO_ERROR, results: [{ ...dir, errorCode, topics: told }] };
    };
    try {
      return answer(NO_ERROR, await describe(call, topics ? named(topics) : await everything(call)));
    } catch (error) {
      return answer(failureCode(error), []);
    }
  },
});

async function describe(call: Call, asked: readonly Asked[]) {
  const sizes = await fewAtOnce(asked, ({ topic, partition }) => size(call, topic, partition));
  const found = asked.flatMap(({ topic, partition }, i) => {
    const bytes = sizes[i];
    if (bytes === undefined) return [];
    return [{ topic, partitionIndex: partition, partitionSize: bytes, offsetLag: 0, isFutureKey: false }];
  });
  return [...Map.groupBy(found, ({ topic }) => topic)].map(([name, partitions]) => ({ name, partitions }));
}

interface Asked {
  topic: string;
  partition: number;
}

function named(topics: readonly { topic: string; partitions: readonly number[] }[]): Asked[] {
  const partitions = distinctPartitions(topics.map((one) => ({ name: one.topic, partitionIndexes: one.partitions })));
  return [...partitions].flatMap(([topic, some]) => [...some].map((partition) => ({ topic, partition })));
}

async function everything({ gateway: { log } }: Call): Promise<Asked[]> {
  const topics = await allTopics(log);
  return topics.flatMap(({ name, partitions }) =>
    Array.from({ length: partitions }, (_, partition) => ({ topic: name, partition })),
  );
}

/** Undefined where there is no such partition. */
async function size({ gateway: { log } }: Call, topic: string, partition: number): Promise<number | undefined> {
  try {
    return await log.size(topic, partition);
  } catch (error) {
    if (error instanceof VarveError && error.code === 'UNKNOWN_TOPIC_OR_PARTITION') return undefined;
    throw error;
  }
}
