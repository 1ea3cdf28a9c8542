import { CfnDeletionPolicy, CfnResource, Duration, RemovalPolicy, Stack, Token } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import { parseBrokerConfig } from '../lib/log/broker-config.ts';
import { checkPartitions } from '../lib/log/partition-count.ts';
import { changedConfig } from '../lib/log/topic-config.ts';
import { checkTopicName } from '../lib/log/topic-name.ts';
import type { IEventLog } from './event-log-base.ts';
import { LogFunction, type LogFunctionProps } from './log-function.ts';

export interface TopicProps {
  /**
   * Kafka's rules hold. Another name is another topic: the one before stays.
   * @default - the construct's id
   */
  readonly topicName?: string;
  /**
   * 1 to 10,000. It can be raised, and never lowered.
   * @default - 1 of a new topic; one that is there keeps its number
   */
  readonly partitions?: number;
  /**
   * Kafka's keys for topics, such as `retention.ms`, with their values as text. The topic has these and no others: what is set in
   * any other way returns to its default when the topic is created, adopted or changed by the stack.
   * @default - what a topic has by other ways stays; keys that were declared before return to their defaults
   */
  readonly config?: Readonly<Record<string, string>>;
  /**
   * What becomes of the topic and its records when it is no longer declared. `RETAIN`: they stay, and a later declaration of the
   * name adopts them. `DESTROY`: they are deleted, if they still are the topic that this declaration made: it adopts none.
   * Under another name the topic before stays in either case.
   * @default RemovalPolicy.RETAIN
   */
  readonly removalPolicy?: RemovalPolicy.RETAIN | RemovalPolicy.DESTROY;
}

export interface TopicScope {
  readonly log: IEventLog;
  /** That answers CloudFormation: see `topicsFunction`. */
  readonly serviceToken: lambda.Function;
}

/** Longer than the deliveries of one event take, so that CloudFormation does not give up on an answer that comes. */
const SERVICE_TIMEOUT = Duration.minutes(10);
const MAX_EVENT_AGE = Duration.minutes(5);
/** Enough for 10,000 partitions. */
const TIMEOUT = Duration.minutes(1);
const NO_DEFAULTS = parseBrokerConfig([]);

/** A topic that the stack declares. `EventLog.addTopic` makes it. */
export class Topic extends Construct {
  /** Known at deployment: what uses it is made after the topic. */
  readonly topicName: string;
  /** A UUID, another one when the topic was deleted and made anew. */
  readonly topicId: string;
  readonly #log: IEventLog;
  readonly #name: string;

  constructor(scope: Construct, id: string, { log, serviceToken, ...props }: TopicProps & TopicScope) {
    super(scope, id);
    const { topicName: name = id, partitions, config, removalPolicy = RemovalPolicy.RETAIN } = props;
    checkProps(name, props);
    this.#log = log;
    this.#name = name;
    const resource = new CfnResource(this, 'Default', {
      type: 'Custom::VarveTopic',
      // functions/topic-resource.ts reads it. The configuration is one string: CloudFormation would drop an empty map.
      properties: {
        ServiceToken: serviceToken.functionArn,
        ServiceTimeout: String(SERVICE_TIMEOUT.toSeconds()),
        TopicName: name,
        RemovalPolicy: removalPolicy,
        ...(partitions !== undefined && { Partitions: partitions }),
        ...(config && { Config: Stack.of(this).toJsonString(config) }),
      },
    });
    resource.cfnOptions.deletionPolicy =
      removalPolicy === RemovalPolicy.DESTROY ? CfnDeletionPolicy.DELETE : CfnDeletionPolicy.RETAIN;
    resource.cfnOptions.updateReplacePolicy = CfnDeletionPolicy.RETAIN;
    // Its rights too: they must be there before it is called, and until it was called for the last time.
    resource.node.addDependency(serviceToken);
    this.topicName = resource.getAtt('TopicName').toString();
    this.topicId = resource.getAtt('TopicId').toString();
  }

  /** To append to this topic, and to describe it: `grants.produceTopic` of its log. */
  grantProduce(grantee: iam.IGrantable): iam.Grant {
    return this.#log.grants.produceTopic(grantee, this.#name);
  }

  /** To read this topic: `grants.consumeTopic` of its log. */
  grantConsume(grantee: iam.IGrantable): iam.Grant {
    return this.#log.grants.consumeTopic(grantee, this.#name);
  }
}

/** The function behind the topics that one stack declares of one log. */
export function topicsFunction(scope: Construct, props: LogFunctionProps): lambda.Function {
  const made = new LogFunction(scope, 'topics', { ...props, timeout: TIMEOUT });
  // CloudFormation's events are asynchronous invocations. What is older belongs to a deployment that is over.
  made.configureAsyncInvoke({ maxEventAge: MAX_EVENT_AGE });
  // Whether the stack is being rolled back: a topic stays as large as it got, and that is no reason to get stuck.
  made.addToRolePolicy(
    new iam.PolicyStatement({ actions: ['cloudformation:DescribeStacks'], resources: [Stack.of(scope).stackId] }),
  );
  return made;
}

/** By the log's own rules, as far as values are known at synthesis; the function checks the rest when they are. */
function checkProps(name: string, { partitions, config = {}, removalPolicy }: TopicProps): void {
  if (!Token.isUnresolved(name)) checkTopicName(name);
  if (partitions !== undefined && !Token.isUnresolved(partitions)) checkPartitions(partitions);
  const known = Object.entries(config).filter(([, value]) => !Token.isUnresolved(value));
  const tokens = Object.keys(config).filter((key) => Token.isUnresolved(config[key]));
  changedConfig(
    {},
    { ...Object.fromEntries(tokens.map((key) => [key, null])), ...Object.fromEntries(known) },
    NO_DEFAULTS,
  );
  if (removalPolicy !== undefined && ![RemovalPolicy.RETAIN, RemovalPolicy.DESTROY].includes(removalPolicy)) {
    throw new Error(`removalPolicy: ${removalPolicy}: a topic can be RETAINed or DESTROYed.`);
  }
}
