/**
 * ListConfigResources, versions 0 and 1: what has a configuration (KIP-1142): topics and this gateway. Version 0 asks for clients' metrics
 * (KIP-714), of which there are none, nor are there loggers and groups. A type that Kafka does not know is UNSUPPORTED_VERSION.
 */
import { defineApi } from '../api.ts';
import { RESOURCE } from '../configs.ts';
import { failureCode, NO_ERROR, numberOf } from '../failures.ts';
import { array, int8, int16, int32, since, string, struct } from '../protocol/schema.ts';
import { allTopics } from '../topics.ts';

const KNOWN: readonly number[] = [
  RESOURCE.topic,
  RESOURCE.broker,
  RESOURCE.logger,
  RESOURCE.clientMetrics,
  RESOURCE.group,
];

export const listConfigResources = defineApi({
  key: 74,
  name: 'ListConfigResources',
  versions: [0, 1],
  flexible: 0,
  request: struct({ resourceTypes: since(1, array(int8)) }),
  response: struct({
    throttleTimeMs: int32,
    errorCode: int16,
    configResources: array(struct({ resourceName: string, resourceType: since(1, int8, RESOURCE.clientMetrics) })),
  }),
  async handle({ resourceTypes }, { gateway: { log, config }, version }) {
    const asked = version === 0 ? [RESOURCE.clientMetrics] : resourceTypes;
    if (!asked.every((type) => KNOWN.includes(type))) {
      return { throttleTimeMs: 0, errorCode: numberOf('UNSUPPORTED_VERSION'), configResources: [] };
    }
    const wanted = (type: number) => asked.length === 0 || asked.includes(type);
    try {
      const topics = wanted(RESOURCE.topic) ? await allTopics(log) : [];
      const brokers = wanted(RESOURCE.broker) ? [config.nodeId] : [];
      const configResources = [
        ...topics.map(({ name }) => ({ resourceName: name, resourceType: RESOURCE.topic })),
        ...brokers.map((id) => ({ resourceName: String(id), resourceType: RESOURCE.broker })),
      ];
      return { throttleTimeMs: 0, errorCode: NO_ERROR, configResources };
    } catch (error) {
      return { throttleTimeMs: 0, errorCode: failureCode(error), configResources: [] };
    }
  },
});
