import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import pLimit from 'p-limit';
import type { Logger } from 'pino';
import type { Clock } from '../../clock.ts';
import type { Random } from '../../ids.ts';
import { type BrokerConfig, brokerValue, type Endpoint } from '../../log/broker-config.ts';
import type { EventLog } from '../../log/event-log.ts';
import type { Gateway } from './api.ts';
import { APIS } from './apis/apis.ts';
import { createBudget } from './budget.ts';
import { type Connection, type ConnectionLimits, serveConnection } from './connection.ts';
import { createCoordinator } from './coordinator/coordinator.ts';
import { createRequestMemory } from './request-memory.ts';
import { createTopicNames } from './topic-names.ts';

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
  limits?: Partial<GatewayLimits>;
}

export interface KafkaGateway {
  /** The port that it really listens on. */
  readonly port: number;
  /** Takes no more connections or requests; resolves when what is in flight is answered, or cut off after `patience` milliseconds. */
  close(patience: number): Promise<void>;
}

/** Each bounds what one client, or all of them together, may hold. */
export interface GatewayLimits extends Pick<ConnectionLimits, 'stalled' | 'unanswered'> {
  /** Besides `max.connections`. */
  connections: number;
  /** Groups that are coordinated at a time. */
  groups: number;
  /** Bytes of what their members say and are told, and of the ids that were given to some. */
  groupBytes: number;
  /** Bytes of requests in memory. */
  requestBytes: number;
  /** Bytes of answers that clients have not taken: what one may ask for shrinks towards it. */
  answerBytes: number;
  /** Bytes of these beyond which the slowest clients are cut off. */
  mostAnswerBytes: number;
}

const MIB = 1024 * 1024;
const LIMITS: GatewayLimits = {
  connections: 10_000,
  groups: 10_000,
  groupBytes: 64 * MIB,
  requestBytes: 128 * MIB,
  answerBytes: 96 * MIB,
  mostAnswerBytes: 192 * MIB,
  stalled: 60_000,
  unanswered: 100,
};

/** Serves the Kafka protocol over a log. Rejects with what keeps it from listening. */
export async function startKafkaGateway(options: KafkaGatewayOptions): Promise<KafkaGateway> {
  const { log, clock, random, logger, config, host, advertised } = options;
  const bounds = { ...LIMITS, ...options.limits };
  const { nodeId } = config;
  const setting = (name: string) => Number(brokerValue(config, name));
  const groups = createCoordinator({
    log,
    nodeId,
    onDisplaced: () =>
      logger.warn(
        { nodeId },
        "another gateway has this one's node.id, and its groups: give each that runs its own, --config node.id=N",
      ),
    clock,
    random,
    settings: {
      initialDelay: setting('group.initial.rebalance.delay.ms'),
      maxSize: setting('group.max.size'),
      maxGroups: bounds.groups,
      maxBytes: bounds.groupBytes,
      minSessionTimeout: setting('group.min.session.timeout.ms'),
      maxSessionTimeout: setting('group.max.session.timeout.ms'),
    },
  });
  const answers = createBudget(bounds.answerBytes, bounds.mostAnswerBytes);
  const topicNames = createTopicNames(log);
  const gateway: Gateway = { log, clock, random, config, apis: APIS, groups, topicNames, answers };
  const apis = new Map(APIS.map((api) => [api.key, api]));
  const memory = createRequestMemory(bounds.requestBytes);
  const crowds = pLimit(1);
  const limits = {
    maxFrame: setting('socket.request.max.bytes'),
    idle: setting('connections.max.idle.ms'),
    stalled: bounds.stalled,
    unanswered: bounds.unanswered,
  };
  const connections = new Set<Connection>();

  const server = createServer((socket: Socket) => {
    const { port } = server.address() as AddressInfo;
    const endpoint = advertised ?? { host: reachedAt(socket), port };
    const connection = serveConnection(socket, { gateway, apis, endpoint, limits, logger, memory, crowds });
    connections.add(connection);
    socket.once('close', () => connections.delete(connection));
  });
  server.maxConnections = Math.min(bounds.connections, setting('max.connections'));
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
