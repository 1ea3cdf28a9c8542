/**
 * AlterConfigs, versions 0 to 2: a topic's whole configuration; keys that are not named return to their defaults. Newer clients change
 * single keys with IncrementalAlterConfigs. The gateway's own configuration is given when it starts, and cannot be altered.
 */
import { defineApi } from '../api.ts';
import { alterTopics, given } from '../configs.ts';
import { array, bool, int8, int16, int32, nullable, string, struct } from '../protocol/schema.ts';

export const alterConfigs = defineApi({
  key: 33,
  name: 'AlterConfigs',
  versions: [0, 2],
  flexible: 2,
  request: struct({
    resources: array(
      struct({
        resourceType: int8,
        resourceName: string,
        configs: array(struct({ name: string, value: nullable(string) })),
      }),
    ),
    validateOnly: bool,
  }),
  response: struct({
    throttleTimeMs: int32,
    responses: array(
      struct({ errorCode: int16, errorMessage: nullable(string), resourceType: int8, resourceName: string }),
    ),
  }),
  async handle({ resources, validateOnly }, { gateway: { log } }) {
    const responses = await alterTopics(log, resources, validateOnly, ({ configs }, current) => {
      const changes: Record<string, string | null> = {};
      for (const { name, isDefault } of current) if (!isDefault) changes[name] = null;
      for (const { name, value } of configs) changes[name] = given(name, value);
      return changes;
    });
    return { throttleTimeMs: 0, responses };
  },
});
