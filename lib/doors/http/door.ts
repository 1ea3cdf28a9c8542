import type { Context } from 'hono';
import type { Clock } from '../../clock.ts';
import type { BrokerConfig, Endpoint } from '../../log/broker-config.ts';
import type { EventLog } from '../../log/event-log.ts';
import type { Budget } from './budget.ts';
import type { HttpLimits } from './limits.ts';
import type { Metrics } from './metrics.ts';

/** Where the door says what it does; pino's loggers are such. Never given keys, values or credentials. */
export interface Logger {
  debug(facts: object, message: string): void;
  warn(facts: object, message: string): void;
  error(facts: object, message: string): void;
}

export const silentLogger: Logger = { debug() {}, warn() {}, error() {} };

/** What every room of the door is given. */
export interface Door {
  log: EventLog;
  clock: Clock;
  limits: HttpLimits;
  budget: Budget;
  metrics: Metrics;
  /** Hosts whose URLs may subscribe. */
  targetHosts: readonly string[];
  logger: Logger;
  /** Of the one broker that clients are shown. */
  config: BrokerConfig;
  /** Where this process speaks Kafka's protocol, if it does; the host is the one by which the door is reached when it is empty. */
  kafka: Endpoint | undefined;
  /** Aborts when the process stops: what waits or streams then ends. */
  stopping: AbortSignal;
}

/** What the process that mounts the door says of one request, by Hono's `env`. */
export interface Bindings {
  /** What callers have in their path before the door's own addresses, such as an API's stage; without a `/` at its end. */
  basePath?: string;
  /** When it aborts, what waits or streams ends with what it has. */
  enough?: AbortSignal;
  /** The body of a GET, which a Request has no room for. */
  body?: AsyncIterable<Uint8Array>;
}

export const bindingsOf = (c: Context): Bindings => (c.env as Bindings | undefined) ?? {};
