import { CfnParameter, RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import { AwsSolutionsChecks } from 'cdk-nag';
import { describe, expect, it } from 'vitest';
import { EventLog } from '../../cdk/event-log.ts';
import type { TopicProps } from '../../cdk/topic.ts';
import { rightsOf } from './policies.ts';
import { freshApp, synthesized } from './synthesized.ts';

const TYPE = 'Custom::VarveTopic';
const withTopic = (id: string, props?: TopicProps) => synthesized({}, (log) => log.addTopic(id, props));
const resourceOf = (template: Template) => Object.values(template.findResources(TYPE))[0]!;

describe('a topic that a stack declares', () => {
  it('is handed to the function as it is declared, and stays when it is no longer declared', () => {
    const template = withTopic('orders', { partitions: 8, config: { 'retention.ms': '604800000' } });

    expect(resourceOf(template)).toMatchObject({
      DeletionPolicy: 'Retain',
      UpdateReplacePolicy: 'Retain',
      Properties: {
        ServiceToken: { 'Fn::GetAtt': [expect.stringMatching(/^LogTopics/), 'Arn'] },
        ServiceTimeout: '600',
        TopicName: 'orders',
        Partitions: 8,
        Config: '{"retention.ms":"604800000"}',
        RemovalPolicy: 'retain',
      },
    });
  });

  it('goes with its declaration when that is declared, but never for another name', () => {
    expect(resourceOf(withTopic('orders', { removalPolicy: RemovalPolicy.DESTROY }))).toMatchObject({
      DeletionPolicy: 'Delete',
      UpdateReplacePolicy: 'Retain',
      Properties: { RemovalPolicy: 'destroy' },
    });
  });

  it('says that it has no configuration of its own, which is not to say nothing', () => {
    expect(resourceOf(withTopic('orders', { config: {} })).Properties.Config).toBe('{}');
    expect(resourceOf(withTopic('orders')).Properties).not.toHaveProperty('Config');
    expect(resourceOf(withTopic('orders')).Properties).not.toHaveProperty('Partitions');
  });

  it('brings one function along for all topics, made only for them, called after it has its rights', () => {
    const functions = (of: Template) => Object.values(of.findResources('AWS::Lambda::Function')).length;
    const template = synthesized({}, (log) => {
      log.addTopic('orders');
      log.addTopic('payments');
    });

    expect(functions(template)).toBe(functions(synthesized()) + 1);
    template.hasResourceProperties('AWS::Lambda::EventInvokeConfig', { MaximumEventAgeInSeconds: 300 });
    const [token] = Object.keys(template.findResources('AWS::Lambda::Function')).filter((id) => /^LogTopics/.test(id));
    expect(resourceOf(template).DependsOn).toContain(token);
    const [policy] = Object.keys(template.findResources('AWS::IAM::Policy')).filter((id) => /^LogTopicsRole/.test(id));
    expect(template.findResources('AWS::Lambda::Function')[token!]!.DependsOn).toContain(policy);
  });

  it('gives its function the rights that it needs, and no more', () => {
    const allows = rightsOf(withTopic('orders'), 'LogTopicsRole');
    const [id] = Object.keys(withTopic('orders').findResources('AWS::DynamoDB::Table'));
    const keys = [
      'meta',
      'topics',
      'deletions',
      'partition#some-topic#0',
      'groups',
      'group#billing',
      'chunk#some-topic#0#1',
    ];
    const keysOf = (name: string) => {
      const request = { action: `dynamodb:${name}`, resource: `${id}.Arn` };
      return keys.filter((key) => allows({ ...request, leadingKeys: [key] }));
    };

    expect(keysOf('GetItem')).toEqual(['meta', 'topics']);
    expect(keysOf('PutItem')).toEqual(['meta', 'topics', 'deletions', 'partition#some-topic#0']);
    expect(keysOf('DeleteItem')).toEqual(['topics', 'partition#some-topic#0']);
    for (const other of ['Scan', 'Query', 'BatchGetItem', 'UpdateItem', 'DeleteTable'])
      expect(keysOf(other)).toEqual([]);
    expect(allows({ action: 's3:GetObject', resource: 'anything' })).toBe(false);
    expect(allows({ action: 'cloudformation:DescribeStacks', resource: 'AWS::StackId' })).toBe(true);
    expect(allows({ action: 'cloudformation:DescribeStacks', resource: 'another stack' })).toBe(false);
  });

  it('is known to others by name and id, who are then made after it, and gives the right to append to it', () => {
    const template = synthesized({}, (log, stack) => {
      const topic = log.addTopic('orders');
      const app = new lambda.Function(stack, 'App', {
        runtime: lambda.Runtime.NODEJS_24_X,
        handler: 'index.handler',
        code: lambda.Code.fromInline('exports.handler = async () => {}'),
        environment: { TOPIC: topic.topicName, TOPIC_ID: topic.topicId },
      });
      topic.grantProduce(app);
      topic.grantConsume(new iam.User(stack, 'Reader'));
    });
    const [topic] = Object.keys(template.findResources(TYPE));

    template.hasResourceProperties('AWS::Lambda::Function', {
      Environment: {
        Variables: { TOPIC: { 'Fn::GetAtt': [topic, 'TopicName'] }, TOPIC_ID: { 'Fn::GetAtt': [topic, 'TopicId'] } },
      },
    });
    const [api] = Object.keys(template.findResources('AWS::ApiGateway::RestApi'));
    const [stage] = Object.keys(template.findResources('AWS::ApiGateway::Stage'));
    const path = (method: string, rest: string) =>
      `arn:aws:execute-api:eu-central-1:111122223333:${api}/${stage}/${method}${rest}`;
    const may = (who: string, resource: string) => rightsOf(template, who)({ action: 'execute-api:Invoke', resource });
    expect(may('AppServiceRole', path('POST', '/api/topics/orders/records'))).toBe(true);
    expect(may('AppServiceRole', path('POST', '/api/topics/others/records'))).toBe(false);
    expect(may('Reader', path('GET', '/api/topics/orders/partitions/0/records'))).toBe(true);
    expect(may('Reader', path('POST', '/api/topics/orders/records'))).toBe(false);
  });

  it('may belong to the log of another stack, by a function in this one', () => {
    const stack = new Stack(freshApp(), 'Consumer');
    const log = EventLog.fromEventLogAttributes(stack, 'Log', {
      bucketName: 'theirs',
      tableName: 'theirs',
      apiId: 'abc123',
    });

    log.addTopic('orders', { partitions: 2 });

    const template = Template.fromStack(stack);
    template.resourceCountIs(TYPE, 1);
    template.hasResourceProperties('AWS::Lambda::Function', {
      Environment: { Variables: { VARVE_BUCKET: 'theirs', VARVE_TABLE: 'theirs' } },
    });
    expect(
      rightsOf(
        template,
        'LogTopicsRole',
      )({
        action: 'dynamodb:PutItem',
        resource: 'arn:aws:dynamodb:eu-central-1:111122223333:table/theirs',
        leadingKeys: ['topics'],
      }),
    ).toBe(true);
  });

  it.each<[TopicProps & { id?: string }, RegExp]>([
    [{ topicName: 'a b' }, /"a b" cannot name a topic: it may hold only ASCII letters/],
    [{ id: '..' }, /cannot name a topic/],
    [{ partitions: 0 }, /1 to 10000 partitions/],
    [{ partitions: 2.5 }, /1 to 10000 partitions/],
    [{ config: { 'retention.hours': '1' } }, /Unknown topic configuration key "retention.hours"/],
    [{ config: { 'retention.ms': 'a week' } }, /Invalid value "a week" for retention.ms: it must be a whole number/],
    [{ removalPolicy: RemovalPolicy.SNAPSHOT as RemovalPolicy.RETAIN }, /can be RETAINed or DESTROYed/],
  ])('is refused at synthesis as %j', ({ id = 'orders', ...props }, message) => {
    expect(() => withTopic(id, props)).toThrow(message);
  });

  it('leaves what is known only at deployment to the deployment', () => {
    const template = synthesized({}, (log, stack) => {
      const parameter = (name: string, type = 'String') => new CfnParameter(stack, name, { type });
      log.addTopic('orders', {
        topicName: parameter('Name').valueAsString,
        partitions: parameter('Count', 'Number').valueAsNumber,
        config: { 'retention.ms': parameter('Retention').valueAsString },
      });
    });

    expect(resourceOf(template).Properties).toMatchObject({
      TopicName: { Ref: 'Name' },
      Partitions: { Ref: 'Count' },
      Config: { 'Fn::Join': ['', ['{"retention.ms":"', { Ref: 'Retention' }, '"}']] },
    });
    // A key is checked though its value is not known.
    expect(() =>
      synthesized({}, (log, stack) =>
        log.addTopic('orders', { config: { colour: new CfnParameter(stack, 'Colour').valueAsString } }),
      ),
    ).toThrow(/Unknown topic configuration key "colour"/);
  });

  it('is nothing that cdk-nag finds fault with', () => {
    const app = freshApp();
    new EventLog(new Stack(app, 'Varve'), 'Log').addTopic('orders', { partitions: 8 });
    const pack = new AwsSolutionsChecks(app);
    Validations.of(app).addPlugins(pack);

    expect(pack.validateScope(app).violations).toEqual([]);
  });
});
