import type { Groups } from './groups.ts';
import type { Instances } from './instances.ts';
import type { Leases } from './leases.ts';
import type { Memberships } from './memberships.ts';
import type { Partitions } from './partitions.ts';
import type { Producers } from './producers.ts';
import type { Subscriptions } from './subscriptions.ts';
import type { Topics } from './topics.ts';

/**
 * Port: the truth about the log, a record of small ports. Adapters: `sqlite/`, `dynamodb/`.
 *
 * Every method is atomic and, unless it says otherwise, durable and strongly consistent when it resolves. A failure of the
 * store itself is a `VarveError` KAFKA_STORAGE_ERROR or REQUEST_TIMED_OUT (both retriable, the outcome unknown).
 */
export interface Catalog {
  /** Unique to this catalog, made with it: Kafka's cluster id. */
  readonly clusterId: string;
  /** Whether other processes may write to it: then a reader who waits must poll, else one's own writes are all there are. */
  readonly shared: boolean;
  readonly topics: Topics;
  readonly partitions: Partitions;
  readonly groups: Groups;
  readonly leases: Leases;
  readonly memberships: Memberships;
  readonly instances: Instances;
  readonly producers: Producers;
  readonly subscriptions: Subscriptions;
  close(): Promise<void>;
}

/** The version of everything the catalog and the objects hold; a newer one is refused with DATA_FORMAT_TOO_NEW. */
export const DATA_FORMAT_VERSION = 1;
