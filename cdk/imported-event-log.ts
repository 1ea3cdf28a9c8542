import { RemovalPolicy, Stack } from 'aws-cdk-lib';
import type * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as logs from 'aws-cdk-lib/aws-logs';
import * as s3 from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import { type ApiMetric, executeApiArn, type LogApi } from './api.ts';
import { type DeliveryAttributes, importedDelivery, type LogDelivery } from './delivery.ts';
import { EventLogBase } from './event-log-base.ts';
import { DEFAULT_STAGE, httpApiMetric } from './http-api.ts';
import { DEFAULT_MEMORY_SIZE, type LogFunctionProps } from './log-function.ts';
import { restApiMetric } from './rest-api.ts';

/** What tells a log of another stack. The app's outputs have all of it. */
export interface EventLogAttributes {
  readonly bucketName: string;
  readonly tableName: string;
  /** Of its API, in this stack's account and region. */
  readonly apiId: string;
  /**
   * Which kind of API it has.
   * @default 'rest'
   */
  readonly api?: 'rest' | 'http';
  /**
   * By which CloudWatch knows a REST API.
   * @default - the log has no metrics here
   */
  readonly apiName?: string;
  /**
   * Of the API's deployment.
   * @default - 'prod' of a REST API, '$default' of an HTTP API
   */
  readonly stageName?: string;
  /**
   * Who may call the API. Grants are for `iam`.
   * @default 'iam'
   */
  readonly auth?: LogApi['auth'];
  /**
   * That encrypts bucket and table: the function behind `addTopic` needs it.
   * @default - keys of S3 and DynamoDB
   */
  readonly encryptionKey?: kms.IKey;
  /**
   * What delivers its records, for `EventLogSource`. The log's stack has it once `log.delivery` was asked for there.
   * @default - functions here cannot subscribe
   */
  readonly delivery?: DeliveryAttributes;
}

/** A log that another stack made. */
export class ImportedEventLog extends EventLogBase {
  readonly bucket: s3.IBucket;
  readonly table: dynamodb.ITable;
  readonly api: LogApi;
  protected readonly functionProps: LogFunctionProps;
  readonly #delivery: DeliveryAttributes | undefined;

  constructor(scope: Construct, id: string, attributes: EventLogAttributes) {
    super(scope, id);
    this.#delivery = attributes.delivery;
    const { bucketName, tableName, apiId, api = 'rest', apiName, auth = 'iam', encryptionKey } = attributes;
    const { stageName = api === 'rest' ? 'prod' : DEFAULT_STAGE } = attributes;
    this.bucket = s3.Bucket.fromBucketName(this, 'Bucket', bucketName);
    this.table = dynamodb.Table.fromTableName(this, 'Table', tableName);
    this.functionProps = {
      bucket: this.bucket,
      table: this.table,
      encryptionKey,
      memorySize: DEFAULT_MEMORY_SIZE,
      logRetention: logs.RetentionDays.ONE_MONTH,
      removalPolicy: RemovalPolicy.RETAIN,
    };
    const stack = Stack.of(this);
    this.api = {
      apiId,
      url: `https://${apiId}.execute-api.${stack.region}.${stack.urlSuffix}/${stageName === DEFAULT_STAGE ? '' : `${stageName}/`}`,
      auth,
      arnFor: (method, path) => executeApiArn(stack, apiId, stageName, method, path),
      metric(of: ApiMetric, options?: cloudwatch.MetricOptions) {
        if (api === 'http') return httpApiMetric(apiId, stageName, of, options);
        if (apiName !== undefined) return restApiMetric(apiName, stageName, of, options);
        throw new Error('CloudWatch knows a REST API by its name: give apiName to EventLog.fromEventLogAttributes.');
      },
    };
  }

  protected override makeDelivery(): LogDelivery {
    return importedDelivery(this, this.#delivery);
  }
}
