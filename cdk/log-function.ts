import { join } from 'node:path';
import { Duration, type RemovalPolicy } from 'aws-cdk-lib';
import type * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import * as iam from 'aws-cdk-lib/aws-iam';
import type * as kms from 'aws-cdk-lib/aws-kms';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import { BUNDLES } from './bundles.ts';
import { RIGHTS } from './rights.ts';
import type { FunctionName } from './routes.ts';

export interface LogFunctionProps {
  readonly bucket: s3.IBucket | s3.Bucket;
  readonly table: dynamodb.ITable | dynamodb.Table;
  readonly encryptionKey: kms.IKey | undefined;
  readonly memorySize: number;
  readonly logRetention: logs.RetentionDays;
  readonly removalPolicy: RemovalPolicy;
  /** Whether it counts what it does in metrics of its own. @default true */
  readonly metrics?: boolean;
  /** @default 30 seconds, a second more than API Gateway waits: the function answers before. */
  readonly timeout?: Duration;
  /** Whether Lambda ends a loop that the function is part of. @default - it does */
  readonly recursiveLoop?: lambda.RecursiveLoop;
  /** Beside the names of bucket and table. */
  readonly environment?: Readonly<Record<string, string>>;
}

export const DEFAULT_MEMORY_SIZE = 1024;

/** One of the log's functions, with a role that may do what rights.ts says and write its own log. */
export class LogFunction extends lambda.Function {
  constructor(scope: Construct, name: FunctionName, props: LogFunctionProps) {
    const { bucket, table, encryptionKey, memorySize, logRetention: retention, removalPolicy } = props;
    const id = name[0]!.toUpperCase() + name.slice(1);
    const role = new iam.Role(scope, `${id}Role`, {
      description: `Varve: what ${name} may do`,
      assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com'),
    });
    const logGroup = new logs.LogGroup(scope, `${id}Logs`, { retention, removalPolicy });
    super(scope, id, {
      description: `Varve: ${name}`,
      runtime: lambda.Runtime.NODEJS_24_X,
      architecture: lambda.Architecture.ARM_64,
      code: lambda.Code.fromAsset(join(BUNDLES, name)),
      handler: 'index.handler',
      memorySize,
      timeout: props.timeout ?? Duration.seconds(30),
      role,
      logGroup,
      ...(props.recursiveLoop && { recursiveLoop: props.recursiveLoop }),
      environment: {
        VARVE_BUCKET: bucket.bucketName,
        VARVE_TABLE: table.tableName,
        ...(props.metrics === false && { POWERTOOLS_METRICS_DISABLED: 'true' }),
        ...props.environment,
      },
    });
    logGroup.grantWrite(role);
    encryptionKey?.grantEncryptDecrypt(role);
    allow(role, name, bucket, table);
  }
}

function allow(
  role: iam.Role,
  name: FunctionName,
  bucket: LogFunctionProps['bucket'],
  table: LogFunctionProps['table'],
): void {
  const { table: items, objects, listObjects } = RIGHTS[name];
  for (const { actions, keys } of items) {
    role.addToPolicy(
      new iam.PolicyStatement({
        actions: [...actions],
        resources: [table.tableArn],
        conditions: { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': [...keys] } },
      }),
    );
  }
  for (const { actions, names } of objects) {
    const resources = names.map((form) => bucket.arnForObjects(form));
    role.addToPolicy(new iam.PolicyStatement({ actions: [...actions], resources }));
  }
  if (listObjects) {
    role.addToPolicy(new iam.PolicyStatement({ actions: ['s3:ListBucket'], resources: [bucket.bucketArn] }));
  }
}
