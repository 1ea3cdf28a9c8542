import { VarveError } from '../errors.ts';
import type { Compression } from '../format/records/batch.ts';
import type { BrokerConfig } from './broker-config.ts';
import { type ConfigKey, checkedValue, entryOf, synonymsIn } from './config-key.ts';
import { TOPIC_CONFIG_KEYS, type TopicConfigKey } from './topic-config-keys.ts';
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
