import { hostname, networkInterfaces } from 'node:os';
import { resolve } from 'node:path';
import { VarveError } from '../errors.ts';

/** As they come from the command line; each overrides its variable of the environment. */
export interface ServerFlags {
  /** Address to listen on. VARVE_HOST; default 127.0.0.1. */
  host?: string;
  /** Port of the HTTP door, 0 for a free one. VARVE_HTTP_PORT; default 8080. */
  httpPort?: string | number;
  /** Port of the Kafka door, 0 for a free one. VARVE_KAFKA_PORT; default 9092. */
  kafkaPort?: string | number;
  /** `host:port` that Kafka clients are told to come to. VARVE_KAFKA_ADVERTISED; default the address that they came to. */
  kafkaAdvertised?: string;
  /** The data folder. VARVE_DATA; default `.varve`. */
  data?: string;
  /** Kafka's broker configuration as `key=value`. */
  config?: readonly string[];
  /** Listen where other machines can reach it, without credentials. */
  insecure?: boolean;
  /** Names by which the server is reached besides loopback and its own addresses. */
  allowHost?: readonly string[];
  /** Origins whose web pages may call it. */
  corsOrigin?: readonly string[];
  /** Hosts, beside this machine, whose URLs may subscribe to topics. */
  targetHost?: readonly string[];
}

export interface ServerOptions {
  host: string;
  httpPort: number;
  kafkaPort: number;
  kafkaAdvertised?: { host: string; port: number };
  /** Absolute. */
  data: string;
  config: readonly string[];
  allowedHosts: readonly string[];
  corsOrigins: readonly string[];
  /** As URLs have them. */
  targetHosts: readonly string[];
  /** One of pino's. VARVE_LOG_LEVEL; default `info`. */
  logLevel: string;
}

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'];

/** INVALID_REQUEST for what cannot be, and for an address that others can reach without `--insecure`. */
export function serverOptions(flags: ServerFlags, env: NodeJS.ProcessEnv): ServerOptions {
  const host = flags.host ?? env.VARVE_HOST ?? '127.0.0.1';
  const loopback = isLoopback(host);
  if (!loopback && !flags.insecure) {
    throw new VarveError(
      'INVALID_REQUEST',
      `Listening on ${host} would let everyone who can reach this machine read and write the log: there are no credentials yet. Add --insecure if that is what you want.`,
    );
  }
  const logLevel = env.VARVE_LOG_LEVEL ?? 'info';
  if (!LOG_LEVELS.includes(logLevel)) {
    throw new VarveError('INVALID_REQUEST', `VARVE_LOG_LEVEL must be one of ${LOG_LEVELS.join(', ')}.`);
  }
  const advertised = flags.kafkaAdvertised ?? env.VARVE_KAFKA_ADVERTISED;
  return {
    host,
    httpPort: portOf('HTTP', flags.httpPort ?? env.VARVE_HTTP_PORT ?? 8080),
    kafkaPort: portOf('Kafka', flags.kafkaPort ?? env.VARVE_KAFKA_PORT ?? 9092),
    ...(advertised !== undefined && { kafkaAdvertised: endpointOf(advertised) }),
    data: resolve(flags.data ?? env.VARVE_DATA ?? '.varve'),
    config: flags.config ?? [],
    allowedHosts: [...(loopback ? [] : ownNames(host)), ...(flags.allowHost ?? [])],
    corsOrigins: (flags.corsOrigin ?? []).map(originOf),
    // Where others reach the server they would reach this machine's own services through it.
    targetHosts: [...(loopback ? ['127.0.0.1', 'localhost', '[::1]'] : []), ...(flags.targetHost ?? [])],
    logLevel,
  };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

/** As a Host header has it: IPv6 addresses in brackets. */
export function inUrl(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

function endpointOf(advertised: string): { host: string; port: number } {
  const [, host, port] = /^(?:\[([0-9a-f:.]+)\]|[^:\s]+):(\d{1,5})$/i.exec(advertised) ?? [];
  const name = host ?? advertised.slice(0, advertised.lastIndexOf(':'));
  if (port === undefined || Number(port) < 1 || Number(port) > 65_535) {
    throw new VarveError(
      'INVALID_REQUEST',
      'The advertised address of the Kafka door is host:port, such as log.example:9092.',
    );
  }
  return { host: name, port: Number(port) };
}

function portOf(door: string, port: string | number): number {
  const number = /^\d{1,5}$/.test(String(port)) ? Number(port) : Number.NaN;
  if (number <= 65_535) return number;
  throw new VarveError(
    'INVALID_REQUEST',
    `The ${door} port must be a whole number from 0 to 65535; 0 is any free one.`,
  );
}

function originOf(origin: string): string {
  const url = URL.parse(origin);
  if (url !== null && url.origin === origin) return origin;
  throw new VarveError('INVALID_REQUEST', 'An origin is scheme, host and port only, such as https://app.example.com.');
}

/** What a client on another machine may call this one; a name made up by a web page is not among them. */
function ownNames(host: string): string[] {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list?.map(({ address }) => address) ?? []);
  return [host, hostname(), ...addresses].map(inUrl);
}
