import { type Clock, systemClock } from '../clock.ts';
import { type Random, systemRandom } from '../ids.ts';
import { parseBrokerConfig } from '../log/broker-config.ts';
import type { EventLog } from '../log/event-log.ts';
import { createLog } from '../log/log.ts';
import type { Meter } from '../log/meter.ts';
import { awsPrices } from '../log/placement.ts';
import type { UpkeepRules } from '../log/upkeep/upkeep.ts';
import type { WriterLimits } from '../log/writer.ts';
import { type DynamodbOptions, openDynamodb } from '../stores/catalog/dynamodb/dynamodb.ts';
import { openS3, type S3Options } from '../stores/objects/s3.ts';

export interface AwsOptions {
  /** The bucket of the segments. */
  bucket: string;
  /** The table of all else. */
  table: string;
  /** For both clients. Region, credentials and endpoint default to what the SDK finds, `AWS_ENDPOINT_URL` included. */
  client?: Pick<S3Options['client'] & DynamodbOptions['client'], 'region' | 'credentials' | 'endpoint'>;
  /** How appends are protected from requests that arrive late; default `cancel`, for functions. */
  mark?: DynamodbOptions['mark'];
  /** Kafka's broker configuration as `key=value`. */
  config?: readonly string[];
  meter?: Meter;
  writer?: Partial<WriterLimits>;
  cacheBytes?: number;
  upkeep?: Partial<UpkeepRules>;
  clock?: Clock;
  random?: Random;
}

/** A sweep lists the bucket and reads every page: beyond this its requests cost more than the storage that it frees. */
const SWEEP_EVERY_MS = 6 * 3_600_000;

/** The log in a bucket and a table that exist: the stack makes them. DATA_FORMAT_TOO_NEW, KAFKA_STORAGE_ERROR. */
export async function openAws(options: AwsOptions): Promise<EventLog> {
  const { bucket, table, client = {}, mark, meter, writer, cacheBytes, upkeep } = options;
  const { clock = systemClock, random = systemRandom } = options;
  const brokerConfig = parseBrokerConfig(options.config ?? []);
  const catalog = await openDynamodb({ client, table, clock, random, ...(mark && { mark }) });
  return createLog({
    catalog,
    objects: openS3({ client, bucket, clock }),
    clock,
    random,
    brokerConfig,
    prices: awsPrices,
    ...(meter && { meter }),
    ...(writer && { writer }),
    ...(cacheBytes !== undefined && { cacheBytes }),
    upkeep: { sweepEvery: SWEEP_EVERY_MS, ...upkeep },
  });
}
