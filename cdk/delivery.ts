import { Duration, Validations } from 'aws-cdk-lib';
import * as events from 'aws-cdk-lib/aws-events';
import * as targets from 'aws-cdk-lib/aws-events-targets';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import { SqsEventSource } from 'aws-cdk-lib/aws-lambda-event-sources';
import * as sqs from 'aws-cdk-lib/aws-sqs';
import type { Construct, IDependable } from 'constructs';
import { roleByArn } from './failure-destination.ts';
import { LogFunction, type LogFunctionProps } from './log-function.ts';

/** What delivers a log's records to functions: a log without subscriptions has none of it. */
export interface LogDelivery {
  /** As which the functions are invoked, and told is what was given up. */
  readonly role: iam.IRole;
  /** The ARN of the function that answers CloudFormation for each subscription. */
  readonly serviceToken: string;
  /** What must be there before a subscription is made, and as long as there is one. */
  readonly parts: readonly IDependable[];
  /** Invokes the functions. Absent where the log is of another stack. */
  readonly deliver?: lambda.Function;
}

/** What another stack tells of its log's `delivery`. */
export interface DeliveryAttributes {
  /** `log.delivery.role.roleArn` */
  readonly roleArn: string;
  /** `log.delivery.serviceToken` */
  readonly serviceToken: string;
}

/** Lambda's longest: a run ends before, and goes on in the next. */
const DELIVER_TIMEOUT = Duration.minutes(15);
/** A message that is lost is sent again by the sweep; one that is older is nobody's. */
const RETENTION = Duration.hours(4);
const SWEEP_EVERY = Duration.minutes(5);

/** A head's changes and no others: what the log writes about deliveries must not wake them. */
const HEADS = { dynamodb: { Keys: { pk: { S: [{ prefix: 'partition#' }] }, sk: { S: ['head'] } } } };

const FINDINGS = {
  'AwsSolutions-SQS3':
    'The delivery state in the table is the truth, and a message only a hint: one that is lost is sent again by the sweep.',
  'AwsSolutions-IAM5[Resource::*]': 'ListStreams, by which Lambda finds the shards of the stream, knows no resource.',
};

/** Head changes -> notify -> one queue -> deliver -> the functions. Nothing of it runs while nothing is appended, but for the sweep. */
export function logDelivery(log: Construct, shared: LogFunctionProps): LogDelivery {
  const { table } = shared;
  if (table.tableStreamArn === undefined) throw new Error('The table of a log has a stream: this one has none.');
  const queue = new sqs.Queue(log, 'Deliveries', {
    visibilityTimeout: DELIVER_TIMEOUT,
    retentionPeriod: RETENTION,
    enforceSSL: true,
    removalPolicy: shared.removalPolicy,
  });
  const props = { ...shared, memorySize: 512, environment: { VARVE_QUEUE: queue.queueUrl } };
  const notify = new LogFunction(log, 'notify', { ...props, timeout: Duration.minutes(1) });
  const deliver = new LogFunction(log, 'deliver', {
    ...props,
    memorySize: shared.memorySize,
    timeout: DELIVER_TIMEOUT,
    // It sends itself the message by which it goes on.
    recursiveLoop: lambda.RecursiveLoop.ALLOW,
  });
  const serviceToken = new LogFunction(log, 'subscriptions', { ...props, timeout: Duration.minutes(1) });
  serviceToken.configureAsyncInvoke({ maxEventAge: Duration.minutes(5) });
  for (const one of [notify, deliver, serviceToken]) {
    one.addToRolePolicy(new iam.PolicyStatement({ actions: ['sqs:SendMessage'], resources: [queue.queueArn] }));
  }

  const streamActions = ['dynamodb:DescribeStream', 'dynamodb:GetRecords', 'dynamodb:GetShardIterator'];
  notify.addToRolePolicy(new iam.PolicyStatement({ actions: streamActions, resources: [table.tableStreamArn] }));
  notify.addToRolePolicy(new iam.PolicyStatement({ actions: ['dynamodb:ListStreams'], resources: ['*'] }));
  const heads = new lambda.EventSourceMapping(log, 'HeadChanges', {
    target: notify,
    eventSourceArn: table.tableStreamArn,
    // What happened while this was made, too: to be woken for nothing does no harm.
    startingPosition: lambda.StartingPosition.TRIM_HORIZON,
    batchSize: 1_000,
    maxRecordAge: Duration.hours(1),
    filters: [lambda.FilterCriteria.filter(HEADS)],
  });
  // Lambda looks at once whether the function may read the stream.
  heads.node.addDependency(notify.role!);
  deliver.addEventSource(new SqsEventSource(queue, { batchSize: 1 }));
  new events.Rule(log, 'SweepSchedule', {
    description: 'Varve: wakes subscriptions that lag',
    schedule: events.Schedule.rate(SWEEP_EVERY),
    targets: [new targets.LambdaFunction(notify)],
  });
  Validations.of(log).acknowledge(...Object.entries(FINDINGS).map(([id, reason]) => ({ id, reason })));
  return {
    role: deliver.role!,
    serviceToken: serviceToken.functionArn,
    parts: [serviceToken, deliver, heads],
    deliver,
  };
}

/** What delivers in another stack, of this account and region. Its rights on what this stack makes are given there. */
export function importedDelivery(scope: Construct, attributes: DeliveryAttributes | undefined): LogDelivery {
  if (!attributes) {
    throw new Error(
      'EventLogSource: what delivers belongs to the stack of the log, and this log is an imported one. Pass the EventLog itself, or give delivery to EventLog.fromEventLogAttributes.',
    );
  }
  const { roleArn, serviceToken } = attributes;
  return { role: roleByArn(scope, 'Deliver', roleArn), serviceToken, parts: [] };
}
