import { Duration, Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import { S3OnFailureDestination, SnsDlq, SqsDlq } from 'aws-cdk-lib/aws-lambda-event-sources';
import * as s3 from 'aws-cdk-lib/aws-s3';
import * as sns from 'aws-cdk-lib/aws-sns';
import * as sqs from 'aws-cdk-lib/aws-sqs';
import { AwsSolutionsChecks } from 'cdk-nag';
import { beforeAll, describe, expect, it } from 'vitest';
import { EventLog } from '../../cdk/event-log.ts';
import { EventLogSource, type EventLogSourceProps } from '../../cdk/event-log-source.ts';
import { resolved, rightsOf } from './policies.ts';
import { freshApp, needBundles, subscribed, synthesized } from './synthesized.ts';

beforeAll(needBundles);

const { TRIM_HORIZON, LATEST, AT_TIMESTAMP } = lambda.StartingPosition;

/** (Under exactOptionalPropertyTypes a Bucket is no IBucket.) */
const bucketOf = (stack: Stack) => new s3.Bucket(stack, 'Dead') as s3.IBucket & s3.Bucket;

/** What the custom resources of a template declare. */
function subscriptionsIn(template: Template): Record<string, unknown>[] {
  return Object.values(template.findResources('Custom::VarveSubscription')).map(({ Properties }) =>
    JSON.parse(resolved(Properties.Subscription)),
  );
}

describe('a function that subscribes', { timeout: 120_000 }, () => {
  it('is declared with what was given, and with no more', () => {
    const template = synthesized({}, (log, stack) => {
      subscribed(log, stack, {
        startingPosition: AT_TIMESTAMP,
        startingPositionTimestamp: 1_700_000_000,
        batchSize: 500,
        maxBatchingWindow: Duration.seconds(1),
        maxRecordAge: Duration.hours(1),
        retryAttempts: -1,
        bisectBatchOnError: true,
        reportBatchItemFailures: true,
        enabled: false,
        parallelizationFactor: 4,
        filters: [lambda.FilterCriteria.filter({ value: { state: lambda.FilterRule.isEqual('new') } })],
        onFailure: new SqsDlq(new sqs.Queue(stack, 'Dead')),
      });
    });

    const [{ name, target, onFailure, ...subscription } = {}, ...others] = subscriptionsIn(template);
    expect(others).toEqual([]);
    expect(name).toMatch(/^[0-9a-f]{12}-billing$/);
    expect(target).toMatch(/^Bill[0-9A-F]+\.Arn$/);
    expect(onFailure).toMatch(/^Dead[0-9A-F]+\.Arn$/);
    expect(subscription).toEqual({
      topic: 'orders',
      group: 'billing',
      startingPosition: { timestamp: 1_700_000_000_000 },
      enabled: false,
      targetTimeout: 3_000,
      batchSize: 500,
      maxBatchingWindow: 1_000,
      maxRecordAge: 3_600_000,
      retryAttempts: -1,
      bisectBatchOnError: true,
      reportBatchItemFailures: true,
      parallelizationFactor: 4,
      filters: ['{"value":{"state":["new"]}}'],
    });
  });

  it.each([
    [TRIM_HORIZON, 'earliest'],
    [LATEST, 'latest'],
  ])('from %s on begins at the %s', (startingPosition, from) => {
    const template = synthesized({}, (log, stack) => void subscribed(log, stack, { startingPosition }));

    expect(subscriptionsIn(template)).toMatchObject([{ startingPosition: from }]);
  });

  it('to a topic of the stack does so once that is there', () => {
    const template = synthesized({}, (log, stack) => void subscribed(log, stack, { topics: [log.addTopic('orders')] }));

    const [topic] = Object.keys(template.findResources('Custom::VarveTopic'));
    expect(subscriptionsIn(template)).toMatchObject([{ topic: `${topic}.TopicName` }]);
  });

  it('brings one queue, one stream and three functions with it, however many do; a log without any has none of it', () => {
    const kinds = ['AWS::SQS::Queue', 'AWS::Lambda::EventSourceMapping', 'AWS::Lambda::Function'];
    const counts = (template: Template) => kinds.map((kind) => Object.keys(template.findResources(kind)).length);
    const none = counts(synthesized());

    const two = synthesized({}, (log, stack) => {
      const fn = subscribed(log, stack);
      fn.addEventSource(new EventLogSource(log, { topics: ['a', 'b'], group: 'other', startingPosition: LATEST }));
    });

    expect(none.slice(0, 2)).toEqual([0, 0]);
    // The fourth function is the one that subscribes.
    expect(counts(two)).toEqual([1, 2, none[2]! + 4]);
    expect(subscriptionsIn(two)).toHaveLength(3);
    two.hasResourceProperties('AWS::Lambda::Function', { Description: 'Varve: deliver', RecursiveLoop: 'Allow' });
    two.hasResourceProperties('AWS::Lambda::EventSourceMapping', {
      EventSourceArn: { 'Fn::GetAtt': [Match.anyValue(), 'StreamArn'] },
      FilterCriteria: {
        Filters: [{ Pattern: '{"dynamodb":{"Keys":{"pk":{"S":[{"prefix":"partition#"}]},"sk":{"S":["head"]}}}}' }],
      },
    });
  });

  it('may be invoked by what delivers, which may invoke nothing else, and send to its own queue and to the dead letters', () => {
    const template = synthesized({}, (log, stack) => {
      const dead = new sqs.Queue(stack, 'Dead');
      new sqs.Queue(stack, 'Other');
      subscribed(log, stack, { onFailure: new SqsDlq(dead) });
    });

    const permissions = Object.values(template.findResources('AWS::Lambda::Permission')).filter(({ Properties }) =>
      resolved(Properties.FunctionName).startsWith('Bill'),
    );
    expect(permissions.map(({ Properties }) => [Properties.Action, resolved(Properties.Principal)])).toEqual([
      ['lambda:InvokeFunction', expect.stringMatching(/^LogDeliverRole[0-9A-F]+\.Arn$/)],
    ]);
    const ids = Object.keys(template.findResources('AWS::SQS::Queue'));
    const mayDo = (role: string, action: string) => {
      const allows = rightsOf(template, role);
      return ids.filter((id) => allows({ action, resource: `${id}.Arn` })).map((id) => id.replace(/[0-9A-F]{8}$/, ''));
    };
    expect(mayDo('LogDeliverRole', 'sqs:SendMessage')).toEqual(['LogDeliveries', 'Dead']);
    expect(mayDo('LogDeliverRole', 'sqs:ReceiveMessage')).toEqual(['LogDeliveries']);
    for (const role of ['LogNotifyRole', 'LogSubscriptionsRole']) {
      expect(mayDo(role, 'sqs:SendMessage')).toEqual(['LogDeliveries']);
      expect(mayDo(role, 'sqs:ReceiveMessage')).toEqual([]);
    }
    const stream = `${Object.keys(template.findResources('AWS::DynamoDB::Table'))[0]}.StreamArn`;
    for (const action of ['dynamodb:GetRecords', 'dynamodb:GetShardIterator', 'dynamodb:DescribeStream']) {
      const roles = ['Notify', 'Deliver', 'Subscriptions', 'Produce', 'Fetch'].filter((name) =>
        rightsOf(template, `Log${name}Role`)({ action, resource: stream }),
      );
      expect([action, roles]).toEqual([action, ['Notify']]);
    }
  });

  it.each<[string, (stack: Stack) => lambda.IEventSourceDlq, string, string[]]>([
    ['a topic of SNS', (stack) => new SnsDlq(new sns.Topic(stack, 'Dead')), '', ['sns:Publish']],
    ['a bucket', (stack) => new S3OnFailureDestination(bucketOf(stack)), '.Arn', ['s3:PutObject']],
  ])('may tell %s of what was given up, and do nothing else to it', (_, onFailure, attribute, may) => {
    const template = synthesized({}, (log, stack) => void subscribed(log, stack, { onFailure: onFailure(stack) }));

    const [destination] = [
      ...Object.keys(template.findResources('AWS::SNS::Topic')),
      ...Object.keys(template.findResources('AWS::S3::Bucket')),
    ].filter((id) => id.startsWith('Dead'));
    expect(subscriptionsIn(template)).toMatchObject([{ onFailure: `${destination}${attribute}` }]);
    const allows = rightsOf(template, 'LogDeliverRole');
    const actions = ['sns:Publish', 'sns:Subscribe', 's3:PutObject', 's3:GetObject', 's3:DeleteObject'];
    const below = (path: string) => `${destination}${attribute}${path}`;
    const path = attribute === '' ? '' : '/aws/lambda/bills/orders-3/2026/11/23/x';
    expect(actions.filter((action) => allows({ action, resource: below(path) }))).toEqual(may);
    expect(actions.filter((action) => allows({ action, resource: below('/other') }))).toEqual([]);
  });

  it.each<[string, (stack: Stack) => lambda.IEventSourceDlq, string]>([
    ['queue', (stack) => new SqsDlq(new sqs.Queue(stack, 'Dead')), 'AWS::SQS::QueuePolicy'],
    ['topic', (stack) => new SnsDlq(new sns.Topic(stack, 'Dead')), 'AWS::SNS::TopicPolicy'],
    ['bucket', (stack) => new S3OnFailureDestination(bucketOf(stack)), 'AWS::S3::BucketPolicy'],
  ])(
    'may have its %s in the stack that it is in itself: what delivers gets its right there',
    (_, onFailure, policy) => {
      const app = freshApp();
      const log = new EventLog(new Stack(app, 'Logs'), 'Log');
      const stack = new Stack(app, 'Billing');

      subscribed(log, stack, { onFailure: onFailure(stack) });
      app.synth();

      expect(stack.dependencies.map(({ node }) => node.id)).toEqual(['Logs']);
      expect(Stack.of(log).dependencies).toEqual([]);
      const [[, { Properties }]] = Object.entries(Template.fromStack(stack).findResources(policy)) as [
        [string, { Properties: { PolicyDocument: { Statement: object[] } } }],
      ];
      expect(Properties.PolicyDocument.Statement).toEqual([
        expect.objectContaining({
          Effect: 'Allow',
          Principal: { AWS: { 'Fn::ImportValue': expect.stringMatching(/DeliverRole/) } },
        }),
      ]);
    },
  );

  it('may have a queue that is not of the app', () => {
    const template = synthesized({}, (log, stack) => {
      const dead = sqs.Queue.fromQueueArn(stack, 'Dead', 'arn:aws:sqs:eu-central-1:111122223333:dead');
      subscribed(log, stack, { onFailure: new SqsDlq(dead) });
    });

    const allows = rightsOf(template, 'LogDeliverRole');
    expect(allows({ action: 'sqs:SendMessage', resource: 'arn:aws:sqs:eu-central-1:111122223333:dead' })).toBe(true);
  });

  it('may be in another stack than the log: that one knows nothing of it', () => {
    const app = freshApp();
    const log = new EventLog(new Stack(app, 'Logs'), 'Log');
    const stack = new Stack(app, 'Billing');

    subscribed(log, stack);
    app.synth();

    expect(stack.dependencies.map(({ node }) => node.id)).toEqual(['Logs']);
    expect(Stack.of(log).dependencies).toEqual([]);
    Template.fromStack(stack).resourceCountIs('Custom::VarveSubscription', 1);
    Template.fromStack(Stack.of(log)).resourceCountIs('AWS::SQS::Queue', 1);
  });

  it('leaves cdk-nag nothing to find that is not explained, but of the functions and queues of others', () => {
    const app = freshApp();
    const stack = new Stack(app, 'Varve');
    const log = new EventLog(stack, 'Log');
    void log.delivery;

    const { violations } = new AwsSolutionsChecks(app).validateScope(app);

    expect(violations.map(({ ruleName }) => ruleName)).toEqual([]);
  });

  it.each<[string, Partial<EventLogSourceProps>, RegExp]>([
    ['no topic', { topics: [] }, /topics: name at least one/],
    ['a name that no topic has', { topics: ['a/b'] }, /a\/b/],
    ['a group that no name can hold', { group: 'a b' }, /group: "a b".*choose letters/],
    ['a batch of none', { batchSize: 0 }, /batchSize: 0: give 1 to 10000/],
    ['too long a window', { maxBatchingWindow: Duration.minutes(6) }, /maxBatchingWindow: 360000: give 0 to 300000/],
    ['half a retry', { retryAttempts: 0.5 }, /retryAttempts/],
    ['a time without its position', { startingPositionTimestamp: 5 }, /startingPositionTimestamp: goes with/],
    ['a position without its time', { startingPosition: AT_TIMESTAMP }, /startingPositionTimestamp: goes with/],
    [
      'a filter of what no record has',
      { filters: [lambda.FilterCriteria.filter({ body: ['a'] })] },
      /"body": a record has/,
    ],
    ['what is no filter', { filters: [{ key: ['a'] }] }, /FilterCriteria.filter/],
    ['too many at a time', { parallelizationFactor: 11 }, /parallelizationFactor: 11: give 1 to 10/],
    ['a function that runs too long', { functionTimeout: Duration.minutes(15) }, /targetTimeout: 900000/],
  ])('is refused %s, with what to give instead', (_, props, message) => {
    expect(() => synthesized({}, (log, stack) => void subscribed(log, stack, props))).toThrow(message);
  });

  it('may subscribe to a log that is only known by its attributes, and have its failures told in its own stack', () => {
    const stack = new Stack(freshApp(), 'Billing');
    const account = 'arn:aws:iam::111122223333';
    const serviceToken = 'arn:aws:lambda:eu-central-1:111122223333:function:subscriptions';
    const log = EventLog.fromEventLogAttributes(stack, 'Log', {
      bucketName: 'bucket',
      tableName: 'table',
      apiId: 'api',
      delivery: { roleArn: `${account}:role/deliver`, serviceToken },
    });

    subscribed(log, stack, { onFailure: new SqsDlq(new sqs.Queue(stack, 'Dead')) });

    const template = Template.fromStack(stack);
    template.hasResourceProperties('Custom::VarveSubscription', { ServiceToken: serviceToken });
    template.hasResourceProperties('AWS::Lambda::Permission', { Principal: `${account}:role/deliver` });
    template.hasResourceProperties('AWS::SQS::QueuePolicy', {
      PolicyDocument: {
        Statement: [
          Match.objectLike({
            Action: Match.arrayWith(['sqs:SendMessage']),
            Principal: { AWS: `${account}:role/deliver` },
          }),
        ],
      },
    });
    template.resourceCountIs('AWS::Lambda::Function', 1);

    const far = sqs.Queue.fromQueueArn(stack, 'Far', 'arn:aws:sqs:eu-central-1:111122223333:dead');
    const source = { topics: ['orders'], group: 'other', startingPosition: LATEST, onFailure: new SqsDlq(far) };
    const fn = stack.node.findChild('Bill') as lambda.Function;
    expect(() => fn.addEventSource(new EventLogSource(log, source))).toThrow(/neither it nor the log is of this app/);
  });

  it('is refused where nobody can be told, where its time is not known, and where the log is an imported one', () => {
    const stack = new Stack(freshApp(), 'Varve');
    const log = new EventLog(stack, 'Log');
    const must = { topics: ['orders'], group: 'billing', startingPosition: LATEST };
    const onFailure: lambda.IEventSourceDlq = { bind: () => ({ destination: 'kafka://dead' }) };
    expect(() => subscribed(log, stack, { onFailure })).toThrow(
      /give an SqsDlq, an SnsDlq or an S3OnFailureDestination/,
    );

    const arn = 'arn:aws:lambda:eu-central-1:111122223333:function:bill';
    const there = lambda.Function.fromFunctionArn(stack, 'There', arn);
    expect(() => new EventLogSource(log, must).bind(there)).toThrow(/give functionTimeout/);

    const attributes = { bucketName: 'bucket', tableName: 'table', apiId: 'api' };
    const imported = EventLog.fromEventLogAttributes(stack, 'Imported', attributes);
    expect(() => new EventLogSource(imported, { ...must, functionTimeout: Duration.seconds(3) }).bind(there)).toThrow(
      /Pass the EventLog itself, or give delivery/,
    );
  });
});
