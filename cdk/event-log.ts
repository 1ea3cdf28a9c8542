import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import type * as dynamodb from 'aws-cdk-lib/aws-dynamodb';
import * as events from 'aws-cdk-lib/aws-events';
import * as targets from 'aws-cdk-lib/aws-events-targets';
import type * as kms from 'aws-cdk-lib/aws-kms';
import type * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import type * as sns from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import { EventLogAlarms } from './alarms.ts';
import { dashboard } from './dashboard.ts';
import { EventLogBase, type IEventLog } from './event-log-base.ts';
import { type HttpAuth, HttpLogApi } from './http-api.ts';
import { type EventLogAttributes, ImportedEventLog } from './imported-event-log.ts';
import { DEFAULT_MEMORY_SIZE, LogFunction, type LogFunctionProps } from './log-function.ts';
import { type ManagedInstancesProps, managedFunction, runOnManagedInstances } from './managed-instances.ts';
import { acknowledgeFindings } from './nag.ts';
import { type RestAuth, RestLogApi } from './rest-api.ts';
import type { ApiFunctionName } from './routes.ts';
import { catalogTable, segmentBucket } from './storage.ts';

export interface EventLogProps {
  /**
   * Who may call the API. `iam`: whoever may invoke it and signs (SigV4): see `grants`. `apiKey`: whoever sends the key that is
   * made for it (not with an HTTP API, which has no keys). `none`: anyone on the internet. Or an authorizer of yours, of the
   * API's kind: `IAuthorizer` of aws-apigateway, or `IHttpRouteAuthorizer` of aws-apigatewayv2 such as `HttpJwtAuthorizer`.
   * @default 'iam'
   */
  readonly auth?: RestAuth | HttpAuth;
  /**
   * The kind of API. An `http` API costs $1 a million requests where a `rest` API costs $3.50; it has no API keys, and no
   * web ACL can be put before it. LocalStack without a licence has none. Changing it changes the address.
   * @default 'rest'
   */
  readonly api?: 'rest' | 'http';
  /**
   * Runs produce and fetch on instances that Lambda keeps for them in your VPC, where one environment serves many requests: they
   * share batches, caches and connections. Worth it for steady load; the instances cost while nothing happens.
   * @default - functions that cost nothing while nothing happens
   */
  readonly managedInstances?: ManagedInstancesProps;
  /**
   * Encrypts bucket and table. Each of its uses is charged, and so is the key by the month.
   * @default - keys of S3 and DynamoDB, which cost nothing
   */
  readonly encryptionKey?: kms.IKey;
  /**
   * What becomes of bucket, table and log groups with the stack. A bucket that holds objects is never deleted.
   * @default RemovalPolicy.RETAIN
   */
  readonly removalPolicy?: RemovalPolicy;
  /**
   * Memory of each function, MiB, 256 to 10,240. Processors come with memory: a whole one at 1,769.
   * @default 1024
   */
  readonly memorySize?: number;
  /**
   * How long the functions' own logs and the API's access log are kept. They never hold keys or values.
   * @default RetentionDays.ONE_MONTH
   */
  readonly logRetention?: logs.RetentionDays;
  /**
   * API Gateway writes access logs by a role that account and region have once. `true` sets it, and leaves it when the stack
   * goes, since other APIs may use it by then; `false` where your account has one already.
   * @default true
   */
  readonly cloudWatchRole?: boolean;
  /**
   * How often upkeep runs: it deletes what retention gives up, what deleted topics left, and objects that nothing points to.
   * Whole minutes, from 5 minutes to a day.
   * @default Duration.hours(1)
   */
  readonly upkeepInterval?: Duration;
  /**
   * Whether the functions count what they do in metrics of their own: docs/operations.md lists them. $0.30 a month for each of
   * seven while the log is in use, nothing while it is idle.
   * @default true
   */
  readonly metrics?: boolean;
  /**
   * Is told of errors, throttles and slow appends. $0.10 a month for each of some 15 metrics that are looked at.
   * @default - no alarms
   */
  readonly alarmTopic?: sns.ITopic | sns.Topic;
  /**
   * A dashboard of the log in CloudWatch. $3 a month beyond the account's first three.
   * @default false
   */
  readonly dashboard?: boolean;
}

/** An event log: a bucket of segments, a table of all else, and the HTTP API over them. Nothing runs while nothing happens. */
export class EventLog extends EventLogBase {
  /** A log of another stack. */
  static fromEventLogAttributes(scope: Construct, id: string, attributes: EventLogAttributes): IEventLog {
    return new ImportedEventLog(scope, id, attributes);
  }

