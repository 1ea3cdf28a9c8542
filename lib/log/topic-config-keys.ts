import type { ConfigKey, ConfigRule } from './config-key.ts';

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
): TopicConfigKey => ({ name, type, default: standard, rule, enforced: ENFORCED.has(name), synonyms });

/** Every public topic key of Apache Kafka 4.3.1, by name. */
export const TOPIC_CONFIG_KEYS: readonly TopicConfigKey[] = [
  key('cleanup.policy', 'list', 'delete', { oneOf: ['compact', 'delete'] }, ['log.cleanup.policy']),
  key('compression.gzip.level', 'int', '-1', { min: 1, max: 9, or: -1 }, ['compression.gzip.level']),
  key('compression.lz4.level', 'int', '9', { min: 1, max: 17 }, ['compression.lz4.level']),
  key(
    'compression.type',
    'string',
    'producer',
    { oneOf: ['uncompressed', 'zstd', 'lz4', 'snappy', 'gzip', 'producer'] },
    ['compression.type'],
  ),
  key('compression.zstd.level', 'int', '3', { min: -131072, max: 22 }, ['compression.zstd.level']),
  key('delete.retention.ms', 'long', '86400000', { min: 0 }, ['log.cleaner.delete.retention.ms']),
  key('file.delete.delay.ms', 'long', '60000', { min: 0 }, ['log.segment.delete.delay.ms']),
  key('flush.messages', 'long', LONG_MAX, { min: 1 }, ['log.flush.interval.messages']),
  key('flush.ms', 'long', LONG_MAX, { min: 0 }, ['log.flush.interval.ms', 'log.flush.scheduler.interval.ms']),
  key('follower.replication.throttled.replicas', 'list', '', THROTTLED, []),
  key('index.interval.bytes', 'int', '4096', { min: 0 }, ['log.index.interval.bytes']),
  key('leader.replication.throttled.replicas', 'list', '', THROTTLED, []),
  key('local.retention.bytes', 'long', '-2', { min: -2 }, ['log.local.retention.bytes']),
  key('local.retention.ms', 'long', '-2', { min: -2 }, ['log.local.retention.ms']),
  key('max.compaction.lag.ms', 'long', LONG_MAX, { min: 1 }, ['log.cleaner.max.compaction.lag.ms']),
  key('max.message.bytes', 'int', '1048588', { min: 0 }, ['message.max.bytes']),
  key('message.timestamp.after.max.ms', 'long', '3600000', { min: 0 }, ['log.message.timestamp.after.max.ms']),
  key('message.timestamp.before.max.ms', 'long', LONG_MAX, { min: 0 }, ['log.message.timestamp.before.max.ms']),
  key('message.timestamp.type', 'string', 'CreateTime', { oneOf: ['CreateTime', 'LogAppendTime'] }, [
    'log.message.timestamp.type',
  ]),
  key('min.cleanable.dirty.ratio', 'double', '0.5', { min: 0, max: 1 }, ['log.cleaner.min.cleanable.ratio']),
  key('min.compaction.lag.ms', 'long', '0', { min: 0 }, ['log.cleaner.min.compaction.lag.ms']),
  key('min.insync.replicas', 'int', '1', { min: 1 }, ['min.insync.replicas']),
  key('preallocate', 'boolean', 'false', {}, ['log.preallocate']),
  key('remote.log.copy.disable', 'boolean', 'false', {}, []),
  key('remote.log.delete.on.disable', 'boolean', 'false', {}, []),
  key('remote.storage.enable', 'boolean', 'false', {}, []),
  key('retention.bytes', 'long', '-1', {}, ['log.retention.bytes']),
  key('retention.ms', 'long', '604800000', { min: -1 }, [
    'log.retention.ms',
    'log.retention.minutes',
    'log.retention.hours',
  ]),
  key('segment.bytes', 'int', '1073741824', { min: 1_048_576 }, ['log.segment.bytes']),
  key('segment.index.bytes', 'int', '10485760', { min: 4 }, ['log.index.size.max.bytes']),
  key('segment.jitter.ms', 'long', '0', { min: 0 }, ['log.roll.jitter.ms', 'log.roll.jitter.hours']),
  key('segment.ms', 'long', '604800000', { min: 1 }, ['log.roll.ms', 'log.roll.hours']),
  key('unclean.leader.election.enable', 'boolean', 'false', {}, ['unclean.leader.election.enable']),
];
