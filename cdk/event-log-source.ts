import { CfnResource, Duration, Stack, Token } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import { compileFilters } from '../lib/log/delivery/filters.ts';
import { checkSettings } from '../lib/log/delivery/settings.ts';
import type { SubscribeOptions } from '../lib/log/delivery/subscriptions.ts';
import { checkGroupId } from '../lib/log/groups/group-id.ts';
import { checkTopicName, nameFault } from '../lib/log/topic-name.ts';
import type { IEventLog } from './event-log-base.ts';
import { failureDestination } from './failure-destination.ts';
import type { Topic } from './topic.ts';

/** Under the names of aws-lambda-event-sources. docs/delivery.md says what each of them promises. */
export interface EventLogSourceProps {
  /** Topics by name, or as the stack declares them. A topic that is only named must be there when the stack is deployed. */
  readonly topics: readonly (string | Topic)[];
  /** The consumer group: its committed offsets are where delivery goes on. Letters, digits, `.`, `_` and `-`. */
  readonly group: string;
  /** Where partitions begin of which the group has committed nothing. Partitions that a topic grows by begin at their first record. */
  readonly startingPosition: lambda.StartingPosition;
  /**
   * Unix time in seconds, for `AT_TIMESTAMP`.
   * @default - none
   */
  readonly startingPositionTimestamp?: number;
  /**
   * Records of one invocation at most, 1 to 10,000. It may be fewer: an event has at most 6 MB.
   * @default 100
   */
  readonly batchSize?: number;
  /**
   * How long the first record that arrives may wait for others, up to 5 minutes, in whole seconds.
   * @default Duration.seconds(0)
   */
  readonly maxBatchingWindow?: Duration;
  /**
   * Invocations after the first that failed, before the batch is given up; -1 for no end: then a record that never works stops its
   * partition. The pauses between them grow from a second to a minute.
   * @default 12, over about seven minutes
   */
  readonly retryAttempts?: number;
  /**
   * Records that are older when their turn comes are given up. From 1 minute to 7 days.
   * @default - no limit
   */
  readonly maxRecordAge?: Duration;
  /**
   * Whether a batch that failed is tried again by halves, until the record is found that fails.
   * @default false
   */
  readonly bisectBatchOnError?: boolean;
  /**
   * Whether the function answers `batchItemFailures`. Then records before the first that failed are done with, and only that one is
   * given up in the end.
   * @default false
   */
  readonly reportBatchItemFailures?: boolean;
  /**
   * Batches of one partition that are delivered at a time, 1 to 10. Records of one key stay in order, others of the partition do not.
   * @default 1
   */
  readonly parallelizationFactor?: number;
  /**
   * Which records are delivered: those that any of these matches. The others are passed over. Of what `FilterCriteria.filter` makes, up
   * to 10; patterns are applied to `key` and `value` (as JSON where the pattern has fields, else as plain strings), `topic`,
   * `partition`, `offset` and `timestamp`.
   * @default - all records
   */
  readonly filters?: readonly Readonly<Record<string, unknown>>[];
  /**
   * Is told of records that were given up: topic, partition and offsets, so that they can be read again; an `S3OnFailureDestination`
   * gets the records, too. An `SqsDlq`, `SnsDlq` or `S3OnFailureDestination`, in whatever stack, of the log's account and region.
   * @default - only the function's log tells
   */
  readonly onFailure?: lambda.IEventSourceDlq;
  /**
   * Whether records are delivered.
   * @default true
   */
  readonly enabled?: boolean;
  /**
   * How long the function may run, at most 14 minutes. To be given where the function does not say: an imported one, an alias.
   * @default - the function's own
   */
  readonly functionTimeout?: Duration;
}

/** Lambda's, where a function says nothing. */
const DEFAULT_TIMEOUT = Duration.seconds(3);
const SERVICE_TIMEOUT = Duration.minutes(10);

/** Delivers the records of topics to a function, in order per partition, at least once: `fn.addEventSource(new EventLogSource(log, ..))`. */
export class EventLogSource implements lambda.IEventSource {
  readonly #log: IEventLog;
  readonly #props: EventLogSourceProps;

  constructor(log: IEventLog, props: EventLogSourceProps) {
    checkProps(props);
    this.#log = log;
    this.#props = props;
  }

