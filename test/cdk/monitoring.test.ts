import type { Template } from 'aws-cdk-lib/assertions';
import * as sns from 'aws-cdk-lib/aws-sns';
import { beforeAll, describe, expect, it } from 'vitest';
import { LAG_METRIC, METRIC_NAMESPACE, METRICS } from '../../functions/metric-names.ts';
import { resolved } from './policies.ts';
import { synthesized } from './synthesized.ts';

interface MetricStat {
  Metric: { Namespace: string; MetricName: string; Dimensions: { Name: string; Value: unknown }[] };
}

/** Namespace, name and dimensions of what an alarm looks at. */
function metricsOf(alarm: { Properties?: unknown }): string[] {
  const { Namespace, MetricName, Dimensions, Metrics } = alarm.Properties as Partial<MetricStat['Metric']> & {
    Metrics?: { MetricStat?: MetricStat }[];
  };
  const one = MetricName && Namespace && Dimensions ? [{ Namespace, MetricName, Dimensions }] : [];
  const several = (Metrics ?? []).flatMap(({ MetricStat }) => (MetricStat ? [MetricStat.Metric] : []));
  return [...one, ...several].map((metric) => {
    // Without the hash that ends a logical id.
    const text = (value: unknown) => resolved(value).replace(/[0-9A-F]{8}$/, '');
    const dimensions = metric.Dimensions.map(({ Name, Value }) => `${Name}=${text(Value)}`);
    return `${metric.Namespace} ${metric.MetricName} ${dimensions.join(' ')}`;
  });
}

describe('alarms and dashboard', () => {
  let template: Template;
  beforeAll(() => {
    template = synthesized((stack) => ({ alarmTopic: new sns.Topic(stack, 'Pager'), dashboard: true }));
  });

  it('are not there unless they are asked for: they cost while nothing happens', () => {
    const plain = synthesized();

    plain.resourceCountIs('AWS::CloudWatch::Alarm', 0);
    plain.resourceCountIs('AWS::CloudWatch::Dashboard', 0);
  });

  it('look at functions, API, table, upkeep and appends, and say nothing while nothing happens', () => {
    const alarms = Object.values(template.findResources('AWS::CloudWatch::Alarm'));
    const [pager] = Object.keys(template.findResources('AWS::SNS::Topic'));

    expect(alarms.flatMap(metricsOf).sort()).toEqual([
      expect.stringMatching(/^AWS\/ApiGateway 5XXError ApiName=.+ Stage=.+$/),
      'AWS/DynamoDB ReadThrottleEvents TableName=LogTable',
      'AWS/DynamoDB SystemErrors Operation=GetItem TableName=LogTable',
      'AWS/DynamoDB SystemErrors Operation=PutItem TableName=LogTable',
      'AWS/DynamoDB SystemErrors Operation=UpdateItem TableName=LogTable',
      'AWS/DynamoDB WriteThrottleEvents TableName=LogTable',
      'AWS/Lambda Errors FunctionName=LogAdmin',
      'AWS/Lambda Errors FunctionName=LogFetch',
      'AWS/Lambda Errors FunctionName=LogProduce',
      'AWS/Lambda Errors FunctionName=LogUpkeep',
      'AWS/Lambda Throttles FunctionName=LogAdmin',
      'AWS/Lambda Throttles FunctionName=LogFetch',
      'AWS/Lambda Throttles FunctionName=LogProduce',
      'AWS/Lambda Throttles FunctionName=LogUpkeep',
      'Varve AppendLatency log=LogTable',
    ]);
    for (const { Properties } of alarms) {
      expect(Properties).toMatchObject({
        AlarmActions: [{ Ref: pager }],
        TreatMissingData: 'notBreaching',
        ComparisonOperator: 'GreaterThanThreshold',
        AlarmDescription: expect.stringMatching(/^Varve: /),
      });
    }
  });

  it('show all that the functions count, by the names that they count it under', () => {
    const [{ Properties }] = Object.values(template.findResources('AWS::CloudWatch::Dashboard')) as [
      { Properties: { DashboardBody: unknown } },
    ];
    const { widgets } = JSON.parse(resolved(Properties.DashboardBody)) as {
      widgets: { properties: { metrics: string[][] } }[];
    };
    const shown = widgets.flatMap(({ properties }) => properties.metrics);
    const ours = shown.filter(([namespace]) => namespace === METRIC_NAMESPACE).map(([, name]) => name);

    expect(new Set(ours)).toEqual(new Set(Object.keys(METRICS).filter((name) => name !== 'Errors')));
    // Whatever subscriptions there are.
    expect(JSON.stringify(shown)).toContain(LAG_METRIC);
  });
});

it('an alarm may look at how far a group lags', () => {
  const template = synthesized({}, (log, stack) => {
    const alarm = { threshold: 1_000, evaluationPeriods: 2 };
    log.metricOffsetLag('orders', 'billing').createAlarm(stack, 'Behind', alarm);
  });

  const [alarm] = Object.values(template.findResources('AWS::CloudWatch::Alarm'));
  expect(metricsOf(alarm!)).toEqual([expect.stringMatching(/^Varve OffsetLag group=billing log=\w+ topic=orders$/)]);
});

it('the functions count in metrics of their own unless they are told not to', () => {
  const disabled = (template: Template) =>
    Object.values(template.findResources('AWS::Lambda::Function')).map(
      ({ Properties }) => Properties.Environment?.Variables?.POWERTOOLS_METRICS_DISABLED,
    );

  expect(new Set(disabled(synthesized()))).toEqual(new Set([undefined]));
  expect(disabled(synthesized({ metrics: false })).filter((one) => one === 'true')).toHaveLength(4);
});
