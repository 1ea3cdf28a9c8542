import { VarveError } from '../../errors.ts';
import type { EventLog } from '../../log/event-log.ts';
import type { ConfigEntry, ConfigSynonym } from '../../log/topics.ts';
import { failure, NO_ERROR } from './failures.ts';
import { fewAtOnce, repeatedIn } from './parts.ts';

/** What a configuration can belong to, by Kafka's numbers. */
export const RESOURCE = { topic: 2, broker: 4, logger: 8, clientMetrics: 16, group: 32 } as const;

/** What a value can come from, by Kafka's numbers. */
export const CONFIG_SOURCE = { topic: 1, broker: 4, standard: 5 } as const;

/** Types of values, by Kafka's numbers. */
export const CONFIG_TYPE: Readonly<Record<ConfigEntry['type'], number>> = {
  boolean: 1,
  string: 2,
  int: 3,
  long: 5,
  double: 6,
  list: 7,
};

/** Where values come from, by Kafka's numbers; `own`: the number of what the keys belong to. */
export function sourceOf(from: ConfigSynonym['source'], own: number): number {
  if (from === 'own') return own;
  return from === 'broker' ? CONFIG_SOURCE.broker : CONFIG_SOURCE.standard;
}

interface Resource {
  resourceType: number;
  resourceName: string;
  configs: readonly { name: string }[];
}

/**
 * Changes topics' configurations, each by what it is now. Errors are the answers': INVALID_REQUEST, as in Kafka's ConfigAdminManager, for
 * what is named twice.
 */
export function alterTopics<R extends Resource>(
  log: EventLog,
  resources: readonly R[],
  validateOnly: boolean,
  change: (resource: R, current: readonly ConfigEntry[]) => Readonly<Record<string, string | null>>,
) {
  const repeated = repeatedIn(resources.map(({ resourceType, resourceName }) => `${resourceType} ${resourceName}`));
  return fewAtOnce(resources, async (resource) => {
    const { resourceType, resourceName, configs } = resource;
    try {
      if (repeated.has(`${resourceType} ${resourceName}`)) {
        throw new VarveError('INVALID_REQUEST', 'A resource is named twice in one request.');
      }
      for (const name of repeatedIn(configs.map(({ name }) => name))) {
        throw new VarveError('INVALID_REQUEST', `The key ${name} is named twice.`);
      }
      if (resourceType !== RESOURCE.topic) {
        throw new VarveError('INVALID_REQUEST', 'Only topics can be altered: all else is given when a gateway starts.');
      }
      const { config } = await log.topics.describe(resourceName);
      await log.topics.configure(resourceName, change(resource, config), { validateOnly });
      return { errorCode: NO_ERROR, errorMessage: null, resourceType, resourceName };
    } catch (error) {
      return { ...failure(error), resourceType, resourceName };
    }
  });
}

/** What sets a key must say to what: INVALID_REQUEST. */
export function given(name: string, value: string | null): string {
  if (value !== null) return value;
  throw new VarveError('INVALID_REQUEST', `A value for ${name} is missing.`);
}
