import { relative } from 'node:path';
import { type Logger, pino } from 'pino';
import { systemClock } from '../clock.ts';
import { httpDoor } from '../doors/http/http-door.ts';
import { prometheusMetrics } from '../doors/http/prometheus.ts';
import { parseBrokerConfig } from '../log/broker-config.ts';
import type { SelfDelivery } from '../log/delivery/driver.ts';
import type { EventLog } from '../log/event-log.ts';
import type { UpkeepReport } from '../log/upkeep/upkeep.ts';
import { openEmbedded } from '../open/embedded.ts';
import { listen } from './http-server.ts';
import { listenKafka } from './kafka-server.ts';
import { inUrl, type ServerFlags, type ServerOptions, serverOptions } from './options.ts';
import { closeInTime, PATIENCE, sayWhy, stopSignal } from './stopping.ts';

/**
 * Runs the log of a data folder behind its HTTP and Kafka doors until SIGTERM or SIGINT: then it takes no more, finishes what is in flight,
 * and closes. A second signal, later, ends the process at once. Prints what runs on stdout, its own log on stderr. Answers the exit code.
 */
export async function serve(flags: ServerFlags = {}, env: NodeJS.ProcessEnv = process.env): Promise<number> {
  const stop = stopSignal();
  let log: EventLog | undefined;
  try {
    const options = serverOptions(flags, env);
    const config = parseBrokerConfig(options.config);
    const logger = pino({ name: 'varve', level: options.logLevel }, pino.destination({ dest: 2, sync: true }));
    const metrics = prometheusMetrics({ process: true });
    const stopping = new AbortController();
    const onUpkeep = (report: UpkeepReport) => logUpkeep(logger, report);
    const delivery = deliveryLog(logger);
    log = await openEmbedded({ data: options.data, config: options.config, meter: metrics.meter, onUpkeep, delivery });
    const { allowedHosts, corsOrigins, targetHosts } = options;
    const kafka = await listenKafka(log, config, options, logger);
    const door = httpDoor({
      log,
      clock: systemClock,
      metrics,
      logger,
      allowedHosts,
      corsOrigins,
      targetHosts,
      config,
      kafka: { host: options.kafkaAdvertised?.host ?? '', port: options.kafkaAdvertised?.port ?? kafka.port },
      stopping: stopping.signal,
    });
    const server = await listen(door, options.host, options.httpPort).catch(async (error) => {
      await kafka.close(0);
      throw error;
    });
    const url = `http://${inUrl(options.host)}:${server.port}`;
    const bootstrap = `${inUrl(options.host)}:${kafka.port}`;
    process.stdout.write(welcome(url, bootstrap, options, await countTopics(log)));
    logger.info({ url, kafka: bootstrap, data: options.data }, 'running');

    const stoppedBy = await stop.first;
    logger.info({ signal: stoppedBy }, 'stopping');
    stopping.abort();
    await Promise.all([server.close(PATIENCE.drain), kafka.close(PATIENCE.drain)]);
    return await closeInTime(log, logger);
  } catch (error) {
    await log?.close();
    return sayWhy(error);
  } finally {
    stop.ignore();
  }
}

function logUpkeep(logger: Logger, { failure, ...report }: UpkeepReport): void {
  if (report.failed > 0) logger.warn({ ...report, err: failure }, 'the upkeep met failures; its next run goes on');
  else if (report.raised + report.deleted > 0) logger.info(report, 'old data was deleted');
  else logger.debug(report, 'nothing to delete');
}

function deliveryLog(logger: Logger): Pick<SelfDelivery, 'onGivenUp' | 'onRun'> {
  return {
    onGivenUp({ name, group }, letter) {
      logger.warn({ subscription: name, group, ...letter }, 'records were given up');
    },
    onRun(of, { failure, given: _, ...report }) {
      if (failure === undefined) logger.debug({ of, ...report }, 'delivery');
      else logger.warn({ of, ...report, err: failure }, 'a delivery met a failure; it goes on later');
    },
  };
}

async function countTopics(log: EventLog): Promise<number> {
  const limit = 1000;
  for (let count = 0, after = ''; ; ) {
    const page = await log.topics.list({ limit, ...(after !== '' && { after }) });
    count += page.length;
    if (page.length < limit) return count;
    after = page.at(-1)!.name;
  }
}

/** Where the other commands look unless they are told. */
const DEFAULT_URL = 'http://127.0.0.1:8080';

function welcome(url: string, bootstrap: string, { data }: ServerOptions, topics: number): string {
  const folder = relative(process.cwd(), data);
  const counted = topics === 1 ? '1 topic' : `${topics.toLocaleString('en-US')} topics`;
  const at = url === DEFAULT_URL ? '' : ` --url ${url}`;
  return `Varve is running.

  HTTP  ${url}
  Kafka ${bootstrap}
  data  ${folder === '' || folder.startsWith('..') ? data : folder} (${counted})

Try, in another terminal:

  npx varve topic create orders --partitions 4${at}
  curl ${url}/api/topics/orders/records --json '[{"key":"alice","value":{"total":12}}]'
  npx varve consume orders${at}

Ctrl+C stops it.
`;
}
