export type { KafkaEvent, KafkaEventRecord } from '../log/delivery/event.ts';
export type { DeadLetter } from '../log/delivery/ports.ts';
export type { LambdaContext } from '../runtime/handler.ts';
export { type LocalstackLog, type LocalstackOptions, localstackLog } from './localstack.ts';
export { type RunningVarve, startVarve, type VarveOptions } from './server.ts';
export type { TestInvocation, TestSubscribeOptions, TestSubscription } from './subscription.ts';
