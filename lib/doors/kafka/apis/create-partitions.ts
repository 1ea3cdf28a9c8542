/**
 * CreatePartitions, versions 0 to 3: more partitions for a topic (KIP-195). Assignments of replicas are checked in number and mean nothing
 * else.
 */
import { VarveError } from '../../../errors.ts';
import { defineApi } from '../api.ts';
import { failure, NO_ERROR, numberOf } from '../failures.ts';
import { fewAtOnce, repeatedIn } from '../parts.ts';
import { array, bool, int16, int32, nullable, string, struct } from '../protocol/schema.ts';

export const createPartitions = defineApi({
  key: 37,
  name: 'CreatePartitions',
  versions: [0, 3],
  flexible: 2,
  request: struct({
    topics: array(
      struct({
        name: string,
        count: int32,
        assignments: nullable(array(struct({ brokerIds: array(int32) }))),
      }),
    ),
    timeoutMs: int32,
    validateOnly: bool,
  }),
  response: struct({
    throttleTimeMs: int32,
    results: array(struct({ name: string, errorCode: int16, errorMessage: nullable(string) })),
  }),
  async handle({ topics, validateOnly }, { gateway: { log } }) {
    const repeated = repeatedIn(topics.map(({ name }) => name));
    const results = await fewAtOnce(topics, async ({ name, count, assignments }) => {
      try {
        if (repeated.has(name)) {
          throw new VarveError('INVALID_REQUEST', 'A topic is named twice in one request.');
        }
        const { partitions } = await log.topics.describe(name);
        if (assignments && assignments.length !== count - partitions && count > partitions) {
          const errorMessage = `${count - partitions} partitions are added and ${assignments.length} are assigned.`;
          return { name, errorCode: numberOf('INVALID_REPLICA_ASSIGNMENT'), errorMessage };
        }
        await log.topics.grow(name, count, { validateOnly });
        return { name, errorCode: NO_ERROR, errorMessage: null };
      } catch (error) {
        return { name, ...failure(error) };
      }
    });
    return { throttleTimeMs: 0, results };
  },
});
