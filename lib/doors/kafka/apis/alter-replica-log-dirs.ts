/**
 * AlterReplicaLogDirs, versions 1 and 2 (KIP-113): there is but the one folder that DescribeLogDirs tells, where all partitions are already. To
 * move them there changes nothing; any other is LOG_DIR_NOT_FOUND.
 */
import { defineApi } from '../api.ts';
import { failureCode, NO_ERROR, numberOf } from '../failures.ts';
import { fewAtOnce } from '../parts.ts';
import { array, int16, int32, string, struct } from '../protocol/schema.ts';
import { logDirOf, partitionsAt } from '../topics.ts';

export const alterReplicaLogDirs = defineApi({
  key: 34,
  name: 'AlterReplicaLogDirs',
  versions: [1, 2],
  flexible: 2,
  request: struct({
    dirs: array(struct({ path: string, topics: array(struct({ name: string, partitions: array(int32) })) })),
  }),
  response: struct({
    throttleTimeMs: int32,
    results: array(
      struct({ topicName: string, partitions: array(struct({ partitionIndex: int32, errorCode: int16 })) }),
    ),
  }),
  async handle({ dirs }, { gateway: { log } }) {
    const parts = dirs.flatMap(({ path, topics }) => topics.map((topic) => ({ path, ...topic })));
    const results = await fewAtOnce(parts, async ({ path, name, partitions }) => {
      const isThere = path === logDirOf(log);
      const looked = await partitionsAt(log, name, partitions);
      return {
        topicName: name,
        partitions: looked.map(({ partition, error }) => {
          const errorCode = isThere ? NO_ERROR : numberOf('LOG_DIR_NOT_FOUND');
          return { partitionIndex: partition, errorCode: isThere && error ? failureCode(error) : errorCode };
        }),
      };
    });
    return { throttleTimeMs: 0, results };
  },
});
