import type { Clock } from '../../clock.ts';
import type { Random } from '../../ids.ts';
import type { BrokerConfig, Endpoint } from '../../log/broker-config.ts';
import type { EventLog } from '../../log/event-log.ts';
import type { Budget } from './budget.ts';
import type { Coordinator } from './coordinator/coordinator.ts';
import { type Codec, compile } from './protocol/compile.ts';
import type { ReadOf, Schema, WriteOf } from './protocol/schema.ts';
import type { TopicNames } from './topic-names.ts';

/** What all connections of a gateway share. */
export interface Gateway {
  readonly log: EventLog;
  readonly clock: Clock;
  readonly random: Random;
  readonly config: BrokerConfig;
  readonly apis: readonly Api[];
  readonly groups: Coordinator;
  readonly topicNames: TopicNames;
  /** Bytes of answers on their way to clients. */
  readonly answers: Budget;
}

/** One request, and who asks. */
export interface Call {
  readonly gateway: Gateway;
  readonly version: number;
  readonly clientId: string;
  /** As Kafka shows it: the address after a slash. */
  readonly clientHost: string;
  readonly endpoint: Endpoint;
  /** Aborts when the client is gone, or the gateway stops: whoever waits answers what there is. */
  readonly signal: AbortSignal;
}

/** One of Kafka's APIs: its number, the versions that are advertised, its messages in all of these, and what it does. */
export interface Api<Q = unknown, A = unknown> {
  readonly key: number;
  readonly name: string;
  /** The first and the last. */
  readonly versions: readonly [number, number];
  /** The first flexible version (KIP-482). */
  readonly flexible: number;
  readonly request: Schema<Q>;
  readonly response: Schema<unknown, A>;
  /** Requests of one connection to such an API may run side by side; all others wait for what came before. */
  readonly pipelined?: boolean;
  /** What is asked may wait for others, or for time to pass. */
  readonly waits?: boolean;
  /** Undefined: nothing is answered. What it throws closes the connection. */
  handle(request: Q, call: Call): Promise<A | undefined> | A | undefined;
}

/** An API whose handler's types follow from its schemas. */
export function defineApi<Q extends Schema, A extends Schema>(
  api: Omit<Api, 'request' | 'response' | 'handle'> & {
    readonly request: Q;
    readonly response: A;
    handle(request: ReadOf<Q>, call: Call): Promise<WriteOf<A> | undefined> | WriteOf<A> | undefined;
  },
): Api<ReadOf<Q>, WriteOf<A>> & { readonly request: Q; readonly response: A } {
  return api as Api<ReadOf<Q>, WriteOf<A>> & { readonly request: Q; readonly response: A };
}

export interface ApiCodec {
  request: Codec;
  response: Codec;
}

const codecs = new WeakMap<Api, Map<number, ApiCodec>>();

/** The codecs of an API in one of its versions; compiled when they are first asked for. */
export function codecOf(api: Api, version: number): ApiCodec {
  const known = codecs.get(api) ?? new Map<number, ApiCodec>();
  codecs.set(api, known);
  const codec = known.get(version) ?? {
    request: compile(api.request, version, api.flexible),
    response: compile(api.response, version, api.flexible),
  };
  known.set(version, codec);
  return codec;
}
