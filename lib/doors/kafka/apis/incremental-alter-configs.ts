/**
 * IncrementalAlterConfigs, versions 0 and 1: single keys of topics are set, returned to their defaults, or, where they are lists, added to
 * and taken from (KIP-339). The gateway's own configuration is given when it starts, and cannot be altered.
 */
import { VarveError } from '../../../errors.ts';
import type { ConfigEntry } from '../../../log/topics.ts';
import { defineApi } from '../api.ts';
import { alterTopics, given } from '../configs.ts';
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
    const responses = await alterTopics(log, resources, validateOnly, ({ configs }, current) =>
      Object.fromEntries(
        configs.map(({ name, configOperation, value }) => {
          const entry = current.find((one) => one.name === name);
          return [name, changed(entry, name, configOperation, value)];
        }),
      ),
    );
    return { throttleTimeMs: 0, responses };
  },
});

/** The value after the operation; null: the default. */
function changed(entry: ConfigEntry | undefined, name: string, operation: number, value: string | null): string | null {
  if (operation === OPERATION.delete) return null;
  const told = given(name, value);
  if (operation === OPERATION.set) return told;
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
  const [before, named] = [elements(entry?.value ?? ''), elements(told)];
  const after =
    operation === OPERATION.append
      ? [...before, ...named.filter((one) => !before.includes(one))]
      : before.filter((one) => !named.includes(one));
  return after.join(',');
}