  readonly bucket: s3.Bucket;
  readonly table: dynamodb.Table;
  readonly api: RestLogApi | HttpLogApi;
  readonly functions: Readonly<Record<ApiFunctionName | 'upkeep', lambda.Function>>;
  protected readonly functionProps: LogFunctionProps;

  constructor(scope: Construct, id: string, props: EventLogProps = {}) {
    super(scope, id);
    checkProps(props);
    const { auth = 'iam', encryptionKey, removalPolicy = RemovalPolicy.RETAIN } = props;
    const { memorySize = DEFAULT_MEMORY_SIZE, logRetention = logs.RetentionDays.ONE_MONTH } = props;
    const { cloudWatchRole = true, metrics = true, upkeepInterval = Duration.hours(1) } = props;

    this.bucket = segmentBucket(this, { removalPolicy, encryptionKey });
    this.table = catalogTable(this, { removalPolicy, encryptionKey });
    const { bucket, table } = this;
    const shared = { bucket, table, encryptionKey, memorySize, logRetention, removalPolicy, metrics };
    this.functionProps = shared;
    const serving = props.managedInstances ? { ...shared, ...managedFunction(props.managedInstances) } : shared;
    this.functions = {
      produce: new LogFunction(this, 'produce', serving),
      fetch: new LogFunction(this, 'fetch', serving),
      admin: new LogFunction(this, 'admin', shared),
      // A lease keeps one run at work at a time, and a run goes on where the last one ended.
      upkeep: new LogFunction(this, 'upkeep', { ...shared, memorySize: 512, timeout: Duration.minutes(15) }),
    };
    new events.Rule(this, 'UpkeepSchedule', {
      description: 'Varve: upkeep of an event log',
      schedule: events.Schedule.rate(upkeepInterval),
      targets: [new targets.LambdaFunction(this.functions.upkeep)],
    });
    const accessLog = new logs.LogGroup(this, 'AccessLog', { retention: logRetention, removalPolicy });
    const served = { functions: this.functions, accessLog };
    this.api =
      props.api === 'http'
        ? new HttpLogApi(this, 'Http', { ...served, auth: auth as HttpAuth })
        : new RestLogApi(this, 'Http', { ...served, auth: auth as RestAuth, cloudWatchRole });
    if (props.managedInstances) {
      const { produce, fetch } = this.functions;
      runOnManagedInstances(this, [produce, fetch], props.managedInstances);
    }

    const watched = { log: this, functions: this.functions, table };
    if (props.alarmTopic) new EventLogAlarms(this, 'Alarms', { ...watched, topic: props.alarmTopic });
    if (props.dashboard) dashboard(this, 'Dashboard', watched);
    acknowledgeFindings(this);
  }
}

/** Throws, and says what to give instead. */
function checkProps({
  api = 'rest',
  auth = 'iam',
  memorySize,
  upkeepInterval = Duration.hours(1),
}: EventLogProps): void {
  if (!['rest', 'http'].includes(api)) throw new Error(`api: ${JSON.stringify(api)}: give 'rest' or 'http'.`);
  if (typeof auth === 'string' && !['iam', 'none', 'apiKey'].includes(auth)) {
    throw new Error(`auth: ${JSON.stringify(auth)}: give 'iam', 'none', 'apiKey' or an authorizer.`);
  }
  if (api === 'http' && auth === 'apiKey') {
    throw new Error(
      "auth: 'apiKey': HTTP APIs have no keys. Give 'iam', 'none' or an authorizer, or make it api: 'rest'.",
    );
  }
  if (typeof auth !== 'string' && 'bind' in auth !== (api === 'http')) {
    const home = api === 'http' ? 'aws-apigatewayv2, such as HttpJwtAuthorizer' : 'aws-apigateway';
    throw new Error(`auth: an authorizer of another kind of API: with api: '${api}' give one of ${home}.`);
  }
  if (memorySize !== undefined && !(Number.isInteger(memorySize) && memorySize >= 256 && memorySize <= 10_240)) {
    throw new Error(`memorySize: ${memorySize}: give whole MiB, 256 to 10240.`);
  }
  const minutes = upkeepInterval.toMinutes({ integral: false });
  if (!(Number.isInteger(minutes) && minutes >= 5 && minutes <= 24 * 60)) {
    throw new Error(`upkeepInterval: ${upkeepInterval.toHumanString()}: give whole minutes, from 5 minutes to a day.`);
  }
}
