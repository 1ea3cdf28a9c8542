import { VarveError } from '../../errors.ts';
import type { EventLog } from '../../log/event-log.ts';
import type { ConfigEntry, ConfigSynonym } from '../../log/topics.ts';
import { failure, NO_ERROR } from './failures.ts';

/** What a configuration can belong to, by Kafka's numbers. */
export const RESOURCE = { topic: 2, broker: 4, logger: 8, group: 32 } as const;

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

/** Changes a topic's configuration by what it is now. Errors are the answer's. */
export async function alterTopic(
  log: EventLog,
  resource: { resourceType: number; resourceName: string },
  validateOnly: boolean,
  change: (current: readonly ConfigEntry[]) => Readonly<Record<string, string | null>>,
) {
  const { resourceType, resourceName } = resource;
  try {
    if (resourceType !== RESOURCE.topic) {
      throw new VarveError('INVALID_REQUEST', 'Only topics can be altered: all else is given when a gateway starts.');
    }
    const { config } = await log.topics.describe(resourceName);
    await log.topics.configure(resourceName, change(config), { validateOnly });
    return { errorCode: NO_ERROR, errorMessage: null, ...resource };
  } catch (error) {
    return { ...failure(error), ...resource };
  }
}
