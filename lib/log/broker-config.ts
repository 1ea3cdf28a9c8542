import { VarveError } from '../errors.ts';
import { type ConfigKey, type ConfigRule, checkedValue, entryOf, synonymsIn } from './config-key.ts';
import type { TopicConfig } from './topic-config.ts';
import { TOPIC_CONFIG_KEYS, type TopicConfigKey } from './topic-config-keys.ts';
import type { ConfigEntry } from './topics.ts';

/** Where clients of Kafka's protocol are told to come. */
export interface Endpoint {
  host: string;
  port: number;
}

/** The configuration of a whole log, by Kafka's names for a broker's. */
export interface BrokerConfig {
  /** `num.partitions`: of topics that are created without a count. */
  numPartitions: number;
  /** `auto.create.topics.enable`: whether a door that Kafka clients use creates topics that it is asked about. */
  autoCreateTopics: boolean;
  /** `node.id`. */
  nodeId: number;
  /** `log.retention.check.interval.ms`: between two runs of the upkeep that a process does by itself. */
  retentionCheckInterval: number;
  /** What topics inherit, by the topics' own keys, where it differs from Kafka's defaults. */
  topicDefaults: TopicConfig;
  /** What was set, by the broker's keys. */
  values: Readonly<Record<string, string>>;
}

const key = (
  name: string,
  type: ConfigKey['type'],
  standard: string,
  rule: ConfigRule,
  enforced = false,
): ConfigKey => ({ name, type, default: standard, rule, enforced });

/** Keys that no topic inherits. Defaults and rules of Apache Kafka 4.3.1, replication factors apart: here they are all 1. */
const OWN_KEYS: readonly ConfigKey[] = [
  key('auto.create.topics.enable', 'boolean', 'true', {}, true),
  key('broker.rack', 'string', '', {}),
  key('connections.max.idle.ms', 'long', '600000', {}, true),
  key('default.replication.factor', 'int', '1', {}),
  key('delete.topic.enable', 'boolean', 'true', {}, true),
  key('group.consumer.heartbeat.interval.ms', 'int', '5000', { min: 1 }),
  key('group.consumer.max.heartbeat.interval.ms', 'int', '15000', { min: 1 }),
  key('group.consumer.max.session.timeout.ms', 'int', '60000', { min: 1 }),
  key('group.consumer.min.heartbeat.interval.ms', 'int', '5000', { min: 1 }),
  key('group.consumer.min.session.timeout.ms', 'int', '45000', { min: 1 }),
  key('group.consumer.session.timeout.ms', 'int', '45000', { min: 1 }),
  key('group.initial.rebalance.delay.ms', 'int', '3000', {}, true),
  key('group.max.session.timeout.ms', 'int', '1800000', {}, true),
  key('group.max.size', 'int', '2147483647', { min: 1 }, true),
  key('group.min.session.timeout.ms', 'int', '6000', {}, true),
  key('log.retention.check.interval.ms', 'long', '300000', { min: 1 }, true),
  key('max.connections', 'int', '2147483647', { min: 0 }, true),
  key('node.id', 'int', '0', { min: 0 }, true),
  key('num.partitions', 'int', '1', { min: 1, max: 10_000 }, true),
  key('offset.metadata.max.bytes', 'int', '4096', {}),
  key('offsets.retention.minutes', 'int', '10080', { min: 1 }, true),
  key('offsets.topic.num.partitions', 'int', '50', { min: 1 }),
  key('offsets.topic.replication.factor', 'int', '1', { min: 1 }),
  key('producer.id.expiration.ms', 'int', '86400000', { min: 1 }),
  key('socket.request.max.bytes', 'int', '104857600', { min: 1 }, true),
  key('transaction.max.timeout.ms', 'int', '900000', { min: 1 }),
  key('transaction.state.log.min.isr', 'int', '1', { min: 1 }),
  key('transaction.state.log.num.partitions', 'int', '50', { min: 1 }),
  key('transaction.state.log.replication.factor', 'int', '1', { min: 1 }),
  key('transactional.id.expiration.ms', 'int', '604800000', { min: 1 }),
];

const OWN = new Map(OWN_KEYS.map((one) => [one.name, one]));
const INHERITED = new Map<string, TopicConfigKey>(
  TOPIC_CONFIG_KEYS.flatMap((one) => one.synonyms.map((synonym) => [synonym, one])),
);

