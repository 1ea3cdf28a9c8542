import { createHash } from 'node:crypto';
import { VarveError } from '../lib/errors.ts';
import type { EventLog } from '../lib/log/event-log.ts';
import { isUnknownTopic } from '../lib/log/topic-name.ts';
import type { TopicDescription } from '../lib/log/topics.ts';
import type { CustomResourceEvent, CustomResourceOutcome } from './custom-resource.ts';

/** What a stack declares of a topic; cdk/topic.ts writes it. */
export interface TopicProperties {
  name: string;
  /** Absent: 1 of a new topic, and an existing one keeps what it has. */
  partitions: number | undefined;
  /** All that is to differ from the defaults. Absent: what the topic has stays. */
  config: Readonly<Record<string, string>> | undefined;
  /** Whether it goes with its declaration. */
  destroy: boolean;
}

export interface TopicResourceDeps {
  log(): Promise<EventLog>;
  /** Whether CloudFormation is going back to how the stack was. */
  isRollingBack(stackId: string): Promise<boolean>;
}

/** `NAME/ID`, and `/adopted` when the topic was there before. Topic names hold no slash. */
const PHYSICAL_ID = /^([^/]+)\/([0-9a-f-]{36})(\/adopted)?$/;

/**
 * A topic as a resource of a stack. Creates it, or adopts the one that is there; lets it grow and sets its configuration; deletes
 * it only when that was declared, and only the very topic that this resource made.
 */
export function topicResource({ log, isRollingBack }: TopicResourceDeps) {
  async function ensure(event: CustomResourceEvent): Promise<CustomResourceOutcome> {
    const declared = propertiesOf(event.ResourceProperties);
    const { topics } = await log();
    const found = (await find(topics, declared.name)) ?? (await create(event, declared));
    const isMine = found.id === idMadeBy(event);
    if (declared.destroy && event.RequestType === 'Create' && !isMine) {
      throw new VarveError(
        'TOPIC_ALREADY_EXISTS',
        `There is a topic "${declared.name}" already, and one that is to go with the stack must be made by it. ` +
          'Delete that topic, or take it over with RemovalPolicy.RETAIN.',
      );
    }
    await align(event, found, declared);
    const made = `${found.name}/${found.id}`;
    const isSame = event.PhysicalResourceId?.startsWith(made);
    return {
      physicalId: isSame ? event.PhysicalResourceId! : isMine ? made : `${made}/adopted`,
      attributes: { TopicName: found.name, TopicId: found.id },
    };
  }

  async function create(event: CustomResourceEvent, declared: TopicProperties): Promise<TopicDescription> {
    const { name, partitions, config } = declared;
    const { topics } = await log();
    const options = { id: idMadeBy(event), ...(partitions !== undefined && { partitions }), ...(config && { config }) };
    return topics.create(name, options).catch((error: unknown) => {
      // Another delivery of this event, or somebody else, was faster.
      if (error instanceof VarveError && error.code === 'TOPIC_ALREADY_EXISTS') return topics.describe(name);
      throw error;
    });
  }

  async function align(event: CustomResourceEvent, found: TopicDescription, declared: TopicProperties): Promise<void> {
    const { name, partitions = found.partitions } = declared;
    const { topics } = await log();
    if (partitions < found.partitions && !(event.RequestType === 'Update' && (await isRollingBack(event.StackId)))) {
      throw new VarveError(
        'INVALID_PARTITIONS',
        `The topic "${name}" has ${found.partitions} partitions and ${partitions} are declared: partitions can only be ` +
          `added. Declare ${found.partitions} or more, or a topic of another name.`,
      );
    }
    const changes = configChanges(event, found, declared);
    if (Object.keys(changes).length > 0) await topics.configure(name, changes);
    if (partitions > found.partitions) await topics.grow(name, partitions);
  }

  async function remove(event: CustomResourceEvent): Promise<CustomResourceOutcome> {
    const physicalId = event.PhysicalResourceId ?? event.RequestId;
    const [, name, id, adopted] = PHYSICAL_ID.exec(physicalId) ?? [];
    // What never came to be has another physical id.
    if (name && id && !adopted && event.ResourceProperties.RemovalPolicy === 'destroy') {
      const { topics } = await log();
      await topics.delete(name, { id }).catch((error: unknown) => {
        if (!isUnknownTopic(error)) throw error;
      });
    }
    return { physicalId };
  }

  return (event: CustomResourceEvent) => (event.RequestType === 'Delete' ? remove(event) : ensure(event));
}

/**
 * The id of the topic that this event makes, so that another delivery of it finds its own work. CloudFormation never uses a
 * request id twice, so nor is a topic's.
 */
function idMadeBy({ StackId, LogicalResourceId, RequestId }: CustomResourceEvent): string {
  const hash = createHash('sha256').update([StackId, LogicalResourceId, RequestId].join('\n')).digest();
  hash[6] = (hash[6]! & 0x0f) | 0x80;
  hash[8] = (hash[8]! & 0x3f) | 0x80;
  return hash.toString('hex', 0, 16).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

/** Sets what is declared; all else returns to its default, if configuration is declared now or was before. */
function configChanges(
  { OldResourceProperties: old }: CustomResourceEvent,
  found: TopicDescription,
  { name, config }: TopicProperties,
): Record<string, string | null> {
  const before = old?.TopicName === name ? old.Config : undefined;
  const kept = config ?? (before === undefined ? undefined : {});
  if (!kept) return {};
  const set = new Map(found.config.filter(({ isDefault }) => !isDefault).map(({ name, value }) => [name, value]));
  const gone = [...set.keys()].filter((key) => !Object.hasOwn(kept, key)).map((key) => [key, null] as const);
  const changed = Object.entries(kept).filter(([key, value]) => set.get(key) !== value);
  return Object.fromEntries([...gone, ...changed]);
}

/** INVALID_REQUEST for what cdk/topic.ts does not write. */
function propertiesOf(raw: Readonly<Record<string, unknown>>): TopicProperties {
  const { TopicName: name, Partitions: partitions, Config: config, RemovalPolicy } = raw;
  if (typeof name !== 'string') throw new VarveError('INVALID_REQUEST', 'TopicName must be the name of a topic.');
  return {
    name,
    partitions: partitions === undefined ? undefined : Number(partitions),
    config: config === undefined ? undefined : configOf(config),
    destroy: RemovalPolicy === 'destroy',
  };
}

function configOf(raw: unknown): Record<string, string> {
  try {
    const config: unknown = JSON.parse(String(raw));
    const isMap = typeof config === 'object' && config !== null && !Array.isArray(config);
    if (isMap && Object.values(config).every((value) => typeof value === 'string'))
      return config as Record<string, string>;
  } catch {
    // As if it were something else.
  }
  throw new VarveError('INVALID_REQUEST', 'Config must be a JSON object whose values are strings.');
}

async function find(topics: EventLog['topics'], name: string): Promise<TopicDescription | undefined> {
  return topics.describe(name).catch((error: unknown) => {
    if (isUnknownTopic(error)) return undefined;
    throw error;
  });
}
