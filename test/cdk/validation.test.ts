import { CfnResource, RemovalPolicy, Stack } from 'aws-cdk-lib';
import * as kms from 'aws-cdk-lib/aws-kms';
import * as sns from 'aws-cdk-lib/aws-sns';
import { beforeAll, describe, expect, it } from 'vitest';
import { EventLog, type EventLogProps } from '../../cdk/event-log.ts';
import { freshApp, needBundles, subscribed } from './synthesized.ts';

beforeAll(needBundles);

const everything = (stack: Stack): EventLogProps => ({
  auth: 'apiKey',
  alarmTopic: new sns.Topic(stack, 'Pager'),
  dashboard: true,
  encryptionKey: new kms.Key(stack, 'Key'),
  removalPolicy: RemovalPolicy.DESTROY,
});

/** Synthesizes a stack of one log with a topic and a subscription, what its validation says of it being an error. */
function validate(props: (stack: Stack) => EventLogProps, also: (stack: Stack) => void = () => {}): void {
  const context = { '@aws-cdk/core:validateAgainstDefaultRules': true };
  const app = freshApp({ builtinCloudFormationValidation: true, context });
  const stack = new Stack(app, 'Varve');
  const log = new EventLog(stack, 'Log', props(stack));
  log.addTopic('orders');
  subscribed(log, stack);
  also(stack);
  app.synth();
}

// Its engine takes seconds to start.
describe("the CDK's validation of templates", { timeout: 120_000 }, () => {
  it.each<[string, (stack: Stack) => EventLogProps]>([
    ['as it is by default', () => ({})],
    ['with an HTTP API', () => ({ api: 'http' })],
    ['with all that may be asked for', everything],
  ])('finds nothing in a log %s, a topic of it and a subscription', (_, props) => {
    expect(() => validate(props)).not.toThrow();
  });

  it('is asked in earnest', () => {
    const broken = (stack: Stack) => {
      new CfnResource(stack, 'Broken', { type: 'AWS::SQS::Queue', properties: { DelaySeconds: 'a while' } });
    };

    expect(() => validate(() => ({}), broken)).toThrow(/validation/i);
  });
});
