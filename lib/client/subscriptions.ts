import { path, type Requests } from './requests.ts';

/** Where records are posted, and how, under the names of the JSON door. Durations are milliseconds. docs/delivery.md has what each does. */
export interface NewSubscription {
  group: string;
  /** A URL on the server's own machine, unless the server names other hosts. */
  target: string;
  /** How long an invocation takes at most, 1,000 to 840,000; default 30,000. */
  target_timeout?: number;
  /** `earliest`, `latest`, or `time:` and milliseconds or an ISO 8601 time, for partitions of which the group has committed nothing; default `earliest`. */
  starting_position?: string;
  enabled?: boolean;
  batch_size?: number;
  max_batching_window?: number;
  retry_attempts?: number;
  max_record_age?: number;
  bisect_batch_on_error?: boolean;
  report_batch_item_failures?: boolean;
  parallelization_factor?: number;
  /** Lambda's patterns, each as JSON text: records that match none are passed over. */
  filters?: readonly string[];
  /** `kafka://TOPIC`: is told what was given up. */
  on_failure?: string;
}

export type SubscriptionDescription = Required<Omit<NewSubscription, 'starting_position' | 'filters' | 'on_failure'>> &
  Pick<NewSubscription, 'filters' | 'on_failure'> & { topic: string; name: string };

/** Of URLs, where the server delivers by itself: that is `varve server`. */
export interface Subscriptions {
  /** Makes it, or replaces the one of that name. */
  put(topic: string, name: string, subscription: NewSubscription): Promise<SubscriptionDescription>;
  list(topic: string): Promise<SubscriptionDescription[]>;
  /** INVALID_REQUEST when there is none. */
  delete(topic: string, name: string): Promise<void>;
}

export function subscriptionsOf({ json }: Requests): Subscriptions {
  return {
    put: (topic, name, subscription) =>
      json('PUT', path`/api/topics/${topic}/subscriptions/${name}`, { body: JSON.stringify(subscription) }),
    async list(topic) {
      const answer = await json<{ subscriptions: SubscriptionDescription[] }>(
        'GET',
        path`/api/topics/${topic}/subscriptions`,
      );
      return answer.subscriptions;
    },
    delete: (topic, name) => json('DELETE', path`/api/topics/${topic}/subscriptions/${name}`),
  };
}
