/**
 * IncrementalAlterConfigs, versions 0 and 1: single keys of topics are set, returned to their defaults, or, where they are lists, added to
 * and taken from (KIP-339). The gateway's own configuration is given when it starts, and cannot be altered.
 */
import { VarveError } from '../../../errors.ts';
import type { ConfigEntry } from '../../../log/topics.ts';
import { defineApi } from '../api.ts';
import { alterTopic } from '../configs.ts';
import { array, bool, int8, int16, int32, nullable, string, struct } from '../protocol/schema.ts';

const OPERATION = { set: 0, delete: 1, append: 2, subtract: 3 } as const;

export const incrementalAlterConfigs = defineApi({
  key: 44,
  name: 'IncrementalAlterConfigs',
  versions: [0, 1],
  flexible: 1,
  request: struct({
    resources: array(
      struct({
        resourceType: int8,
        resourceName: string,
        configs: array(struct({ name: string, configOperation: int8, value: nullable(string) })),
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
    const responses = await Promise.all(
      resources.map(({ configs, ...resource }) =>
        alterTopic(log, resource, validateOnly, (current) => {
          const changes: Record<string, string | null> = {};
          for (const { name, configOperation, value } of configs) {
            if (name in changes) throw new VarveError('INVALID_REQUEST', `The key ${name} is named twice.`);
            changes[name] = changed(
              current.find((entry) => entry.name === name),
              name,
              configOperation,
              value,
            );
          }
          return changes;
        }),
      ),
    );
    return { throttleTimeMs: 0, responses };
  },
});

/** The value after the operation; null: the default. */
function changed(entry: ConfigEntry | undefined, name: string, operation: number, value: string | null): string | null {
  if (operation === OPERATION.delete) return null;
  if (value === null) throw new VarveError('INVALID_CONFIG', `A value for ${name} is missing.`);
  if (operation === OPERATION.set) return value;
  if (operation !== OPERATION.append && operation !== OPERATION.subtract) {
    throw new VarveError('INVALID_REQUEST', `${operation} is no operation on configurations; Kafka knows 0 to 3.`);
  }
  if (entry && entry.type !== 'list') {
    throw new VarveError('INVALID_CONFIG', `${name} is no list: it can be set and deleted only.`);
  }
  const elements = (list: string) =>
    list
      .split(',')
      .map((one) => one.trim())
      .filter((one) => one !== '');
  const [before, given] = [elements(entry?.value ?? ''), elements(value)];
  const after =
    operation === OPERATION.append
      ? [...before, ...given.filter((one) => !before.includes(one))]
      : before.filter((one) => !given.includes(one));
  return after.join(',');
}
