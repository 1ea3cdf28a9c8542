import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { Match, type Template } from 'aws-cdk-lib/assertions';
import * as apigateway from 'aws-cdk-lib/aws-apigateway';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import { beforeAll, describe, expect, it } from 'vitest';
import { EventLog } from '../../cdk/event-log.ts';
import { freshApp, synthesized } from './synthesized.ts';

const methodsOf = (template: Template) =>
  Object.values(template.findResources('AWS::ApiGateway::Method')).map(({ Properties }) => Properties);

describe('the EventLog construct', () => {
  let template: Template;
  beforeAll(() => {
    template = synthesized();
  });

  it('keeps the data: private, encrypted, over TLS only, with backups, and when the stack goes', () => {
    template.hasResource('AWS::S3::Bucket', {
      DeletionPolicy: 'Retain',
      Properties: {
        BucketEncryption: {
          ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } }],
        },
        PublicAccessBlockConfiguration: {
          BlockPublicAcls: true,
          BlockPublicPolicy: true,
          IgnorePublicAcls: true,
          RestrictPublicBuckets: true,
        },
        LifecycleConfiguration: {
          Rules: [{ AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 }, Status: 'Enabled' }],
        },
      },
    });
    template.hasResourceProperties('AWS::S3::BucketPolicy', {
      PolicyDocument: {
        Statement: [Match.objectLike({ Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } })],
      },
    });
    template.hasResource('AWS::DynamoDB::Table', {
      DeletionPolicy: 'Retain',
      Properties: {
        BillingMode: 'PAY_PER_REQUEST',
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
        StreamSpecification: { StreamViewType: 'NEW_IMAGE' },
        TimeToLiveSpecification: { AttributeName: 'x', Enabled: true },
      },
    });
  });

  it('encrypts bucket and table with the key that it is given, which its functions may use', () => {
    const keyed = synthesized((stack) => ({ encryptionKey: new kms.Key(stack, 'Key') }));
    const [key] = Object.keys(keyed.findResources('AWS::KMS::Key'));
    const arn = { 'Fn::GetAtt': [key, 'Arn'] };

    keyed.hasResourceProperties('AWS::S3::Bucket', {
      BucketEncryption: {
        ServerSideEncryptionConfiguration: [
          {
            BucketKeyEnabled: true,
            ServerSideEncryptionByDefault: { SSEAlgorithm: 'aws:kms', KMSMasterKeyID: arn },
          },
        ],
      },
    });
    keyed.hasResourceProperties('AWS::DynamoDB::Table', {
      SSESpecification: { SSEEnabled: true, KMSMasterKeyId: arn },
    });
    for (const name of Object.keys(functionsOf(keyed))) {
      keyed.hasResourceProperties('AWS::IAM::Policy', {
        Roles: [{ Ref: Match.stringLikeRegexp(`^Log${name}Role`) }],
        PolicyDocument: {
          Statement: Match.arrayWith([
            Match.objectLike({ Action: Match.arrayWith(['kms:Decrypt', 'kms:Encrypt']), Resource: arn }),
          ]),
        },
      });
    }
  });

  it('lets nobody call who does not sign, unless it is told to', () => {
    const types = (of: Template) => new Set(methodsOf(of).map(({ AuthorizationType }) => AuthorizationType));

    expect(types(template)).toEqual(new Set(['AWS_IAM']));
    expect(types(synthesized({ auth: 'none' }))).toEqual(new Set(['NONE']));
  });

  it('makes a key that every method asks for', () => {
    const keyed = synthesized({ auth: 'apiKey' });

    expect(new Set(methodsOf(keyed).map(({ ApiKeyRequired }) => ApiKeyRequired))).toEqual(new Set([true]));
    keyed.resourceCountIs('AWS::ApiGateway::ApiKey', 1);
    keyed.hasResourceProperties('AWS::ApiGateway::UsagePlan', { ApiStages: [Match.anyValue()] });
    keyed.resourceCountIs('AWS::ApiGateway::UsagePlanKey', 1);
  });

  it('asks an authorizer of the caller’s own', () => {
    const guarded = synthesized((stack) => ({
      auth: new apigateway.RequestAuthorizer(stack, 'Guard', {
        handler: new lambda.Function(stack, 'Guards', {
          runtime: lambda.Runtime.NODEJS_24_X,
          handler: 'index.handler',
          code: lambda.Code.fromInline('exports.handler = async () => ({})'),
        }),
        identitySources: [apigateway.IdentitySource.header('authorization')],
      }),
    }));

    expect(new Set(methodsOf(guarded).map(({ AuthorizationType }) => AuthorizationType))).toEqual(new Set(['CUSTOM']));
  });

  it('logs who asked for what, and no query, header or body, which may hold keys', () => {
    const [stage] = Object.values(template.findResources('AWS::ApiGateway::Stage'));
    const { Format, DestinationArn } = stage!.Properties.AccessLogSetting;
    const [logGroup] = DestinationArn['Fn::GetAtt'];

    expect(Object.values(JSON.parse(Format)).sort()).toEqual([
      '$context.error.message',
      '$context.httpMethod',
      '$context.identity.apiKeyId',
      '$context.identity.sourceIp',
      '$context.identity.userArn',
      '$context.integrationLatency',
      '$context.path',
      '$context.protocol',
      '$context.requestId',
      '$context.requestTime',
      '$context.responseLatency',
      '$context.responseLength',
      '$context.status',
    ]);
    expect(template.findResources('AWS::Logs::LogGroup')[logGroup]!.Properties.RetentionInDays).toBe(30);
    expect(stage!.Properties.MethodSettings ?? []).toEqual([]);
  });

  it('has the account’s role for access logs, and leaves it, unless there is one', () => {
    template.hasResource('AWS::ApiGateway::Account', { DeletionPolicy: 'Retain' });
    synthesized({ removalPolicy: RemovalPolicy.DESTROY }).hasResource('AWS::ApiGateway::Account', {
      DeletionPolicy: 'Retain',
    });
    synthesized({ cloudWatchRole: false }).resourceCountIs('AWS::ApiGateway::Account', 0);
  });

  it('lets every log group expire', () => {
    const groups = Object.values(template.findResources('AWS::Logs::LogGroup'));

    expect(groups.length).toBe(Object.keys(functionsOf(template)).length + 1);
    expect(new Set(groups.map(({ Properties }) => Properties.RetentionInDays))).toEqual(new Set([30]));
  });

  it('goes with the stack when it is told to', () => {
    const policies = (of: Template) =>
      ['AWS::S3::Bucket', 'AWS::DynamoDB::Table', 'AWS::Logs::LogGroup'].flatMap((type) =>
        Object.values(of.findResources(type)).map((one) => one.DeletionPolicy),
      );

    expect(new Set(policies(template))).toEqual(new Set(['Retain']));
    expect(new Set(policies(synthesized({ removalPolicy: RemovalPolicy.DESTROY })))).toEqual(new Set(['Delete']));
  });

  it('does its upkeep every hour, or as often as it is told to', () => {
    const scheduled = (of: Template, rate: string) =>
      of.hasResourceProperties('AWS::Events::Rule', {
        ScheduleExpression: rate,
        State: 'ENABLED',
        Targets: [Match.objectLike({ Arn: { 'Fn::GetAtt': [Match.stringLikeRegexp('^LogUpkeep'), 'Arn'] } })],
      });

    scheduled(template, 'rate(1 hour)');
    scheduled(synthesized({ upkeepInterval: Duration.minutes(15) }), 'rate(15 minutes)');
    template.hasResourceProperties('AWS::Lambda::Function', { Description: 'Varve: upkeep', Timeout: 900 });
  });

  it.each([
    [{ memorySize: 128 }, /memorySize: 128: give whole MiB, 256 to 10240/],
    [{ memorySize: 1024.5 }, /give whole MiB/],
    [{ upkeepInterval: Duration.seconds(90) }, /upkeepInterval: .*: give whole minutes, from 5 minutes to a day/],
    [{ upkeepInterval: Duration.minutes(4) }, /from 5 minutes to a day/],
    [{ upkeepInterval: Duration.days(2) }, /from 5 minutes to a day/],
    // What JavaScript or a context value may bring.
    [{ auth: 'IAM' as 'iam' }, /auth: "IAM": give 'iam', 'none', 'apiKey' or an authorizer/],
  ])('refuses %j', (props, message) => {
    expect(() => synthesized(props)).toThrow(message);
  });

  it('has metrics of its API', () => {
    const stack = new Stack(freshApp());
    const at = { bucketName: 'theirs', tableName: 'theirs', apiId: 'abc123' };
    const named = EventLog.fromEventLogAttributes(stack, 'Named', { ...at, apiName: 'Varve-Log' });
    const metric = named.metricLatency({ statistic: 'p50' }).toMetricConfig().metricStat;

    expect(metric).toMatchObject({
      namespace: 'AWS/ApiGateway',
      metricName: 'Latency',
      statistic: 'p50',
      dimensions: [
        { name: 'ApiName', value: 'Varve-Log' },
        { name: 'Stage', value: 'prod' },
      ],
    });
    expect(() => EventLog.fromEventLogAttributes(stack, 'Nameless', at).metricRequests()).toThrow(/give apiName/);
  });

  it('is called where it was deployed when another stack uses it', () => {
    const stack = new Stack(freshApp(), 'Here', { env: { region: 'eu-central-1', account: '111122223333' } });
    const at = { bucketName: 'theirs', tableName: 'theirs', apiId: 'abc123' };

    const { api } = EventLog.fromEventLogAttributes(stack, 'Theirs', at);

    expect(stack.resolve(api.url)).toMatchObject({
      'Fn::Join': ['', ['https://abc123.execute-api.eu-central-1.', { Ref: 'AWS::URLSuffix' }, '/prod/']],
    });
  });
});

/** The log's own functions, by the beginning of their logical ids. */
function functionsOf(template: Template): Record<string, unknown> {
  const found = Object.entries(template.findResources('AWS::Lambda::Function'));
  return Object.fromEntries(found.map(([id, { Properties }]) => [id.replace(/^Log(.*).{8}$/, '$1'), Properties]));
}
