/**
 * DescribeUserScramCredentials, version 0 (KIP-554): there are no users to authenticate, so all of them have no credentials, and each that is
 * named is RESOURCE_NOT_FOUND, or DUPLICATE_RESOURCE where it is named twice.
 */
import { defineApi } from '../api.ts';
import { NO_ERROR, numberOf } from '../failures.ts';
import { repeatedIn } from '../parts.ts';
import { array, int8, int16, int32, nullable, string, struct } from '../protocol/schema.ts';

export const describeUserScramCredentials = defineApi({
  key: 50,
  name: 'DescribeUserScramCredentials',
  versions: [0, 0],
  flexible: 0,
  request: struct({ users: nullable(array(struct({ name: string }))) }),
  response: struct({
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: nullable(string),
    results: array(
      struct({
        user: string,
        errorCode: int16,
        errorMessage: nullable(string),
        credentialInfos: array(struct({ mechanism: int8, iterations: int32 })),
      }),
    ),
  }),
  handle({ users }) {
    const names = (users ?? []).map(({ name }) => name);
    const twice = repeatedIn(names);
    const results = [...new Set(names)].map((user) => ({
      user,
      errorCode: numberOf(twice.has(user) ? 'DUPLICATE_RESOURCE' : 'RESOURCE_NOT_FOUND'),
      errorMessage: twice.has(user) ? 'A user is named twice.' : 'There are no users here yet: anybody may connect.',
      credentialInfos: [],
    }));
    return { throttleTimeMs: 0, errorCode: NO_ERROR, errorMessage: null, results };
  },
});
