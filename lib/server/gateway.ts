import { pino } from 'pino';
import { VarveError } from '../errors.ts';
import { parseBrokerConfig } from '../log/broker-config.ts';
import type { EventLog } from '../log/event-log.ts';
import { openAws } from '../open/aws.ts';
import { listenKafka } from './kafka-server.ts';
import { inUrl, type ServerFlags, serverOptions } from './options.ts';
import { closeInTime, PATIENCE, sayWhy, stopSignal } from './stopping.ts';

export interface GatewayFlags extends Omit<ServerFlags, 'httpPort' | 'data' | 'allowHost' | 'corsOrigin'> {
  /** Of the segments. VARVE_BUCKET. */
  bucket?: string;
  /** Of all else. VARVE_TABLE. */
  table?: string;
}

/** Milliseconds that a flush waits for more: many clients share an object. */
const LINGER_MS = 25;

/**
 * Runs the Kafka door over a bucket and a table until SIGTERM or SIGINT, as `serve` does. Region, credentials and endpoint are
 * what the AWS SDK finds. Answers the exit code.
 */
export async function serveGateway(flags: GatewayFlags = {}, env: NodeJS.ProcessEnv = process.env): Promise<number> {
  const stop = stopSignal();
  let log: EventLog | undefined;
  try {
    const options = serverOptions(flags, env);
    const bucket = flags.bucket ?? env.VARVE_BUCKET;
    const table = flags.table ?? env.VARVE_TABLE;
    if (!bucket || !table) {
      throw new VarveError('INVALID_REQUEST', 'Name the log by --bucket and --table: the stack prints both.');
    }
    const logger = pino({ name: 'varve', level: options.logLevel }, pino.destination({ dest: 2, sync: true }));
    const writer = { linger: LINGER_MS };
    log = await openAws({ bucket, table, config: options.config, mark: 'self', writer });
    const kafka = await listenKafka(log, parseBrokerConfig(options.config), options, logger);
    const bootstrap = `${inUrl(options.host)}:${kafka.port}`;
    process.stdout.write(`Varve's Kafka gateway is running.\n\n  Kafka  ${bootstrap}\n  log    ${bucket}, ${table}\n`);
    logger.info({ kafka: bootstrap, bucket, table }, 'running');

    const stoppedBy = await stop.first;
    logger.info({ signal: stoppedBy }, 'stopping');
    await kafka.close(PATIENCE.drain);
    return await closeInTime(log, logger);
  } catch (error) {
    await log?.close();
    return sayWhy(error);
  } finally {
    stop.ignore();
  }
}