/** From `key=value` pairs; of a key that comes twice the last counts. INVALID_CONFIG for an unknown key or a value that is not allowed. */
export function parseBrokerConfig(pairs: readonly string[]): BrokerConfig {
  const values: Record<string, string> = {};
  for (const pair of pairs) {
    const at = pair.indexOf('=');
    if (at < 1) {
      throw new VarveError('INVALID_CONFIG', `"${pair.slice(0, 80)}" is not of the form key=value.`);
    }
    const name = pair.slice(0, at).trim();
    values[name] = checkedBrokerValue(name, pair.slice(at + 1));
  }
  const own = (name: string) => values[name] ?? OWN.get(name)!.default;
  return {
    numPartitions: Number(own('num.partitions')),
    autoCreateTopics: own('auto.create.topics.enable') === 'true',
    nodeId: Number(own('node.id')),
    retentionCheckInterval: Number(own('log.retention.check.interval.ms')),
    topicDefaults: topicDefaults(values),
    values,
  };
}

/** The value of a key of the broker's own, set or Kafka's. */
export function brokerValue({ values }: BrokerConfig, name: string): string {
  return values[name] ?? OWN.get(name)!.default;
}

/** Every broker key that there is, by name, and where clients are told to come. */
export function brokerConfigEntries({ values, topicDefaults }: BrokerConfig, endpoint?: Endpoint): ConfigEntry[] {
  const entry = (one: ConfigKey, set: string | undefined, names: readonly string[]) => {
    const standard = { name: one.name, value: one.default, source: 'default' as const };
    return entryOf(one, set ?? one.default, [...synonymsIn(values, names, 'own'), standard]);
  };
  const inherited = TOPIC_CONFIG_KEYS.flatMap((one) => {
    // The first synonym alone is shown: it is the one whose unit is the topic's.
    const name = one.synonyms[0];
    if (name === undefined) return [];
    return [entry({ ...one, name }, topicDefaults[one.name], one.synonyms)];
  });
  const own = OWN_KEYS.map((one) => entry(one, values[one.name], [one.name]));
  const advertised = endpoint ? [advertisedListeners(endpoint)] : [];
  return [...advertised, ...own, ...inherited].sort((a, b) => (a.name < b.name ? -1 : 1));
}

function advertisedListeners({ host, port }: Endpoint): ConfigEntry {
  const name = 'advertised.listeners';
  const value = `PLAINTEXT://${host.includes(':') ? `[${host}]` : host}:${port}`;
  const synonyms = [{ name, value, source: 'own' as const }];
  return { name, value, isDefault: false, synonyms, enforced: true, type: 'list' };
}

function checkedBrokerValue(name: string, value: string): string {
  const own = OWN.get(name);
  if (own) return checkedValue(own, value);
  const topicKey = INHERITED.get(name);
  if (!topicKey) {
    const known = [...OWN.keys(), ...INHERITED.keys()].sort();
    throw new VarveError(
      'INVALID_CONFIG',
      `Unknown broker configuration key "${name.slice(0, 80)}". The keys are Kafka's: ${known.join(', ')}.`,
    );
  }
  if (unitOf(name) === 1) return checkedValue(topicKey, value, name);
  const rule = name.startsWith('log.retention') ? {} : topicKey.rule;
  return checkedValue({ ...topicKey, type: 'int', rule }, value, name);
}

function topicDefaults(values: Readonly<Record<string, string>>): TopicConfig {
  const defaults: Record<string, string> = {};
  for (const { name, synonyms } of TOPIC_CONFIG_KEYS) {
    const set = synonyms.find((synonym) => values[synonym] !== undefined);
    if (set !== undefined) defaults[name] = inMilliseconds(set, values[set]!);
  }
  return defaults;
}

/** Any negative number of hours or minutes is Kafka's -1: no limit. */
function inMilliseconds(name: string, value: string): string {
  const unit = unitOf(name);
  if (unit === 1) return value;
  return value.startsWith('-') ? '-1' : String(Number(value) * unit);
}

function unitOf(name: string): number {
  if (name.endsWith('.hours')) return 3_600_000;
  return name.endsWith('.minutes') ? 60_000 : 1;
}
