import { App, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { buildFunctions } from '../../cdk/build-functions.ts';
import { EventLog, type EventLogProps } from '../../cdk/event-log.ts';

let built = false;

/** A stack of one log, and what the test does to it before it is synthesized. */
export function synthesized(
  props: EventLogProps | ((stack: Stack) => EventLogProps) = {},
  also: (log: EventLog, stack: Stack) => void = () => {},
): Template {
  if (!built) buildFunctions();
  built = true;
  const stack = new Stack(new App(), 'Varve');
  also(new EventLog(stack, 'Log', typeof props === 'function' ? props(stack) : props), stack);
  return Template.fromStack(stack);
}
