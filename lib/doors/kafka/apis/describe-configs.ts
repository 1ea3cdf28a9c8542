/**
 * DescribeConfigs, versions 1 to 4: the configuration of topics and of this gateway, with defaults, synonyms and documentation
 * (KIP-226, KIP-569). No keys, or an empty list of them, asks for all. Synonyms are told in the order in which they hold: a topic's
 * own value, the gateway's, Kafka's. Where clients are told to come, as the gateway sees it, is its advertised listener. Loggers (KIP-412) have no
 * configuration here, clients' metrics (KIP-714) and groups (KIP-848) an empty one.
 */
import { VarveError } from '../../../errors.ts';
import { brokerConfigEntries } from '../../../log/broker-config.ts';
import { documentationOf } from '../../../log/config-documentation.ts';
import { checkTopicName } from '../../../log/topic-name.ts';
import { type Call, defineApi } from '../api.ts';
import { CONFIG_SOURCE, CONFIG_TYPE, RESOURCE, sourceOf } from '../configs.ts';
import { failure, NO_ERROR } from '../failures.ts';
import { fewAtOnce } from '../parts.ts';
import { array, bool, int8, int16, int32, nullable, since, string, struct } from '../protocol/schema.ts';

export const describeConfigs = defineApi({
  key: 32,
  name: 'DescribeConfigs',
  versions: [1, 4],
  flexible: 4,
  request: struct({
    resources: array(struct({ resourceType: int8, resourceName: string, configurationKeys: nullable(array(string)) })),
    includeSynonyms: since(1, bool),
    includeDocumentation: since(3, bool),
  }),
  response: struct({
    throttleTimeMs: int32,
    results: array(
      struct({
        errorCode: int16,
        errorMessage: nullable(string),
        resourceType: int8,
        resourceName: string,
        configs: array(
          struct({
            name: string,
            value: nullable(string),
            readOnly: bool,
            configSource: since(1, int8, -1),
            isSensitive: bool,
            synonyms: since(1, array(struct({ name: string, value: nullable(string), source: int8 }))),
            configType: since(3, int8),
            documentation: since(3, nullable(string)),
          }),
        ),
      }),
    ),
  }),
  async handle({ resources, includeSynonyms, includeDocumentation }, call) {
    const distinct = new Map(resources.map((one) => [`${one.resourceType} ${one.resourceName}`, one]));
    const results = await fewAtOnce(
      [...distinct.values()],
      async ({ resourceType, resourceName, configurationKeys }) => {
        const resource = { resourceType, resourceName };
        try {
          const { entries, own } = await entriesOf(call, resourceType, resourceName);
          const configs = entries
            .filter(({ name }) => !configurationKeys?.length || configurationKeys.includes(name))
            .map((entry) => ({
              name: entry.name,
              value: entry.value,
              readOnly: own !== CONFIG_SOURCE.topic,
              configSource: sourceOf(entry.synonyms[0]?.source ?? 'default', own),
              isSensitive: false,
              synonyms: includeSynonyms
                ? entry.synonyms.map(({ source, ...synonym }) => ({ ...synonym, source: sourceOf(source, own) }))
                : [],
              configType: CONFIG_TYPE[entry.type],
              documentation: includeDocumentation ? (documentationOf(entry.name) ?? null) : null,
            }));
          return { errorCode: NO_ERROR, errorMessage: null, ...resource, configs };
        } catch (error) {
          return { ...failure(error), ...resource, configs: [] };
        }
      },
    );
    return { throttleTimeMs: 0, results };
  },
});

async function entriesOf({ gateway: { log, config }, endpoint }: Call, type: number, name: string) {
  switch (type) {
    case RESOURCE.topic: {
      checkTopicName(name);
      const { config: entries } = await log.topics.describe(name);
      return { entries, own: CONFIG_SOURCE.topic };
    }
    case RESOURCE.broker: {
      if (name !== '' && name !== String(config.nodeId)) {
        throw new VarveError('INVALID_REQUEST', `This is broker ${config.nodeId}; ask the other one itself.`);
      }
      // No name: what is set for all brokers while they run, and that is nothing.
      const entries = name === '' ? [] : brokerConfigEntries(config, endpoint);
      return { entries, own: CONFIG_SOURCE.broker };
    }
    case RESOURCE.clientMetrics:
    case RESOURCE.group:
      return { entries: [], own: CONFIG_SOURCE.standard };
    default:
      throw new VarveError('INVALID_REQUEST', 'Only topics and brokers have configurations here.');
  }
}
