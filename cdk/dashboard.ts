import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type { Construct } from 'constructs';
import { LAG_METRIC, METRIC_DIMENSION, METRIC_NAMESPACE } from '../functions/metric-names.ts';
import type { Watched } from './alarms.ts';

type Lines = readonly cloudwatch.IMetric[];

/** A page of graphs: what comes in and goes out, how long it takes, and what goes wrong. $3 a month. */
export function dashboard(scope: Construct, id: string, { log, functions, table }: Watched): cloudwatch.Dashboard {
  const graph = (title: string, left: Lines, right: Lines = []) =>
    new cloudwatch.GraphWidget({ title, width: 12, height: 6, left: [...left], right: [...right] });
  const each = (of: 'metricDuration' | 'metricErrors' | 'metricThrottles' | 'metricInvocations', statistic: string) =>
    Object.entries(functions).map(([label, one]) => one[of]({ label, statistic }));
  const of = `${METRIC_DIMENSION}="${table.tableName}"`;
  const lags = new cloudwatch.MathExpression({
    expression: `SEARCH('{${METRIC_NAMESPACE},${METRIC_DIMENSION},topic,group} MetricName="${LAG_METRIC}" ${of}', 'Maximum', 300)`,
    label: '',
    period: Duration.minutes(5),
  });
  const latency = (statistic: string) => log.metricLatency({ statistic, label: statistic });

  return new cloudwatch.Dashboard(scope, id, {
    widgets: [
      [
        graph('Appended', [log.metric('RecordsAppended')], [log.metric('BytesAppended')]),
        graph('Read', [log.metric('BytesFetched')]),
      ],
      [
        graph('Appends, ms', [
          log.metric('AppendLatency', { statistic: 'p50', label: 'p50' }),
          log.metric('AppendLatency', { statistic: 'p99', label: 'p99' }),
        ]),
        graph('Answers of the API, ms', [latency('p50'), latency('p99')]),
      ],
      [
        graph('Requests', [log.metricRequests()], [log.metricClientErrors(), log.metricServerErrors()]),
        graph('Throttled', [
          log.metric('Throttles', { label: 'answered with 429' }),
          table.metric('ReadThrottleEvents', { statistic: 'Sum' }),
          table.metric('WriteThrottleEvents', { statistic: 'Sum' }),
          ...each('metricThrottles', 'Sum'),
        ]),
      ],
      [
        graph('Functions', each('metricInvocations', 'Sum'), each('metricErrors', 'Sum')),
        graph('Functions, ms at most', each('metricDuration', 'Maximum'), [log.metric('ColdStarts')]),
      ],
      [
        graph('Table, units', [
          table.metricConsumedReadCapacityUnits({ statistic: 'Sum' }),
          table.metricConsumedWriteCapacityUnits({ statistic: 'Sum' }),
        ]),
        graph('Records that subscriptions lag', [lags]),
      ],
    ],
  });
}
