export { type LocalstackLog, type LocalstackOptions, localstackLog } from './localstack.ts';
export { type RunningVarve, startVarve, type VarveOptions } from './server.ts';
export type { TestInvocation, TestSubscribeOptions, TestSubscription } from './subscription.ts';
