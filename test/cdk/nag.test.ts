import { RemovalPolicy, Stack, Validations } from 'aws-cdk-lib';
import * as kms from 'aws-cdk-lib/aws-kms';
import { AwsSolutionsChecks } from 'cdk-nag';
import { beforeAll, describe, expect, it } from 'vitest';
import { EventLog, type EventLogProps } from '../../cdk/event-log.ts';
import { freshApp, needBundles } from './synthesized.ts';

beforeAll(needBundles);

/** The rules of cdk-nag's AWS Solutions pack that a stack of one log breaks and does not explain. */
function findings(props: (stack: Stack) => EventLogProps): string[] {
  const app = freshApp();
  const stack = new Stack(app, 'Varve');
  new EventLog(stack, 'Log', props(stack));
  return new AwsSolutionsChecks(app).validateScope(app).violations.map(({ ruleName }) => ruleName);
}

describe("cdk-nag's AWS Solutions pack", () => {
  it.each<[string, (stack: Stack) => EventLogProps]>([
    ['as it is by default', () => ({})],
    ['with an HTTP API', () => ({ api: 'http' })],
    ['that goes with its stack', () => ({ removalPolicy: RemovalPolicy.DESTROY })],
    [
      'with a key of the customer',
      (stack) => ({ encryptionKey: new kms.Key(stack, 'Key', { enableKeyRotation: true }) }),
    ],
  ])('finds nothing unexplained in a log %s', (_, props) => {
    expect(findings(props)).toEqual([]);
  });

  it.each(['none', 'apiKey'] as const)('still says that callers are not authorized when auth is "%s"', (auth) => {
    expect(findings(() => ({ auth }))).toEqual(['AwsSolutions-APIG4']);
  });

  it('is asked in earnest: what a log explains holds for itself alone', () => {
    // Given a log in a stack with a bucket of somebody else
    const app = freshApp();
    const stack = new Stack(app, 'Varve');
    new EventLog(stack, 'Log');
    new kms.Key(stack, 'Other');

    // When the pack is run as users run it
    const pack = new AwsSolutionsChecks(app);
    Validations.of(app).addPlugins(pack);

    // Then that one's findings are there
    expect(pack.validateScope(app).violations.map(({ ruleName }) => ruleName)).toEqual(['AwsSolutions-KMS5']);
  });
});
