import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, type AppProps, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import { afterAll } from 'vitest';
import { buildFunctions } from '../../cdk/build-functions.ts';
import { BUNDLES } from '../../cdk/bundles.ts';
import { EventLog, type EventLogProps } from '../../cdk/event-log.ts';
import type { IEventLog } from '../../cdk/event-log-base.ts';
import { EventLogSource, type EventLogSourceProps } from '../../cdk/event-log-source.ts';
import { FUNCTIONS } from '../../cdk/routes.ts';

/** No test looks into the bundles that stacks are synthesized with, so any will do: tests that run side by side do not all build. */
export function needBundles(): void {
  if (!FUNCTIONS.every((name) => existsSync(join(BUNDLES, name)))) buildFunctions();
}

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

/**
 * An app that leaves nothing behind. The bundles are not copied: only what is said of them is looked at. Nor does the CDK validate
 * the templates, which takes four fifths of a synthesis and only warns: validation.test.ts does.
 */
export function freshApp({ context, ...props }: AppProps = {}): App {
  const outdir = mkdtempSync(join(tmpdir(), 'varve-cdk-'));
  folders.push(outdir);
  return new App({
    outdir,
    builtinCloudFormationValidation: false,
    context: { 'aws:cdk:disable-asset-staging': true, ...context },
    ...props,
  });
}

/** A function that subscribes to `orders` of the log, with these props beside what it must have. */
export function subscribed(log: IEventLog, stack: Stack, props: Partial<EventLogSourceProps> = {}): lambda.Function {
  const fn = new lambda.Function(stack, 'Bill', {
    runtime: lambda.Runtime.NODEJS_24_X,
    handler: 'index.handler',
    code: lambda.Code.fromInline('exports.handler = async () => {}'),
  });
  const { TRIM_HORIZON: startingPosition } = lambda.StartingPosition;
  fn.addEventSource(new EventLogSource(log, { topics: ['orders'], group: 'billing', startingPosition, ...props }));
  return fn;
}

/** A stack of one log, and what the test does to it before it is synthesized. */
export function synthesized(
  props: EventLogProps | ((stack: Stack) => EventLogProps) = {},
  also: (log: EventLog, stack: Stack) => void = () => {},
): Template {
  needBundles();
  const stack = new Stack(freshApp(), 'Varve');
  also(new EventLog(stack, 'Log', typeof props === 'function' ? props(stack) : props), stack);
  return Template.fromStack(stack);
}
