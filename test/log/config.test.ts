import { describe, expect, it } from 'vitest';
import { brokerConfigEntries, parseBrokerConfig } from '../../lib/log/broker-config.ts';
import { documentationOf } from '../../lib/log/config-documentation.ts';
import { changedConfig, configEntries, topicSettings } from '../../lib/log/topic-config.ts';
import { TOPIC_CONFIG_KEYS } from '../../lib/log/topic-config-keys.ts';

const standard = parseBrokerConfig([]);
const LONG_MAX = '9223372036854775807';

/** Of each key: values accepted as they are, and values refused, both as Apache Kafka 4.3.1's LogConfig.validate answers. */
const TABLE: Record<string, { accepted: string[]; refused: string[] }> = {
  'cleanup.policy': {
    accepted: ['', 'delete', 'compact', 'compact,delete', 'delete,delete'],
    refused: ['Delete', 'delete,', 'none'],
  },
  'compression.gzip.level': { accepted: ['-1', '1', '9'], refused: ['0', '10', '-2', 'high'] },
  'compression.lz4.level': { accepted: ['1', '17'], refused: ['0', '18'] },
  'compression.type': {
    accepted: ['uncompressed', 'zstd', 'lz4', 'snappy', 'gzip', 'producer'],
    refused: ['GZIP', 'none', ''],
  },
  'compression.zstd.level': { accepted: ['-131072', '22'], refused: ['-131073', '23'] },
  'delete.retention.ms': { accepted: ['0', LONG_MAX], refused: ['-1'] },
  'file.delete.delay.ms': { accepted: ['0'], refused: ['-1'] },
  'flush.messages': { accepted: ['1', LONG_MAX], refused: ['0'] },
  'flush.ms': { accepted: ['0'], refused: ['-1'] },
  'follower.replication.throttled.replicas': {
    accepted: ['', '*', '1:2', '1:2,3:4'],
    refused: ['1', 'a:b', 'none', '1:2;3:4'],
  },
  'index.interval.bytes': { accepted: ['0'], refused: ['-1', '2147483648'] },
  'leader.replication.throttled.replicas': { accepted: ['*', '0:1'], refused: ['0'] },
  'local.retention.bytes': { accepted: ['-2', '0'], refused: ['-3'] },
  'local.retention.ms': { accepted: ['-2', '0'], refused: ['-3'] },
  'max.compaction.lag.ms': { accepted: ['1'], refused: ['0'] },
  'max.message.bytes': { accepted: ['0', '2147483647'], refused: ['-1', '2147483648', '1MB'] },
  'message.timestamp.after.max.ms': { accepted: ['0', LONG_MAX], refused: ['-1', '9223372036854775808'] },
  'message.timestamp.before.max.ms': { accepted: ['0', LONG_MAX], refused: ['-1'] },
  'message.timestamp.type': { accepted: ['CreateTime', 'LogAppendTime'], refused: ['createtime', ''] },
  'min.cleanable.dirty.ratio': { accepted: ['0', '0.5', '1'], refused: ['1.1', '-0.1', 'Infinity', 'half'] },
  'min.compaction.lag.ms': { accepted: ['0', '5'], refused: ['-1'] },
  'min.insync.replicas': { accepted: ['1', '3'], refused: ['0'] },
  preallocate: { accepted: ['true', 'false'], refused: ['yes', '1', ''] },
  'remote.log.copy.disable': { accepted: ['true'], refused: ['on'] },
  'remote.log.delete.on.disable': { accepted: ['true'], refused: ['on'] },
  'remote.storage.enable': { accepted: ['true'], refused: ['on'] },
  'retention.bytes': { accepted: ['-5', '-1', '0', LONG_MAX], refused: ['1.5', 'all'] },
  'retention.ms': { accepted: ['-1', '0', '1'], refused: ['-2', '1.5', '1e3', '0x10', '9223372036854775808', ''] },
  'segment.bytes': { accepted: ['1048576'], refused: ['1048575', '14'] },
  'segment.index.bytes': { accepted: ['4'], refused: ['3'] },
  'segment.jitter.ms': { accepted: ['0'], refused: ['-1'] },
  'segment.ms': { accepted: ['1'], refused: ['0'] },
  'unclean.leader.election.enable': { accepted: ['true', 'false'], refused: ['maybe'] },
};

