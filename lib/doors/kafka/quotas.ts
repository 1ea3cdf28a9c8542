/** The type of entity that stands alone. */
export const IP = 'ip';

/** What a quota can be set for, by Kafka's names. */
export const ENTITY_TYPES: ReadonlySet<string> = new Set(['user', 'client-id', IP]);
