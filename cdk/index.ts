export type { ApiMetric, LogApi } from './api.ts';
export { EventLog, type EventLogProps } from './event-log.ts';
export type { IEventLog } from './event-log-base.ts';
export type { EventLogGrants } from './grants.ts';
export type { HttpAuth, HttpLogApi } from './http-api.ts';
export type { EventLogAttributes } from './imported-event-log.ts';
export type { ManagedInstancesProps } from './managed-instances.ts';
export type { RestAuth, RestLogApi } from './rest-api.ts';
export type { Topic, TopicProps } from './topic.ts';
