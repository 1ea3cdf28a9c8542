import { TOPIC_CONFIG_KEYS } from './topic-config-keys.ts';

// Apart from the keys: who reads configuration needs no documentation, and functions load none.

const OF_TOPICS: Readonly<Record<string, string>> = {
  'cleanup.policy':
    'What becomes of old records: delete by age or size, compact to the newest record of each key, both, or (empty) neither. ' +
    'compact demands a key of every record; nothing is compacted yet.',
  'compression.gzip.level': 'Level of gzip when compression.type is gzip; -1 is the default of the library.',
  'compression.lz4.level': 'Level of lz4 when compression.type is lz4.',
  'compression.type':
    'Codec of the batches that Varve encodes itself: uncompressed, gzip, zstd, or producer for the one that the caller asks for. ' +
    'Batches that arrive encoded are stored as they are. snappy and lz4 are accepted and not enforced: they act like producer.',
  'compression.zstd.level': 'Level of zstd when compression.type is zstd.',
  'delete.retention.ms': 'How long a compacted topic keeps the records that delete a key.',
  'file.delete.delay.ms':
    'How long a file is kept at least, from when it was written, before it may be deleted. Of the whole log: only ' +
    'log.segment.delete.delay.ms acts.',
  'flush.messages': 'Records between two flushes to disk. Varve makes every batch durable before it answers.',
  'flush.ms': 'Milliseconds between two flushes to disk. Varve makes every batch durable before it answers.',
  'follower.replication.throttled.replicas':
    'Replicas whose replication is throttled on the follower. Varve has no replicas.',
  'index.interval.bytes': 'Bytes between two entries of an offset index. Varve indexes every batch.',
  'leader.replication.throttled.replicas':
    'Replicas whose replication is throttled on the leader. Varve has no replicas.',
  'local.retention.bytes':
    'Bytes kept on local disk before tiered storage; -2 is retention.bytes. Varve has no local tier.',
  'local.retention.ms':
    'Milliseconds kept on local disk before tiered storage; -2 is retention.ms. Varve has no local tier.',
  'max.compaction.lag.ms': 'The longest that a record of a compacted topic may wait for compaction.',
  'max.message.bytes': 'The largest record batch that is accepted, in bytes after compression.',
  'message.timestamp.after.max.ms':
    'How far in the future the timestamp of a record may lie when message.timestamp.type is CreateTime.',
  'message.timestamp.before.max.ms':
    'How far in the past the timestamp of a record may lie when message.timestamp.type is CreateTime.',
  'message.timestamp.type': 'Whether records carry the time that the producer gave them or the time of the append.',
  'min.cleanable.dirty.ratio':
    'The part of a compacted partition that must be uncompacted before it is compacted again.',
  'min.compaction.lag.ms': 'The shortest time that a record of a compacted topic stays uncompacted.',
  'min.insync.replicas':
    'Replicas that must hold a record before acks=all is answered. The stores below Varve replicate.',
  preallocate: 'Whether files are allocated whole before they are written.',
  'remote.log.copy.disable': 'Whether nothing more is copied to tiered storage.',
  'remote.log.delete.on.disable': 'Whether tiered data is deleted when remote.storage.enable is turned off.',
  'remote.storage.enable': 'Whether tiered storage is on. All of Varve is tiered.',
  'retention.bytes':
    'The size of a partition beyond which its oldest records are deleted, in bytes as stored; -1 is no limit.',
  'retention.ms': 'The age beyond which records are deleted; -1 is no limit.',
  'segment.bytes': "The size of a log file. Varve's segments are sized by its Writer and by compaction.",
  'segment.index.bytes': 'The size of an offset index file.',
  'segment.jitter.ms': 'The most that is taken at random from segment.ms.',
  'segment.ms': 'The age at which a log file is closed even if it is not full.',
  'unclean.leader.election.enable': 'Whether a replica that lags may become leader. Varve elects no leaders.',
};

const OF_BROKERS: Readonly<Record<string, string>> = {
  'advertised.listeners': 'Where clients are told to come.',
  'auto.create.topics.enable': 'Whether a topic that a Kafka client asks for is created when there is none.',
  'broker.rack': 'The rack, or zone, of this broker.',
  'connections.max.idle.ms': 'Milliseconds after which an idle connection is closed.',
  'default.replication.factor': 'Replicas of a topic. The stores below Varve replicate.',
  'delete.topic.enable': 'Whether topics can be deleted.',
  'group.consumer.heartbeat.interval.ms': 'Heartbeat interval of members of consumer groups (KIP-848).',
  'group.consumer.max.heartbeat.interval.ms': 'The longest heartbeat interval of consumer groups.',
  'group.consumer.max.session.timeout.ms': 'The longest session timeout of consumer groups.',
  'group.consumer.min.heartbeat.interval.ms': 'The shortest heartbeat interval of consumer groups.',
  'group.consumer.min.session.timeout.ms': 'The shortest session timeout of consumer groups.',
  'group.consumer.session.timeout.ms': 'Session timeout of members of consumer groups (KIP-848).',
  'group.initial.rebalance.delay.ms': 'How long a new group waits for more members before it is first assigned.',
  'group.max.session.timeout.ms': 'The longest session timeout that a classic member may ask for.',
  'group.max.size': 'The most members of a group.',
  'group.min.session.timeout.ms': 'The shortest session timeout that a classic member may ask for.',
  'log.retention.check.interval.ms': 'Milliseconds between two looks for what is to be deleted.',
  'max.connections': 'The most connections to this broker.',
  'node.id': 'The id of this broker.',
  'num.partitions': 'Partitions of a topic that is created without a count.',
  'offset.metadata.max.bytes': 'The longest text that may be committed with an offset.',
  'offsets.retention.minutes':
    'How long the offsets of a group without members are kept, from when it was left; without any, from the last commit.',
  'offsets.topic.num.partitions': 'Partitions of the offsets topic. Varve keeps offsets in its catalog.',
  'offsets.topic.replication.factor': 'Replicas of the offsets topic. Varve keeps offsets in its catalog.',
  'producer.id.expiration.ms':
    'How long an idle idempotent producer is remembered. Varve remembers one for 7 days or longer.',
  'socket.request.max.bytes': 'The largest request.',
  'transaction.max.timeout.ms': 'The longest transaction timeout that a producer may ask for.',
  'transaction.state.log.min.isr': 'Replicas in sync that the transaction log needs.',
  'transaction.state.log.num.partitions': 'Partitions of the transaction log.',
  'transaction.state.log.replication.factor': 'Replicas of the transaction log.',
  'transactional.id.expiration.ms': 'How long an idle transactional id is kept.',
};

/** What a key is for, a topic's or a broker's; of a broker's that topics inherit, what the topics' is for. */
export function documentationOf(name: string): string | undefined {
  const inherited = TOPIC_CONFIG_KEYS.find(({ synonyms }) => synonyms[0] === name)?.name;
  return OF_BROKERS[name] ?? OF_TOPICS[name] ?? OF_TOPICS[inherited ?? ''];
}
