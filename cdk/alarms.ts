import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as actions from 'aws-cdk-lib/aws-cloudwatch-actions';
import * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import type * as sns from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import type { IEventLog } from './event-log-base.ts';

/** What alarms and dashboard look at. */
export interface Watched {
  readonly log: IEventLog;
  readonly functions: Readonly<Record<string, lambda.IFunction | lambda.Function>>;
  readonly table: dynamodb.Table;
}

interface AlarmOn {
  readonly metric: cloudwatch.IMetric | cloudwatch.Metric;
  readonly description: string;
  /** The alarm is raised above it. */
  readonly threshold: number;
  /** Periods in a row; 1 by default. */
  readonly periods?: number;
}

const five = { period: Duration.minutes(5) };
/** By which the functions write and look up; a store that is down fails these. */
const { GET_ITEM, PUT_ITEM, UPDATE_ITEM } = dynamodb.Operation;

/** Milliseconds: an append through S3 has a 99th percentile of 250. */
const SLOW_APPEND = 1_000;

/** Tells a topic of what somebody should look at. $0.10 a month for each metric that an alarm looks at. */
export class EventLogAlarms extends Construct {
  constructor(scope: Construct, id: string, { log, functions, table, topic }: Watched & { topic: sns.ITopic }) {
    super(scope, id);
    const alarms: Record<string, AlarmOn> = {
      ServerErrors: {
        metric: log.metricServerErrors(five),
        description: 'The API answers with 5xx: the functions’ logs say why.',
        threshold: 0,
        periods: 2,
      },
      SlowAppends: {
        metric: log.metric('AppendLatency', five),
        description: `One append in a hundred takes longer than ${SLOW_APPEND} ms: see whether the table throttles or S3 is slow.`,
        threshold: SLOW_APPEND,
        periods: 3,
      },
      TableThrottles: {
        metric: new cloudwatch.MathExpression({
          label: 'Throttled reads and writes',
          expression: 'FILL(reads, 0) + FILL(writes, 0)',
          usingMetrics: {
            reads: table.metric('ReadThrottleEvents', { ...five, statistic: 'Sum' }),
            writes: table.metric('WriteThrottleEvents', { ...five, statistic: 'Sum' }),
          },
          ...five,
        }),
        description:
          'The table throttles: a partition has more than it takes; batch its appends, or give its topic more partitions.',
        threshold: 0,
        periods: 3,
      },
      TableErrors: {
        metric: table.metricSystemErrorsForOperations({ ...five, operations: [GET_ITEM, PUT_ITEM, UPDATE_ITEM] }),
        description: 'DynamoDB answers with 5xx: see the AWS Health Dashboard.',
        threshold: 0,
        periods: 2,
      },
    };
    for (const [name, one] of Object.entries(functions)) {
      const Name = name[0]!.toUpperCase() + name.slice(1);
      alarms[`${Name}Fails`] = {
        metric: one.metricErrors(five),
        description: `The function ${name} ends without an answer${name === 'upkeep' ? ': retention and deletion wait for it' : ''}; its log says why.`,
        threshold: 0,
      };
      alarms[`${Name}Throttles`] = {
        metric: one.metricThrottles(five),
        description: `Lambda throttles the function ${name}: raise the account’s concurrency.`,
        threshold: 0,
      };
    }
    const action = new actions.SnsAction(topic);
    for (const [name, { metric, description, threshold, periods = 1 }] of Object.entries(alarms)) {
      new cloudwatch.Alarm(this, name, {
        alarmDescription: `Varve: ${description}`,
        metric,
        threshold,
        evaluationPeriods: periods,
        comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
        // Nothing is measured while nothing happens.
        treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
      }).addAlarmAction(action);
    }
  }
}
