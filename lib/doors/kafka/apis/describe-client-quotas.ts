/**
 * DescribeClientQuotas, versions 0 and 1 (KIP-546): nobody has a quota here, so none is told. What Kafka refuses of a filter is refused as
 * Kafka does: INVALID_REQUEST, and UNSUPPORTED_VERSION for a type of entity that it does not know.
 */
import { defineApi } from '../api.ts';
import { type KafkaErrorCode, NO_ERROR, numberOf } from '../failures.ts';
import { repeatedIn } from '../parts.ts';
import { array, bool, float64, int8, int16, int32, nullable, string, struct } from '../protocol/schema.ts';
import { ENTITY_TYPES, IP } from '../quotas.ts';

const MATCH = { exact: 0, byDefault: 1, any: 2 } as const;

export const describeClientQuotas = defineApi({
  key: 48,
  name: 'DescribeClientQuotas',
  versions: [0, 1],
  flexible: 1,
  request: struct({
    components: array(struct({ entityType: string, matchType: int8, match: nullable(string) })),
    strict: bool,
  }),
  response: struct({
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: nullable(string),
    entries: nullable(
      array(
        struct({
          entity: array(struct({ entityType: string, entityName: nullable(string) })),
          values: array(struct({ key: string, value: float64 })),
        }),
      ),
    ),
  }),
  handle({ components }) {
    const fault = faultOf(components);
    if (!fault) return { throttleTimeMs: 0, errorCode: NO_ERROR, errorMessage: null, entries: [] };
    const [code, errorMessage] = fault;
    return { throttleTimeMs: 0, errorCode: numberOf(code), errorMessage, entries: null };
  },
});

interface Component {
  entityType: string;
  matchType: number;
  match: string | null;
}

/** What is wrong with a filter, and why. */
function faultOf(components: readonly Component[]): readonly [KafkaErrorCode, string] | undefined {
  const types = components.map(({ entityType }) => entityType);
  for (const type of repeatedIn(types)) return ['INVALID_REQUEST', `The filter names the entity type "${type}" twice.`];
  for (const { entityType, matchType, match } of components) {
    if (entityType === '') return ['INVALID_REQUEST', 'An entity type is empty.'];
    if (!ENTITY_TYPES.has(entityType)) return ['UNSUPPORTED_VERSION', 'Entity types are user, client-id and ip.'];
    if (matchType === MATCH.exact ? match === null : match !== null) {
      return ['INVALID_REQUEST', 'Exact matches name an entity, and no others do.'];
    }
    if (matchType > MATCH.any || matchType < MATCH.exact)
      return ['INVALID_REQUEST', 'Kafka knows the match types 0 to 2.'];
  }
  if (types.length > 1 && types.includes(IP)) return ['INVALID_REQUEST', 'An ip has no user or client-id beside it.'];
  return undefined;
}
