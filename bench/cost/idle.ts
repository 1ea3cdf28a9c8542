import type { EventLog } from '../../lib/log/event-log.ts';
import { together } from '../aws/meter.ts';
import { type Bill, bill } from './bill.ts';
import { inLaboratory } from './cases.ts';
import { GB, HOURS_A_MONTH, PRICES } from './prices.ts';

/**
 * What a stack costs in a month in which nobody calls it: every type of resource that it may have, and what runs by itself. A test
 * holds the synthesized stack to this table, and docs/cost.md to what comes out.
 */

/** The properties of a resource in a template. */
export type Properties = Readonly<Record<string, unknown>>;

interface Idle {
  /** Dollars a month. */
  dollars(properties: Properties): number;
  why: string;
}

const free = (why: string): Idle => ({ dollars: () => 0, why });

/** Five pollers of a queue, each of which waits for 20 seconds. https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html */
const POLLS_A_MONTH = (5 * HOURS_A_MONTH * 3_600) / 20;

/** By type. A type that is not here has a price that nobody has looked up. */
export const IDLE: Readonly<Record<string, Idle>> = {
  'AWS::ApiGateway::Account': free('a setting'),
  'AWS::ApiGateway::ApiKey': free('keys and usage plans cost nothing'),
  'AWS::ApiGateway::Deployment': free('REST APIs cost by the request'),
  'AWS::ApiGateway::Method': free('REST APIs cost by the request'),
  'AWS::ApiGateway::Resource': free('REST APIs cost by the request'),
  'AWS::ApiGateway::RestApi': free('REST APIs cost by the request'),
  'AWS::ApiGateway::Stage': free('without a cache, which would cost by the hour'),
  'AWS::ApiGateway::UsagePlan': free('keys and usage plans cost nothing'),
  'AWS::ApiGateway::UsagePlanKey': free('keys and usage plans cost nothing'),
  'AWS::ApiGatewayV2::Api': free('HTTP APIs cost by the request'),
  'AWS::ApiGatewayV2::Integration': free('HTTP APIs cost by the request'),
  'AWS::ApiGatewayV2::Route': free('HTTP APIs cost by the request'),
  'AWS::ApiGatewayV2::Stage': free('HTTP APIs cost by the request'),
  'AWS::CDK::Metadata': free('a note'),
  'AWS::CloudWatch::Alarm': {
    dollars: ({ Metrics, MetricName }) =>
      0.1 * (MetricName ? 1 : (Metrics as { MetricStat?: unknown }[]).filter((one) => one.MetricStat).length),
    why: '$0.10 for each metric that it looks at',
  },
  'AWS::CloudWatch::Dashboard': { dollars: () => 3, why: 'beyond the first three of an account' },
  'AWS::DynamoDB::Table': free(
    'on demand; what it holds costs $0.25 a GB and month, and $0.20 more for point-in-time recovery; reading its stream is not charged to Lambda',
  ),
  'AWS::Events::Rule': free('scheduled rules cost nothing: their runs are below'),
  'AWS::IAM::Policy': free('IAM costs nothing'),
  'AWS::IAM::Role': free('IAM costs nothing'),
  'AWS::KMS::Key': { dollars: () => 1, why: 'each, and $1 more for each of the first two rotations' },
  'AWS::Lambda::EventInvokeConfig': free('a setting'),
  'AWS::Lambda::EventSourceMapping': {
    dollars: ({ StartingPosition }) => (StartingPosition === undefined ? POLLS_A_MONTH * PRICES.sqsRequest : 0),
    why: `${POLLS_A_MONTH} requests by which Lambda looks into a queue; reading a stream is not charged to it`,
  },
  'AWS::Lambda::Function': free('functions cost by the call; none is kept warm'),
  'AWS::Lambda::Permission': free('a setting'),
  'AWS::Logs::LogGroup': free('logs cost by what is written ($0.50 a GB) and kept ($0.03 a GB and month)'),
  'AWS::S3::Bucket': free('what it holds costs $0.023 a GB and month'),
  'AWS::S3::BucketPolicy': free('a setting'),
  'AWS::SQS::Queue': free('queues cost by the request'),
  'AWS::SQS::QueuePolicy': free('a setting'),
  'Custom::VarveSubscription': free('a subscription is an item of the table, and one more for each partition'),
  'Custom::VarveTopic': free('a topic is a few items of the table'),
};

