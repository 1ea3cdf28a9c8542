import type { Clock } from '../clock.ts';
import { VarveError } from '../errors.ts';
import type { Random } from '../ids.ts';
import type { Catalog } from '../stores/catalog/catalog.ts';
import type { Topic } from '../stores/catalog/topics.ts';
import { type BrokerConfig, brokerValue } from './broker-config.ts';
import { checkListLimit } from './list-limit.ts';
import { checkPartitions } from './partition-count.ts';
import { changedConfig, configEntries } from './topic-config.ts';
import { checkTopicName, collidingNames, collision, nameFault, unknownTopic } from './topic-name.ts';

/** A place that gives a key its value: the key's owner, the broker's configuration that it inherits, or Kafka. */
export interface ConfigSynonym {
  /** As it is called there. */
  name: string;
  /** In the unit that the name says. */
  value: string;
  source: 'own' | 'broker' | 'default';
}

/** One configuration key of a topic, as it stands. */
export interface ConfigEntry {
  name: string;
  value: string;
  /** Whether nobody set it: then `value` is what the broker's configuration or Kafka gives. */
  isDefault: boolean;
  /** The first is the one that holds. */
  synonyms: readonly ConfigSynonym[];
  /** False: accepted and shown, and nothing acts on it yet. */
  enforced: boolean;
  type: 'string' | 'int' | 'long' | 'double' | 'boolean' | 'list';
}

export interface TopicDescription {
  name: string;
  /** A UUID. */
  id: string;
  partitions: number;
  /** Milliseconds since the epoch. */
  created: number;
  /** Every key that there is, by name. */
  config: ConfigEntry[];
}

export interface CreateTopicOptions {
  /** 1 to 10,000; default `num.partitions` of the broker's configuration, 1 when that is absent. */
  partitions?: number;
  config?: Readonly<Record<string, string>>;
  /** A UUID that no topic ever had, deleted ones included. For callers that must know their own topic again; default random. */
  id?: string;
  /** Checks everything and creates nothing. */
  validateOnly?: boolean;
}

/** Topics: Kafka's rules for names (INVALID_TOPIC_EXCEPTION), counts (INVALID_PARTITIONS) and configuration (INVALID_CONFIG). */
export interface TopicAdmin {
  /** TOPIC_ALREADY_EXISTS when the name is taken. Usable when it resolves. */
  create(name: string, options?: CreateTopicOptions): Promise<TopicDescription>;
  describe(name: string): Promise<TopicDescription>;
  /** Up to `limit` (default 1000, at most 10,000) names sorting after `after`, with partition counts. */
  list(options?: { after?: string; limit?: number }): Promise<{ name: string; id: string; partitions: number }[]>;
  /** Sets keys; null returns one to its default. All or nothing; nothing when `validateOnly`. */
  configure(
    name: string,
    changes: Readonly<Record<string, string | null>>,
    options?: { validateOnly?: boolean },
  ): Promise<TopicDescription>;
  /** Raises the partition count to `partitions`. */
  grow(name: string, partitions: number, options?: { validateOnly?: boolean }): Promise<TopicDescription>;
  /** With `id` only the topic that has it: another one of that name stays, and UNKNOWN_TOPIC_OR_PARTITION is said. */
  delete(name: string, options?: { id?: string }): Promise<void>;
}

const MAX_ATTEMPTS = 10;

/** `onChange` is called with the name of a topic that was created, changed or deleted here. */
export function createTopicAdmin(deps: {
  catalog: Catalog;
  clock: Clock;
  random: Random;
  brokerConfig: BrokerConfig;
  onChange?(name: string): void;
}): TopicAdmin {
  const { clock, random, brokerConfig } = deps;
  const { topics } = deps.catalog;

  async function existing(name: string): Promise<Topic> {
    const topic = nameFault(name) ? undefined : await topics.get(name);
    if (!topic) throw unknownTopic(name);
    return topic;
  }

  /** Changes by others in between are taken into account, so that neither change is lost. */
  async function update(
    name: string,
    { validateOnly = false }: { validateOnly?: boolean },
    change: (topic: Topic) => Pick<Topic, 'partitions' | 'config'>,
  ) {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      const topic = await existing(name);
      if (validateOnly) return describe({ ...topic, ...change(topic) });
      const updated = await topics.update(topic, change(topic));
      if (updated === 'conflict') continue;
      deps.onChange?.(name);
      return describe(updated);
    }
    throw new VarveError('REQUEST_TIMED_OUT', `The topic "${name}" is being changed by others: try again.`);
  }

  const describe = ({ name, id, partitions, created, config }: Topic): TopicDescription => ({
    name,
    id,
    partitions,
    created,
    config: configEntries(config, brokerConfig),
  });

  return {
    async create(name, options = {}) {
      const { partitions = brokerConfig.numPartitions, config = {}, id = uuid(random), validateOnly = false } = options;
      checkTopicName(name);
      checkPartitions(partitions);
      const topic = {
        name,
        id,
        partitions,
        config: changedConfig({}, config, brokerConfig),
        created: clock.now(),
      };
      const same = await Promise.all([name, ...collidingNames(name)].map((one) => topics.get(one)));
      for (const other of same) {
        if (other) throw other.name === name ? alreadyExists(name) : collision(name, other.name);
      }
      if (validateOnly) return describe({ ...topic, revision: 0 });
      const made = await topics.create(topic);
      if (made === 'taken') throw alreadyExists(name);
      deps.onChange?.(name);
      return describe(made);
    },

    async describe(name) {
      return describe(await existing(name));
    },

    async list({ after, limit = 1000 } = {}) {
      checkListLimit(limit);
      const found = await topics.list({ limit, ...(after !== undefined && { after }) });
      return found.map(({ name, id, partitions }) => ({ name, id, partitions }));
    },

    configure(name, changes, options = {}) {
      return update(name, options, ({ partitions, config }) => ({
        partitions,
        config: changedConfig(config, changes, brokerConfig),
      }));
    },

    async grow(name, partitions, options = {}) {
      checkPartitions(partitions);
      return update(name, options, (topic) => {
        if (partitions > topic.partitions) return { partitions, config: topic.config };
        throw new VarveError(
          'INVALID_PARTITIONS',
          `The topic "${name}" has ${topic.partitions} partitions already: partitions can only be added.`,
        );
      });
    },

    async delete(name, { id } = {}) {
      if (brokerValue(brokerConfig, 'delete.topic.enable') === 'false') {
        throw new VarveError('TOPIC_DELETION_DISABLED', 'Topics cannot be deleted: delete.topic.enable is false.');
      }
      const topic = await existing(name);
      if (id !== undefined && topic.id !== id) throw unknownTopic(name);
      const deleted = await topics.delete(topic);
      deps.onChange?.(name);
      if (!deleted) throw unknownTopic(name);
    },
  };
}

function alreadyExists(name: string): VarveError {
  return new VarveError('TOPIC_ALREADY_EXISTS', `There is a topic "${name}" already.`);
}

/** A UUID of version 4. */
function uuid(random: Random): string {
  const bytes = Buffer.from(random(16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
