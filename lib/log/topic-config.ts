import { VarveError } from '../errors.ts';
import type { Compression } from '../format/records/batch.ts';
import type { BrokerConfig } from './broker-config.ts';
import { type ConfigKey, type ConfigRule, checkedValue, entryOf, synonymsIn } from './config-key.ts';
import type { ConfigEntry, ConfigSynonym } from './topics.ts';

/** What the Writer needs to know of a topic's configuration. */
export interface TopicSettings {
  /** The largest record batch, bytes as stored. */
  maxMessageBytes: number;
  timestampType: 'CreateTime' | 'LogAppendTime';
  /** Milliseconds that a record's own timestamp may lie in the past, and in the future. Only for CreateTime. */
  timestampBeforeMaxMs: number;
  timestampAfterMaxMs: number;
  /** `producer`: whatever the caller asks for. Anything else holds against what the caller asks for, as in Kafka. */
  compression: Compression | 'producer';
  /** Whether every record needs a key: `cleanup.policy` says compact. */
  keyed: boolean;
}

/** How much of a topic is kept; -1: no limit. */
export interface Retention {
  /** Milliseconds. */
  ms: number;
  /** Of each partition. */
  bytes: number;
}

/** A topic's key and the broker's keys that topics inherit it from, the first that is set. */
export interface TopicConfigKey extends ConfigKey {
  synonyms: readonly string[];
}

const LONG_MAX = String(2n ** 63n - 1n);
const THROTTLED: ConfigRule = {
  form: {
    pattern: /^(\*|\d+:\d+(,\d+:\d+)*)$/,
    sentence: '* or a list of [partition]:[broker], such as 0:1,1:1',
  },
};
const ENFORCED = new Set([
  'cleanup.policy',
  'compression.type',
  'max.message.bytes',
  'message.timestamp.after.max.ms',
  'message.timestamp.before.max.ms',
  'message.timestamp.type',
  'retention.bytes',
  'retention.ms',
]);

const key = (
  name: string,
  type: ConfigKey['type'],
  standard: string,
  rule: ConfigRule,
  synonyms: readonly string[],
  documentation: string,
): TopicConfigKey => ({ name, type, default: standard, rule, enforced: ENFORCED.has(name), documentation, synonyms });

