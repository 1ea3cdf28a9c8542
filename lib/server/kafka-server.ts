import type { Logger } from 'pino';
import { systemClock } from '../clock.ts';
import { type KafkaGateway, startKafkaGateway } from '../doors/kafka/gateway.ts';
import { systemRandom } from '../ids.ts';
import type { BrokerConfig } from '../log/broker-config.ts';
import type { EventLog } from '../log/event-log.ts';
import { cannotListen } from './cannot-listen.ts';
import type { ServerOptions } from './options.ts';

/** The Kafka door of a process. Rejects with what keeps it from listening, and what to do about it. */
export async function listenKafka(
  log: EventLog,
  config: BrokerConfig,
  options: Pick<ServerOptions, 'host' | 'kafkaPort' | 'kafkaAdvertised'>,
  logger: Logger,
): Promise<KafkaGateway> {
  const { host, kafkaPort: port, kafkaAdvertised: advertised } = options;
  const door = { log, config, logger, clock: systemClock, random: systemRandom };
  return startKafkaGateway({ ...door, host, port, ...(advertised && { advertised }) }).catch((error) => {
    throw cannotListen(error, host, port, '--kafka-port');
  });
}
