import { App, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { beforeAll, describe, expect, it } from 'vitest';
import { buildFunctions } from '../../cdk/build-functions.ts';
import { EventLog, type EventLogProps } from '../../cdk/event-log.ts';

beforeAll(buildFunctions);

function synthesized(props: EventLogProps = {}): Template {
  const stack = new Stack(new App(), 'Varve');
  new EventLog(stack, 'Log', props);
  return Template.fromStack(stack);
}

interface Statement {
  Effect: string;
  Action: string | string[];
  Resource: unknown;
  Condition?: Record<string, Record<string, string[]>>;
}

/** What a function may do: actions, each with the partition keys or the end of the resource that it is limited to. */
function rights(template: Template, name: string): Record<string, string[]> {
  const policies = Object.entries(template.findResources('AWS::IAM::Policy'));
  const [, policy] = policies.find(([id]) => id.startsWith(`Log${name}ServiceRole`))!;
  const found: Record<string, string[]> = {};
  for (const { Effect, Action, Resource, Condition } of policy.Properties.PolicyDocument.Statement as Statement[]) {
    expect(Effect).toBe('Allow');
    const keys = Condition?.['ForAllValues:StringLike']?.['dynamodb:LeadingKeys'];
    const ends = [...JSON.stringify(Resource).matchAll(/"(\/[^"]*)"/g)].map(([, end]) => end!);
    for (const action of [Action].flat()) found[action] = keys ?? (ends.length > 0 ? ends : ['all of it']);
  }
  return found;
}

describe('the EventLog construct', () => {
  const template = { value: undefined as Template | undefined };
  beforeAll(() => {
    template.value = synthesized();
  });

  it.each([
    [
      'Produce',
      {
        'dynamodb:GetItem': ['meta', 'topics', 'partition#*'],
        'dynamodb:UpdateItem': ['meta', 'partition#*'],
        'dynamodb:PutItem': ['meta', 'partition#*', 'chunk#*'],
        's3:PutObject': ['/segments/*'],
      },
    ],
    [
      'Fetch',
      {
        'dynamodb:GetItem': ['all of it'],
        'dynamodb:BatchGetItem': ['all of it'],
        'dynamodb:Query': ['all of it'],
        'dynamodb:PutItem': ['meta'],
        's3:GetObject': ['/segments/*', '/compacted/*'],
        's3:ListBucket': ['all of it'],
      },
    ],
    [
      'Admin',
      Object.fromEntries(
        ['GetItem', 'BatchGetItem', 'Query', 'PutItem', 'UpdateItem', 'DeleteItem'].map((action) => [
          `dynamodb:${action}`,
          ['meta', 'topics', 'deletions', 'partition#*', 'groups', 'group#*', 'lease#*'],
        ]),
      ),
    ],
  ])('gives %s the rights that it needs, and no more', (name, expected) => {
    expect(rights(template.value!, name)).toEqual(expected);
  });

  it('keeps the data: private, encrypted, over TLS only, with backups, and when the stack goes', () => {
    template.value!.hasResource('AWS::S3::Bucket', {
      DeletionPolicy: 'Retain',
      Properties: {
        BucketEncryption: Match.anyValue(),
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
    template.value!.hasResourceProperties('AWS::S3::BucketPolicy', {
      PolicyDocument: {
        Statement: [Match.objectLike({ Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } })],
      },
    });
    template.value!.hasResource('AWS::DynamoDB::Table', {
      DeletionPolicy: 'Retain',
      Properties: {
        BillingMode: 'PAY_PER_REQUEST',
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
        StreamSpecification: { StreamViewType: 'NEW_IMAGE' },
        TimeToLiveSpecification: { AttributeName: 'x', Enabled: true },
      },
    });
  });

  it('lets nobody call who does not sign, unless it is told to', () => {
    const types = (of: Template) =>
      new Set(
        Object.values(of.findResources('AWS::ApiGateway::Method')).map((one) => one.Properties.AuthorizationType),
      );

    expect(types(template.value!)).toEqual(new Set(['AWS_IAM']));
    expect(types(synthesized({ auth: 'none' }))).toEqual(new Set(['NONE']));
  });

  it('goes with the stack when it is told to', () => {
    const policies = (of: Template) =>
      ['AWS::S3::Bucket', 'AWS::DynamoDB::Table', 'AWS::Logs::LogGroup'].flatMap((type) =>
        Object.values(of.findResources(type)).map((one) => one.DeletionPolicy),
      );

    expect(new Set(policies(template.value!))).toEqual(new Set(['Retain']));
    expect(new Set(policies(synthesized({ removalPolicy: RemovalPolicy.DESTROY })))).toEqual(new Set(['Delete']));
  });
});