/** Every public topic key of Apache Kafka 4.3.1, by name. */
export const TOPIC_CONFIG_KEYS: readonly TopicConfigKey[] = [
  key(
    'cleanup.policy',
    'list',
    'delete',
    { oneOf: ['compact', 'delete'] },
    ['log.cleanup.policy'],
    'What becomes of old records: delete by age or size, compact to the newest record of each key, both, or (empty) neither. ' +
      'compact demands a key of every record; nothing is compacted yet.',
  ),
  key(
    'compression.gzip.level',
    'int',
    '-1',
    { min: 1, max: 9, or: -1 },
    ['compression.gzip.level'],
    'Level of gzip when compression.type is gzip; -1 is the default of the library.',
  ),
  key(
    'compression.lz4.level',
    'int',
    '9',
    { min: 1, max: 17 },
    ['compression.lz4.level'],
    'Level of lz4 when compression.type is lz4.',
  ),
  key(
    'compression.type',
    'string',
    'producer',
    { oneOf: ['uncompressed', 'zstd', 'lz4', 'snappy', 'gzip', 'producer'] },
    ['compression.type'],
    'Codec of the batches that Varve encodes itself: uncompressed, gzip, zstd, or producer for the one that the caller asks for. ' +
      'Batches that arrive encoded are stored as they are. snappy and lz4 are accepted and not enforced: they act like producer.',
  ),
  key(
    'compression.zstd.level',
    'int',
    '3',
    { min: -131072, max: 22 },
    ['compression.zstd.level'],
    'Level of zstd when compression.type is zstd.',
  ),
  key(
    'delete.retention.ms',
    'long',
    '86400000',
    { min: 0 },
    ['log.cleaner.delete.retention.ms'],
    'How long a compacted topic keeps the records that delete a key.',
  ),
  key(
    'file.delete.delay.ms',
    'long',
    '60000',
    { min: 0 },
    ['log.segment.delete.delay.ms'],
    'How long a file is kept at least, from when it was written, before it may be deleted. Of the whole log: only ' +
      'log.segment.delete.delay.ms acts.',
  ),
  key(
    'flush.messages',
    'long',
    LONG_MAX,
    { min: 1 },
    ['log.flush.interval.messages'],
    'Records between two flushes to disk. Varve makes every batch durable before it answers.',
  ),
  key(
    'flush.ms',
    'long',
    LONG_MAX,
    { min: 0 },
    ['log.flush.interval.ms', 'log.flush.scheduler.interval.ms'],
    'Milliseconds between two flushes to disk. Varve makes every batch durable before it answers.',
  ),
  key(
    'follower.replication.throttled.replicas',
    'list',
    '',
    THROTTLED,
    [],
    'Replicas whose replication is throttled on the follower. Varve has no replicas.',
  ),
  key(
    'index.interval.bytes',
    'int',
    '4096',
    { min: 0 },
    ['log.index.interval.bytes'],
    'Bytes between two entries of an offset index. Varve indexes every batch.',
  ),
  key(
    'leader.replication.throttled.replicas',
    'list',
    '',
    THROTTLED,
    [],
    'Replicas whose replication is throttled on the leader. Varve has no replicas.',
  ),
  key(
    'local.retention.bytes',
    'long',
    '-2',
    { min: -2 },
    ['log.local.retention.bytes'],
    'Bytes kept on local disk before tiered storage; -2 is retention.bytes. Varve has no local tier.',
  ),
  key(
    'local.retention.ms',
    'long',
    '-2',
    { min: -2 },
    ['log.local.retention.ms'],
    'Milliseconds kept on local disk before tiered storage; -2 is retention.ms. Varve has no local tier.',
  ),
  key(
    'max.compaction.lag.ms',
    'long',
    LONG_MAX,
    { min: 1 },
    ['log.cleaner.max.compaction.lag.ms'],
    'The longest that a record of a compacted topic may wait for compaction.',
  ),
  key(
    'max.message.bytes',
    'int',
    '1048588',
    { min: 0 },
    ['message.max.bytes'],
    'The largest record batch that is accepted, in bytes after compression.',
  ),
  key(
    'message.timestamp.after.max.ms',
    'long',
    '3600000',
    { min: 0 },
    ['log.message.timestamp.after.max.ms'],
    'How far in the future the timestamp of a record may lie when message.timestamp.type is CreateTime.',
  ),
  key(
    'message.timestamp.before.max.ms',
    'long',
    LONG_MAX,
    { min: 0 },
    ['log.message.timestamp.before.max.ms'],
    'How far in the past the timestamp of a record may lie when message.timestamp.type is CreateTime.',
  ),
  key(
    'message.timestamp.type',
    'string',
    'CreateTime',
    { oneOf: ['CreateTime', 'LogAppendTime'] },
    ['log.message.timestamp.type'],
    'Whether records carry the time that the producer gave them or the time of the append.',
  ),
  key(
    'min.cleanable.dirty.ratio',
    'double',
    '0.5',
    { min: 0, max: 1 },
    ['log.cleaner.min.cleanable.ratio'],
    'The part of a compacted partition that must be uncompacted before it is compacted again.',
  ),
  key(
    'min.compaction.lag.ms',
    'long',
    '0',
    { min: 0 },
    ['log.cleaner.min.compaction.lag.ms'],
    'The shortest time that a record of a compacted topic stays uncompacted.',
  ),
  key(
    'min.insync.replicas',
    'int',
    '1',
    { min: 1 },
    ['min.insync.replicas'],
    'Replicas that must hold a record before acks=all is answered. The stores below Varve replicate.',
  ),
  key(
    'preallocate',
    'boolean',
    'false',
    {},
    ['log.preallocate'],
    'Whether files are allocated whole before they are written.',
  ),
  key('remote.log.copy.disable', 'boolean', 'false', {}, [], 'Whether nothing more is copied to tiered storage.'),
  key(
    'remote.log.delete.on.disable',
    'boolean',
    'false',
    {},
    [],
    'Whether tiered data is deleted when remote.storage.enable is turned off.',
  ),
  key('remote.storage.enable', 'boolean', 'false', {}, [], 'Whether tiered storage is on. All of Varve is tiered.'),
  key(
    'retention.bytes',
    'long',
    '-1',
    {},
    ['log.retention.bytes'],
    'The size of a partition beyond which its oldest records are deleted, in bytes as stored; -1 is no limit.',
  ),
  key(
    'retention.ms',
    'long',
    '604800000',
    { min: -1 },
    ['log.retention.ms', 'log.retention.minutes', 'log.retention.hours'],
    'The age beyond which records are deleted; -1 is no limit.',
  ),
  key(
    'segment.bytes',
    'int',
    '1073741824',
    { min: 1_048_576 },
    ['log.segment.bytes'],
    "The size of a log file. Varve's segments are sized by its Writer and by compaction.",
  ),
  key(
    'segment.index.bytes',
    'int',
    '10485760',
    { min: 4 },
    ['log.index.size.max.bytes'],
    'The size of an offset index file.',
  ),
  key(
    'segment.jitter.ms',
    'long',
    '0',
    { min: 0 },
    ['log.roll.jitter.ms', 'log.roll.jitter.hours'],
    'The most that is taken at random from segment.ms.',
  ),
  key(
    'segment.ms',
    'long',
    '604800000',
    { min: 1 },
    ['log.roll.ms', 'log.roll.hours'],
    'The age at which a log file is closed even if it is not full.',
  ),
  key(
    'unclean.leader.election.enable',
    'boolean',
    'false',
    {},
    ['unclean.leader.election.enable'],
    'Whether a replica that lags may become leader. Varve elects no leaders.',
  ),
];