  bind(target: lambda.IFunction): void {
    const props = this.#props;
    const settings = settingsOf(props, timeoutOf(target, props));
    const { delivery } = this.#log;
    const scope = new Construct(target, `EventLogSource-${props.group}`);
    // A right on the function itself: the log's stack need not know the stacks that subscribe.
    target.addPermission('Invoke', {
      principal: new iam.ArnPrincipal(delivery.role.roleArn),
      scope,
    });
    const onFailure = props.onFailure && failureDestination(scope, props.onFailure, delivery.role);
    for (const topic of props.topics) {
      const id = typeof topic === 'string' ? topic : topic.node.id;
      const subscription: SubscribeOptions = {
        topic: typeof topic === 'string' ? topic : topic.topicName,
        name: `${target.node.addr.slice(-12)}-${props.group}`,
        group: props.group,
        target: target.functionArn,
        ...(onFailure !== undefined && { onFailure }),
        ...settings,
      };
      const resource = new CfnResource(scope, id, {
        type: 'Custom::VarveSubscription',
        // functions/subscription-resource.ts reads it.
        properties: {
          ServiceToken: delivery.serviceToken,
          ServiceTimeout: String(SERVICE_TIMEOUT.toSeconds()),
          Subscription: Stack.of(scope).toJsonString(subscription),
        },
      });
      // The rights too: they must be there before it is called, and until it was called for the last time.
      const permission = scope.node.tryFindChild('Invoke');
      resource.node.addDependency(...delivery.parts, ...(permission ? [permission] : []));
    }
  }
}

function settingsOf(props: EventLogSourceProps, timeout: Duration) {
  const {
    startingPosition,
    startingPositionTimestamp: timestamp,
    enabled = true,
    maxBatchingWindow,
    maxRecordAge,
  } = props;
  const { batchSize, retryAttempts, bisectBatchOnError, reportBatchItemFailures, parallelizationFactor } = props;
  const filters = props.filters?.map(({ pattern }) => String(pattern));
  const from = {
    TRIM_HORIZON: 'earliest',
    LATEST: 'latest',
    AT_TIMESTAMP: { timestamp: (timestamp ?? 0) * 1_000 },
  } as const;
  const settings = {
    startingPosition: from[startingPosition],
    enabled,
    targetTimeout: timeout.toMilliseconds(),
    ...(batchSize !== undefined && { batchSize }),
    ...(maxBatchingWindow && { maxBatchingWindow: maxBatchingWindow.toMilliseconds() }),
    ...(retryAttempts !== undefined && { retryAttempts }),
    ...(maxRecordAge && { maxRecordAge: maxRecordAge.toMilliseconds() }),
    ...(bisectBatchOnError !== undefined && { bisectBatchOnError }),
    ...(reportBatchItemFailures !== undefined && { reportBatchItemFailures }),
    ...(parallelizationFactor !== undefined && { parallelizationFactor }),
    ...(filters && { filters }),
  };
  checkSettings(settings);
  if (filters) compileFilters(filters);
  return settings;
}

function timeoutOf(target: lambda.IFunction, { functionTimeout }: EventLogSourceProps): Duration {
  if (functionTimeout) return functionTimeout;
  if (target instanceof lambda.Function) return target.timeout ?? DEFAULT_TIMEOUT;
  throw new Error(
    'EventLogSource: how long this function may run is not known here: give functionTimeout, as long as its timeout or longer.',
  );
}

/** Throws, and says what to give instead. */
function checkProps(props: EventLogSourceProps): void {
  const { topics, group, startingPosition, startingPositionTimestamp: timestamp } = props;
  if (topics.length === 0) throw new Error('topics: name at least one.');
  for (const topic of topics) {
    if (typeof topic !== 'string') continue;
    if (Token.isUnresolved(topic))
      throw new Error('topics: a name must be known at synthesis; or pass the Topic itself.');
    checkTopicName(topic);
  }
  const fault = Token.isUnresolved(group) ? 'it must be known at synthesis' : nameFault(group);
  if (fault !== undefined)
    throw new Error(`group: ${JSON.stringify(group)}: ${fault}; choose letters, digits, ".", "_" and "-".`);
  checkGroupId(group);
  if (!['TRIM_HORIZON', 'LATEST', 'AT_TIMESTAMP'].includes(startingPosition)) {
    throw new Error('startingPosition: give StartingPosition.TRIM_HORIZON, LATEST or AT_TIMESTAMP.');
  }
  const isAt = startingPosition === lambda.StartingPosition.AT_TIMESTAMP;
  if (isAt !== (timestamp !== undefined)) {
    throw new Error('startingPositionTimestamp: goes with StartingPosition.AT_TIMESTAMP, and that with it.');
  }
  if (timestamp !== undefined && !(timestamp >= 0)) {
    throw new Error(`startingPositionTimestamp: ${timestamp}: give Unix time in seconds.`);
  }
}
