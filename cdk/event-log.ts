import { join } from 'node:path';
import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import * as apigateway from 'aws-cdk-lib/aws-apigateway';
import * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { BUNDLES } from './bundles.ts';
import { RIGHTS } from './rights.ts';
import { FUNCTIONS, type FunctionName, ROUTES } from './routes.ts';

export interface EventLogProps {
  /**
   * Who may call the API. `iam`: whoever may invoke it and signs (SigV4). `none`: anyone on the internet.
   * @default 'iam'
   */
  readonly auth?: 'iam' | 'none';
  /**
   * What becomes of bucket, table and log groups with the stack. A bucket that holds objects is never deleted.
   * @default RemovalPolicy.RETAIN
   */
  readonly removalPolicy?: RemovalPolicy;
  /**
   * Memory of each function, MiB. Processors come with memory: a whole one at 1,769.
   * @default 1024
   */
  readonly memorySize?: number;
  /**
   * How long the functions' own logs are kept. They never hold keys or values.
   * @default RetentionDays.ONE_MONTH
   */
  readonly logRetention?: logs.RetentionDays;
}

/** An event log: a bucket of segments, a table of all else, and the HTTP API over them. Nothing runs while nothing happens. */
export class EventLog extends Construct {
  readonly bucket: s3.Bucket;
  readonly table: dynamodb.Table;
  readonly api: apigateway.RestApi;
  readonly functions: Readonly<Record<FunctionName, lambda.Function>>;

  constructor(scope: Construct, id: string, props: EventLogProps = {}) {
    super(scope, id);
    const { auth = 'iam', removalPolicy = RemovalPolicy.RETAIN, memorySize = 1024 } = props;
    const { logRetention = logs.RetentionDays.ONE_MONTH } = props;

    this.bucket = new s3.Bucket(this, 'Bucket', {
      blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
      enforceSSL: true,
      encryption: s3.BucketEncryption.S3_MANAGED,
      objectOwnership: s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
      lifecycleRules: [{ abortIncompleteMultipartUploadAfter: Duration.days(1) }],
      removalPolicy,
    });
    this.table = new dynamodb.Table(this, 'Table', {
      partitionKey: { name: 'pk', type: dynamodb.AttributeType.STRING },
      sortKey: { name: 'sk', type: dynamodb.AttributeType.STRING },
      billingMode: dynamodb.BillingMode.PAY_PER_REQUEST,
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: true },
      stream: dynamodb.StreamViewType.NEW_IMAGE,
      timeToLiveAttribute: 'x',
      removalPolicy,
    });

    const make = (name: FunctionName) =>
      new lambda.Function(this, name[0]!.toUpperCase() + name.slice(1), {
        description: `Varve: ${name}`,
        runtime: lambda.Runtime.NODEJS_24_X,
        architecture: lambda.Architecture.ARM_64,
        code: lambda.Code.fromAsset(join(BUNDLES, name)),
        handler: 'index.handler',
        memorySize,
        // A second more than API Gateway waits: the function answers before.
        timeout: Duration.seconds(30),
        logGroup: new logs.LogGroup(this, `${name}Logs`, { retention: logRetention, removalPolicy }),
        environment: { VARVE_BUCKET: this.bucket.bucketName, VARVE_TABLE: this.table.tableName },
      });
    this.functions = { produce: make('produce'), fetch: make('fetch'), admin: make('admin') };
    for (const name of FUNCTIONS) this.#allow(name);

    this.api = new apigateway.RestApi(this, 'Api', {
      description: 'Varve: the HTTP API of an event log',
      endpointTypes: [apigateway.EndpointType.REGIONAL],
      // Bodies may be compressed or binary; API Gateway must not take them for text.
      binaryMediaTypes: ['*/*'],
      cloudWatchRole: false,
      defaultMethodOptions: {
        authorizationType: auth === 'iam' ? apigateway.AuthorizationType.IAM : apigateway.AuthorizationType.NONE,
      },
    });
    this.#route();
  }

  #allow(name: FunctionName): void {
    const { table, objects, listObjects } = RIGHTS[name];
    const role = this.functions[name];
    for (const { actions, keys } of table) {
      role.addToRolePolicy(
        new iam.PolicyStatement({
          actions: [...actions],
          resources: [this.table.tableArn],
          ...(!keys.includes('*') && {
            conditions: { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': [...keys] } },
          }),
        }),
      );
    }
    for (const { actions, names } of objects) {
      const resources = names.map((form) => this.bucket.arnForObjects(form));
      role.addToRolePolicy(new iam.PolicyStatement({ actions: [...actions], resources }));
    }
    if (listObjects) {
      role.addToRolePolicy(new iam.PolicyStatement({ actions: ['s3:ListBucket'], resources: [this.bucket.bucketArn] }));
    }
  }

  #route(): void {
    // One permission a function: one a method would make the function's policy too long.
    const integrate = (name: FunctionName) =>
      new apigateway.LambdaIntegration(this.functions[name], {
        scopePermissionToMethod: false,
      });
    const integrations = { produce: integrate('produce'), fetch: integrate('fetch'), admin: integrate('admin') };
    for (const [path, methods] of ROUTES) {
      const resource = this.api.root.resourceForPath(path);
      for (const [method, name] of Object.entries(methods)) resource.addMethod(method, integrations[name]);
    }
  }
}
