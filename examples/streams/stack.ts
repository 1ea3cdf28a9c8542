import { Duration, RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib';
import * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import { SqsDlq } from 'aws-cdk-lib/aws-lambda-event-sources';
import { NodejsFunction, OutputFormat } from 'aws-cdk-lib/aws-lambda-nodejs';
import * as sqs from 'aws-cdk-lib/aws-sqs';
import type { Construct } from 'constructs';
import { EventLog, EventLogSource, type Topic } from 'varve/cdk';
import { average } from './average.ts';
import { filter } from './filter.ts';
import { join } from './join.ts';

export interface StreamsProps extends StackProps {
  /**
   * Of all topics: what comes out of a partition goes to the same one.
   * @default 4
   */
  readonly partitions?: number;
  /** @default RemovalPolicy.RETAIN */
  readonly removalPolicy?: RemovalPolicy;
  /**
   * Where the processors find the log's API.
   * @default - the address that API Gateway gives it
   */
  readonly logUrl?: (log: EventLog) => string;
}

/** A log, and a function for each processor that gets the records of its topics. */
export class Streams extends Stack {
  readonly log: EventLog;

  constructor(scope: Construct, id: string, options: StreamsProps = {}) {
    const { partitions = 4, removalPolicy = RemovalPolicy.RETAIN, logUrl, ...props } = options;
    super(scope, id, props);
    this.log = new EventLog(this, 'Log', { removalPolicy });
    const topics = new Map<string, Topic>();
    const topicOf = (name: string): Topic => {
      const topic = topics.get(name) ?? this.log.addTopic(name, { partitions });
      topics.set(name, topic);
      return topic;
    };
    const state = new dynamodb.Table(this, 'State', {
      partitionKey: { name: 'pk', type: dynamodb.AttributeType.STRING },
      billingMode: dynamodb.BillingMode.PAY_PER_REQUEST,
      removalPolicy,
    });
    const givenUp = new sqs.Queue(this, 'GivenUp', { enforceSSL: true });

    for (const { name, topics: inputs, output } of [filter, average, join]) {
      const fn = new NodejsFunction(this, name, {
        entry: new URL(`${name}.ts`, import.meta.url).pathname,
        runtime: lambda.Runtime.NODEJS_24_X,
        bundling: { format: OutputFormat.ESM, mainFields: ['module', 'main'], bundleAwsSDK: true, minify: true },
        timeout: Duration.seconds(30),
        environment: { STATE_TABLE: state.tableName, VARVE_URL: logUrl?.(this.log) ?? this.log.api.url },
      });
      state.grant(fn, 'dynamodb:BatchGetItem', 'dynamodb:PutItem');
      topicOf(output).grantProduce(fn);
      fn.addEventSource(
        new EventLogSource(this.log, {
          topics: inputs.map(topicOf),
          group: name,
          startingPosition: lambda.StartingPosition.TRIM_HORIZON,
          batchSize: 100,
          bisectBatchOnError: true,
          onFailure: new SqsDlq(givenUp),
        }),
      );
    }
  }
}