/** Partitions of the idle log: of one topic. */
const PARTITIONS = 8;
const TOPIC = 'idle';
/** Of one run, its cold start included: more than is seen. */
const RUN_SECONDS = 1;
/** That one run writes, Lambda's own lines included. */
const RUN_LOG_BYTES = 1024;
const LOG_GB = 0.5;

/** What a schedule costs in a month. */
export interface ScheduledMonth {
  runs: number;
  /** Requests of a run, on average. */
  run: Bill;
  requests: number;
  functions: number;
  logs: number;
}

/** The upkeep, by the requests of a day's runs over a log of 8 partitions, each by a new process. */
export const upkeepMonth = (everyMinutes: number, memoryMib: number) =>
  scheduledMonth(everyMinutes, memoryMib, {
    hours: 24,
    async run(log) {
      const { failed, failure } = await log.upkeep();
      if (failed > 0) throw failure;
    },
  });

/** The sweep that wakes subscriptions, likewise, with one subscription that has got all there is. */
export const sweepMonth = (everyMinutes: number, memoryMib: number) =>
  scheduledMonth(everyMinutes, memoryMib, {
    // One is like the other.
    hours: 1,
    async prepare(log) {
      const subscription = { topic: TOPIC, name: 'idle', group: 'idle', target: 'function', targetTimeout: 3_000 };
      await log.subscriptions.put({ ...subscription, startingPosition: 'earliest' });
    },
    async run(log) {
      const nobody = () => Promise.reject(new Error('nothing lags'));
      const delivery = await log.delivery({ queue: nobody, target: nobody, onFailure: nobody });
      await delivery.sweep();
    },
  });

interface Scheduled {
  /** Whose runs are counted. */
  hours: number;
  prepare?(log: EventLog): Promise<void>;
  run(log: EventLog): Promise<void>;
}

async function scheduledMonth(
  everyMinutes: number,
  memoryMib: number,
  { hours, prepare, run: runOnce }: Scheduled,
): Promise<ScheduledMonth> {
  const counted = (hours * 60) / everyMinutes;
  const counts = await inLaboratory(async ({ meter, clock, open }) => {
    const log = await open();
    await log.topics.create(TOPIC, { partitions: PARTITIONS });
    await prepare?.(log);
    await log.close();
    const runs = [];
    for (let run = 0; run < counted; run++) {
      clock.advance(everyMinutes * 60_000);
      meter.take();
      const one = await open();
      await runOnce(one);
      await one.close();
      runs.push(meter.take());
    }
    return together(runs);
  });
  const runs = (HOURS_A_MONTH / hours) * counted;
  const run = bill(counts, counted);
  return {
    runs,
    run,
    requests: run.dollars * runs,
    functions: runs * (PRICES.lambdaCall + RUN_SECONDS * (memoryMib / 1024) * PRICES.lambdaGbSecond),
    logs: ((runs * RUN_LOG_BYTES) / GB) * LOG_GB,
  };
}

export interface Resource {
  Type: string;
  Properties?: Properties;
}

export interface IdleLine {
  what: string;
  dollars: number;
  why: string;
}

/** Every line above $0: of resources by type, and of what is scheduled. Throws for a type that is not in the table. */
export function idleLines(
  resources: readonly Resource[],
  scheduled: Readonly<Record<string, ScheduledMonth>>,
): IdleLine[] {
  const lines = new Map<string, IdleLine>();
  for (const { Type: what, Properties = {} } of resources) {
    const idle = IDLE[what];
    if (!idle)
      throw new Error(`What does ${what} cost while nothing happens? Look it up and add it to bench/cost/idle.ts.`);
    const dollars = idle.dollars(Properties) + (lines.get(what)?.dollars ?? 0);
    if (dollars > 0) lines.set(what, { what, dollars, why: idle.why });
  }
  const own = Object.entries(scheduled).flatMap(([name, { runs, run, functions, requests, logs }]): IdleLine[] => {
    const each = `${run.dynamodbRequests.toFixed(0)} requests to DynamoDB and ${run.lists.toFixed(1)} to S3 on average`;
    return [
      { what: `${name}: function`, dollars: functions, why: `${runs} runs of ${RUN_SECONDS} s` },
      { what: `${name}: requests`, dollars: requests, why: `${each}, of a log of ${PARTITIONS} partitions` },
      { what: `${name}: log`, dollars: logs, why: `${RUN_LOG_BYTES} bytes a run` },
    ];
  });
  return [...own, ...lines.values()];
}