const KEYS = new Map(TOPIC_CONFIG_KEYS.map((one) => [one.name, one]));

/** The configuration of a topic: its own keys, by name. */
export type TopicConfig = Readonly<Record<string, string>>;

/**
 * The configuration after the changes; null returns a key to its default. INVALID_CONFIG for an unknown key, a value that is
 * not allowed, or keys that contradict each other; nothing is changed then.
 */
export function changedConfig(
  config: TopicConfig,
  changes: Readonly<Record<string, string | null>>,
  broker: BrokerConfig,
): TopicConfig {
  const values = new Map(Object.entries(config));
  for (const [name, value] of Object.entries(changes)) {
    const known = KEYS.get(name);
    if (!known) {
      throw new VarveError(
        'INVALID_CONFIG',
        `Unknown topic configuration key "${name.slice(0, 80)}". The keys are Kafka's: ${[...KEYS.keys()].join(', ')}.`,
      );
    }
    if (value === null) values.delete(name);
    else values.set(name, checkedValue(known, value));
  }
  const changed = Object.fromEntries([...values].sort(([a], [b]) => (a < b ? -1 : 1)));
  const lag = (name: string) => BigInt(effective(name, changed, broker));
  if (lag('min.compaction.lag.ms') > lag('max.compaction.lag.ms')) {
    throw new VarveError('INVALID_CONFIG', 'min.compaction.lag.ms must not be above max.compaction.lag.ms.');
  }
  return changed;
}

/** Every key that there is, with the value that holds. Stored keys that this version does not know are left out. */
export function configEntries(config: TopicConfig, broker: BrokerConfig): ConfigEntry[] {
  return TOPIC_CONFIG_KEYS.map((one) =>
    entryOf(one, effective(one.name, config, broker), [
      ...synonymsIn(config, [one.name], 'own'),
      ...synonymsIn(broker.values, one.synonyms, 'broker'),
      ...standard(one),
    ]),
  );
}

/** Where the broker has several keys for one of a topic's, in different units, Kafka gives no default to the one in the topic's unit. */
function standard({ synonyms: [name, ...others], default: value }: TopicConfigKey): ConfigSynonym[] {
  return name === undefined || others.length > 0 ? [] : [{ name, value, source: 'default' }];
}

/** The parsed view. Cheap: six look-ups. */
export function topicSettings(config: TopicConfig, broker: BrokerConfig): TopicSettings {
  const number = (name: string) => Number(effective(name, config, broker));
  return {
    maxMessageBytes: number('max.message.bytes'),
    timestampType:
      effective('message.timestamp.type', config, broker) === 'LogAppendTime' ? 'LogAppendTime' : 'CreateTime',
    timestampBeforeMaxMs: number('message.timestamp.before.max.ms'),
    timestampAfterMaxMs: number('message.timestamp.after.max.ms'),
    compression: COMPRESSION[effective('compression.type', config, broker)] ?? 'producer',
    keyed: policies(config, broker).includes('compact'),
  };
}

/** Undefined where `cleanup.policy` does not say delete: then age and size delete nothing. */
export function topicRetention(config: TopicConfig, broker: BrokerConfig): Retention | undefined {
  if (!policies(config, broker).includes('delete')) return undefined;
  const limit = (name: string) => Math.max(-1, Number(effective(name, config, broker)));
  return { ms: limit('retention.ms'), bytes: limit('retention.bytes') };
}

/** Codecs that are not here act like `producer`. */
const COMPRESSION: Readonly<Record<string, TopicSettings['compression']>> = {
  uncompressed: 'none',
  gzip: 'gzip',
  zstd: 'zstd',
};

function policies(config: TopicConfig, broker: BrokerConfig): string[] {
  return effective('cleanup.policy', config, broker).split(',');
}

function effective(name: string, config: TopicConfig, broker: BrokerConfig): string {
  return config[name] ?? inherited(KEYS.get(name)!, broker);
}

function inherited(one: ConfigKey, broker: BrokerConfig): string {
  return broker.topicDefaults[one.name] ?? one.default;
}
