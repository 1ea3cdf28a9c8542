import { Metrics } from '@aws-lambda-powertools/metrics';
import type { SubscriptionLag } from '../lib/log/delivery/delivery.ts';
import { LAG_METRIC, METRIC_DIMENSION, METRIC_NAMESPACE } from './metric-names.ts';

/**
 * Writes what subscriptions lag behind in CloudWatch's embedded metric format, a line each. Nothing for those that do not lag: a metric is
 * paid for by the hours in which something is said of it. `POWERTOOLS_METRICS_DISABLED=true` in the environment switches it off.
 */
export function writeLags(log: string, lags: readonly SubscriptionLag[]): void {
  const metrics = new Metrics({ namespace: METRIC_NAMESPACE });
  for (const { topic, group, lag } of lags) {
    if (lag === 0) continue;
    metrics.clearDefaultDimensions();
    metrics.setDefaultDimensions({ [METRIC_DIMENSION]: log, topic, group });
    metrics.addMetric(LAG_METRIC, 'Count', lag);
    metrics.publishStoredMetrics();
  }
}
