import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import type { Logger } from 'pino';
import type { Clock } from '../../clock.ts';
import type { Random } from '../../ids.ts';
import { type BrokerConfig, brokerValue } from '../../log/broker-config.ts';
import type { EventLog } from '../../log/event-log.ts';
import type { Endpoint, Gateway } from './api.ts';
import { APIS } from './apis/apis.ts';
import { createBudget } from './budget.ts';
import { type Connection, serveConnection } from './connection.ts';
import { createCoordinator } from './coordinator/coordinator.ts';

export interface KafkaGatewayOptions {
  log: EventLog;
  clock: Clock;
  random: Random;
  logger: Logger;
  config: BrokerConfig;
  host: string;
  /** 0: any free one. */
  port: number;
  /** How clients are told to come; the address that they came to, and the port that is listened on, when absent. */
  advertised?: Endpoint;
}

export interface KafkaGateway {
  /** The port that it really listens on. */
  readonly port: number;
  /** Takes no more connections or requests; resolves when what is in flight is answered, or cut off after `patience` milliseconds. */
  close(patience: number): Promise<void>;
}

/** Each bounds what one client, or all of them together, may hold: bytes, milliseconds, or how many. */
const LIMITS = {
  connections: 10_000,
  answerBytes: 128 * 1024 * 1024,
  requestBytes: 128 * 1024 * 1024,
  stalled: 60_000,
  unanswered: 100,
};

/** Serves the Kafka protocol over a log. Rejects with what keeps it from listening. */
export async function startKafkaGateway(options: KafkaGatewayOptions): Promise<KafkaGateway> {
  const { log, clock, random, logger, config, host, advertised } = options;
  const setting = (name: string) => Number(brokerValue(config, name));
  const groups = createCoordinator({
    log,
    clock,
    random,
    settings: {
      initialDelay: setting('group.initial.rebalance.delay.ms'),
      maxSize: setting('group.max.size'),
      minSessionTimeout: setting('group.min.session.timeout.ms'),
      maxSessionTimeout: setting('group.max.session.timeout.ms'),
    },
  });
  const answers = createBudget(LIMITS.answerBytes);
  const gateway: Gateway = { log, clock, random, config, apis: APIS, groups, answers };
  const apis = new Map(APIS.map((api) => [api.key, api]));
  const memory = { held: 0, unanswered: 0, waiting: new Set<() => void>() };
  const limits = {
    maxFrame: setting('socket.request.max.bytes'),
    idle: setting('connections.max.idle.ms'),
    stalled: LIMITS.stalled,
    unanswered: LIMITS.unanswered,
    requestBytes: LIMITS.requestBytes,
  };
  const connections = new Set<Connection>();

  const server = createServer((socket: Socket) => {
    const { port } = server.address() as AddressInfo;
    const endpoint = advertised ?? { host: reachedAt(socket), port };
    const connection = serveConnection(socket, { gateway, apis, endpoint, limits, logger, memory });
    connections.add(connection);
    socket.once('close', () => connections.delete(connection));
  });
  server.maxConnections = Math.min(LIMITS.connections, setting('max.connections'));
  server.listen(options.port, host);
  await once(server, 'listening');
  server.on('error', (error) => logger.error({ err: error }, 'the Kafka listener failed'));
  const { port } = server.address() as AddressInfo;

  return {
    port,
    async close(patience) {
      const closed = once(server, 'close');
      server.close();
      await Promise.all([groups.close(), ...[...connections].map((connection) => connection.close(patience))]);
      await closed;
    },
  };
}

/** The address that the client dialled, as it dialled it: IPv4 without IPv6's clothes. */
function reachedAt({ localAddress = '' }: Socket): string {
  return localAddress.replace(/^::ffff:/, '');
}
