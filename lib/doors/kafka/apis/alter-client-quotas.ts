/**
 * AlterClientQuotas, versions 0 and 1 (KIP-546): nobody has a quota here. To remove one changes nothing; to set one is refused with
 * POLICY_VIOLATION rather than taken and not kept to.
 */
import { defineApi } from '../api.ts';
import { type KafkaErrorCode, NO_ERROR, numberOf } from '../failures.ts';
import { repeatedIn } from '../parts.ts';
import { array, bool, float64, int16, int32, nullable, string, struct } from '../protocol/schema.ts';
import { ENTITY_TYPES, IP } from '../quotas.ts';

const entity = array(struct({ entityType: string, entityName: nullable(string) }));

export const alterClientQuotas = defineApi({
  key: 49,
  name: 'AlterClientQuotas',
  versions: [0, 1],
  flexible: 1,
  request: struct({
    entries: array(struct({ entity, ops: array(struct({ key: string, value: float64, remove: bool })) })),
    validateOnly: bool,
  }),
  response: struct({
    throttleTimeMs: int32,
    entries: array(struct({ errorCode: int16, errorMessage: nullable(string), entity })),
  }),
  handle({ entries }) {
    const answers = entries.map(({ entity, ops }) => {
      const [code, errorMessage] = faultOf(entity, ops) ?? [undefined, null];
      return { errorCode: code ? numberOf(code) : NO_ERROR, errorMessage, entity };
    });
    return { throttleTimeMs: 0, entries: answers };
  },
});

/** Why an entity's quotas cannot be altered so. */
function faultOf(
  entity: readonly { entityType: string }[],
  ops: readonly { remove: boolean }[],
): readonly [KafkaErrorCode, string] | undefined {
  const types = entity.map(({ entityType }) => entityType);
  const isEntity = types.length > 0 && types.every((type) => ENTITY_TYPES.has(type)) && repeatedIn(types).size === 0;
  if (!isEntity || (types.length > 1 && types.includes(IP))) {
    return ['INVALID_REQUEST', 'An entity is an ip, or a user, a client-id, or a user with a client-id.'];
  }
  if (ops.every(({ remove }) => remove)) return undefined;
  return ['POLICY_VIOLATION', 'There are no quotas here: clients share what the gateway can do.'];
}