describe('the configuration of a topic', () => {
  it('has the keys of Kafka, each once, in order', () => {
    expect(TOPIC_CONFIG_KEYS.map((key) => key.name)).toEqual(Object.keys(TABLE).sort());
  });

  for (const [name, { accepted, refused }] of Object.entries(TABLE)) {
    it(`${name}: accepts ${accepted.map((value) => `"${value}"`).join(' ')}`, () => {
      for (const value of accepted) expect(changedConfig({}, { [name]: value }, standard)).toEqual({ [name]: value });
    });

    it(`${name}: refuses ${refused.map((value) => `"${value}"`).join(' ')}`, () => {
      for (const value of refused) {
        expect(() => changedConfig({}, { [name]: value }, standard)).toThrow(
          expect.objectContaining({ code: 'INVALID_CONFIG', message: expect.stringContaining(name) }),
        );
      }
    });
  }

  it('says what is allowed', () => {
    const message = (name: string, value: string) => {
      try {
        changedConfig({}, { [name]: value }, standard);
      } catch (error) {
        return (error as Error).message;
      }
      return 'accepted';
    };
    expect(message('max.message.bytes', 'big')).toBe(
      'Invalid value "big" for max.message.bytes: it must be a whole number from 0 to 2147483647.',
    );
    expect(message('compression.gzip.level', '0')).toContain('from 1 to 9, or -1');
    expect(message('cleanup.policy', 'never')).toContain('compact, delete');
    expect(message('preallocate', 'x')).toContain('true or false');
    expect(message('min.cleanable.dirty.ratio', '2')).toContain('from 0 to 1');
    expect(message('leader.replication.throttled.replicas', 'x')).toContain('[partition]:[broker]');
    expect(message('retention.sm', '1')).toContain('Unknown topic configuration key "retention.sm"');
    expect(message('__proto__', '1')).toContain('Unknown topic configuration key "__proto__"');
    expect(message('retention.ms', 'x'.repeat(10_000)).length).toBeLessThan(300);
  });

  it('stores numbers, booleans and lists in one spelling', () => {
    const changes = {
      'retention.ms': ' +007 ',
      preallocate: 'TRUE',
      'cleanup.policy': 'delete , compact',
      'min.cleanable.dirty.ratio': '.5',
    };
    expect(changedConfig({}, changes, standard)).toEqual({
      'cleanup.policy': 'delete,compact',
      'min.cleanable.dirty.ratio': '0.5',
      preallocate: 'true',
      'retention.ms': '7',
    });
  });

  it('refuses a compaction lag whose least is above its most, whichever of the two changes', () => {
    const config = changedConfig({}, { 'max.compaction.lag.ms': '4' }, standard);
    expect(() => changedConfig(config, { 'min.compaction.lag.ms': '5' }, standard)).toThrow(/min.compaction.lag.ms/);
    expect(changedConfig(config, { 'min.compaction.lag.ms': '4' }, standard)).toHaveProperty('min.compaction.lag.ms');
  });

  it('returns a key to its default with null, and leaves the others', () => {
    const config = { 'retention.ms': '1', 'segment.ms': '2' };
    expect(changedConfig(config, { 'retention.ms': null, 'segment.bytes': null }, standard)).toEqual({
      'segment.ms': '2',
    });
  });

  it('is shown whole, with what is default and what is enforced', () => {
    const entries = configEntries({ 'retention.ms': '604800000', 'of.a.newer.version': '1' }, standard);
    expect(entries).toHaveLength(TOPIC_CONFIG_KEYS.length);
    expect(entries.find(({ name }) => name === 'retention.ms')).toMatchObject({
      value: '604800000',
      isDefault: false,
      enforced: true,
    });
    expect(entries.find(({ name }) => name === 'segment.ms')).toMatchObject({ isDefault: true, enforced: false });
    expect(entries.filter(({ enforced }) => enforced).map(({ name }) => name)).toEqual([
      'cleanup.policy',
      'compression.type',
      'max.message.bytes',
      'message.timestamp.after.max.ms',
      'message.timestamp.before.max.ms',
      'message.timestamp.type',
      'retention.bytes',
      'retention.ms',
    ]);
    for (const { name } of entries) expect(documentationOf(name)).toMatch(/^\w.*\.$/s);
    for (const { name } of brokerConfigEntries(standard)) expect(documentationOf(name)).toMatch(/^\w.*\.$/s);
  });

  it('is parsed for the writer', () => {
    expect(topicSettings({}, standard)).toEqual({
      maxMessageBytes: 1_048_588,
      timestampType: 'CreateTime',
      timestampBeforeMaxMs: Number(LONG_MAX),
      timestampAfterMaxMs: 3_600_000,
      compression: 'producer',
      keyed: false,
    });
    expect(topicSettings({ 'cleanup.policy': 'delete,compact' }, standard)).toMatchObject({ keyed: true });
    const config = {
      'max.message.bytes': '10',
      'message.timestamp.type': 'LogAppendTime',
      'message.timestamp.before.max.ms': '1',
      'message.timestamp.after.max.ms': '2',
    };
    for (const [set, compression] of Object.entries({
      uncompressed: 'none',
      gzip: 'gzip',
      zstd: 'zstd',
      snappy: 'producer',
      lz4: 'producer',
    })) {
      expect(topicSettings({ ...config, 'compression.type': set }, standard)).toEqual({
        maxMessageBytes: 10,
        timestampType: 'LogAppendTime',
        timestampBeforeMaxMs: 1,
        timestampAfterMaxMs: 2,
        compression,
        keyed: false,
      });
    }
  });
});

describe('the configuration of a broker', () => {
  it('is what topics inherit, until they set it themselves', () => {
    const broker = parseBrokerConfig(['message.max.bytes=5000', 'log.message.timestamp.type=LogAppendTime']);
    expect(topicSettings({}, broker)).toMatchObject({ maxMessageBytes: 5000, timestampType: 'LogAppendTime' });
    expect(topicSettings({ 'max.message.bytes': '6' }, broker)).toMatchObject({ maxMessageBytes: 6 });
    expect(configEntries({}, broker).find(({ name }) => name === 'max.message.bytes')).toMatchObject({
      value: '5000',
      isDefault: true,
    });
  });

  it.each([
    [['log.retention.ms=5', 'log.retention.hours=1'], '5'],
    [['log.retention.minutes=2', 'log.retention.hours=1'], '120000'],
    [['log.retention.hours=1'], '3600000'],
    [['log.retention.hours=-1'], '-1'],
    [['log.retention.hours=1', 'log.retention.hours=2'], '7200000'],
  ])('takes the retention of %j as %s ms', (pairs, expected) => {
    expect(parseBrokerConfig(pairs).topicDefaults).toEqual({ 'retention.ms': expected });
  });

  it('has names for what the log itself acts on', () => {
    expect(standard).toEqual({
      numPartitions: 1,
      autoCreateTopics: true,
      nodeId: 0,
      retentionCheckInterval: 300_000,
      topicDefaults: {},
      values: {},
    });
    expect(
      parseBrokerConfig(['num.partitions=4', 'auto.create.topics.enable=FALSE', 'node.id = 7', 'broker.rack=a=b']),
    ).toMatchObject({
      numPartitions: 4,
      autoCreateTopics: false,
      nodeId: 7,
      values: { 'broker.rack': 'a=b', 'node.id': '7' },
    });
  });

  it.each([
    ['num.partitions', 'not of the form'],
    ['=1', 'not of the form'],
    ['nonsense=1', 'Unknown broker configuration key "nonsense"'],
    ['max.message.bytes=1', 'Unknown broker configuration key'],
    ['__proto__=1', 'Unknown broker configuration key'],
    ['num.partitions=0', 'from 1 to 10000'],
    ['message.max.bytes=-1', 'for message.max.bytes'],
    ['log.roll.hours=0', 'for log.roll.hours'],
    ['log.retention.minutes=x', 'for log.retention.minutes'],
    ['auto.create.topics.enable=yes', 'true or false'],
  ])('refuses %s', (pair, message) => {
    expect(() => parseBrokerConfig([pair])).toThrow(
      expect.objectContaining({ code: 'INVALID_CONFIG', message: expect.stringContaining(message) }),
    );
  });

  it('is shown whole, by name', () => {
    const entries = brokerConfigEntries(parseBrokerConfig(['log.retention.hours=1', 'num.partitions=3']));
    const names = entries.map(({ name }) => name);
    expect(names).toEqual([...new Set(names)].sort());
    const shown = Object.fromEntries(entries.map(({ name, value, isDefault }) => [name, { value, isDefault }]));
    expect(shown).toMatchObject({
      'num.partitions': { value: '3', isDefault: false },
      'log.retention.ms': { value: '3600000', isDefault: false },
      'message.max.bytes': { value: '1048588', isDefault: true },
    });
  });
});
