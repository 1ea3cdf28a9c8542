import type { ErrorCode } from '../../../lib/errors.ts';
import { type Answer, anyPlace, ask, type Client, codeOf, READ_ERRORS, rest } from '../client.ts';
import { FLEETING, GROWING, STEADY } from '../topics.ts';
import { GROUP } from './consumer.ts';

const ERRORS: readonly ErrorCode[] = ['KAFKA_STORAGE_ERROR', 'REQUEST_TIMED_OUT', 'UNKNOWN_TOPIC_OR_PARTITION'];
const MAX_PARTITIONS = 4;

/** Deletes records, makes, grows, deletes, describes and lists topics, and looks at the group. */
export async function admin(client: Client): Promise<void> {
  const { world, dice } = client;
  while (world.phase() === 'chaos') {
    const act = dice.pick([deleteRecords, deleteRecords, renew, renew, grow, describe, list, configure, committed]);
    await act(client);
    await rest(client, 1_500);
  }
  await committed(client);
}

async function deleteRecords(client: Client): Promise<void> {
  const { world, dice } = client;
  const { topic, partition } = anyPlace(client, [STEADY, GROWING, FLEETING]);
  const life = world.truth.lives(topic).at(-1);
  const at = life && world.truth.partition({ topicId: life.id, partition });
  const begin = at?.logStarts.at(-1)?.offset ?? 0;
  const end = at?.records.length ?? 0;
  const before = dice.chance(0.1) ? 'latest' : begin + Math.floor((end - begin) * dice.number() * 0.5);
  const what = `deletion of ${topic}[${partition}] before ${before}`;
  const { answered } = world.truth.mayDelete(topic, partition, before);
  const answer = await ask(client, world.host(dice), what, { errors: [...READ_ERRORS] }, (log) =>
    log.deleteRecords(topic, partition, before),
  );
  answered();
  judge(client, topic, partition, answer);
  if (!('value' in answer)) return;
  world.count('records deleted');
  world.model.begins(topic, partition, answer.value, answer);
}

/** Deletes the fleeting topic, or makes it. */
async function renew(client: Client): Promise<void> {
  const { world, dice } = client;
  const exists = (world.truth.lives(FLEETING).at(-1)?.deleted ?? 0) > world.clock.monotonic();
  if (exists && dice.chance(0.5)) {
    const answer = await ask(client, world.host(dice), 'deletion of a topic', { errors: ERRORS }, (log) =>
      log.topics.delete(FLEETING),
    );
    judge(client, FLEETING, 0, answer);
    return;
  }
  const partitions = dice.int(1, 2);
  const errors: readonly ErrorCode[] = [...ERRORS, 'TOPIC_ALREADY_EXISTS'];
  const answer = await ask(client, world.host(dice), 'creation of a topic', { errors }, (log) =>
    log.topics.create(FLEETING, { partitions, config: dice.pick([{}, ...world.retention]) }),
  );
  if (codeOf(answer) === 'TOPIC_ALREADY_EXISTS') world.model.exists(FLEETING, answer);
}

async function grow(client: Client): Promise<void> {
  const { world, dice } = client;
  const partitions = world.truth.lives(GROWING).at(-1)!.counts.at(-1)!.partitions + 1;
  if (partitions > MAX_PARTITIONS) return;
  // Whoever was told of a failure may have been heard, and then asks for what is there.
  const errors: readonly ErrorCode[] = [...ERRORS, 'INVALID_PARTITIONS'];
  const answer = await ask(client, world.host(dice), 'growth of a topic', { errors }, (log) =>
    log.topics.grow(GROWING, partitions),
  );
  judge(client, GROWING, 0, answer);
}

async function configure(client: Client): Promise<void> {
  const { world, dice } = client;
  const topic = dice.pick([STEADY, GROWING, FLEETING]);
  const retention = dice.pick([{ 'retention.ms': String(dice.int(1, 1_000) * 3_600_000) }, ...world.retention]);
  const answer = await ask(client, world.host(dice), 'configuration of a topic', { errors: ERRORS }, (log) =>
    log.topics.configure(topic, retention),
  );
  judge(client, topic, 0, answer);
}

async function describe(client: Client): Promise<void> {
  const { world, dice } = client;
  const topic = dice.pick([STEADY, GROWING, FLEETING]);
  const answer = await ask(client, world.host(dice), `description of ${topic}`, { errors: ERRORS }, (log) =>
    log.topics.describe(topic),
  );
  judge(client, topic, 0, answer);
}

async function list(client: Client): Promise<void> {
  const { world, dice } = client;
  const answer = await ask(client, world.host(dice), 'list of topics', { errors: ERRORS }, (log) => log.topics.list());
  if (!('value' in answer)) return;
  const names = answer.value.map(({ name }) => name);
  for (const topic of [STEADY, GROWING, FLEETING])
    if (!names.includes(topic)) world.model.unknownTopic(topic, 0, answer);
}

/** What the group has committed, as it was at some moment of the call. */
async function committed(client: Client): Promise<void> {
  const { world, dice } = client;
  const errors: readonly ErrorCode[] = [...ERRORS, 'GROUP_ID_NOT_FOUND'];
  const before = committedNow(client);
  const answer = await ask(client, world.host(dice), 'offsets of the group', { errors }, (log) =>
    log.groups.offsets(GROUP),
  );
  const after = committedNow(client);
  if (codeOf(answer) === 'GROUP_ID_NOT_FOUND' && before.size > 0) {
    world.violate('negative answers are true', 'the group is said not to be there');
  }
  if (!('value' in answer)) return;
  for (const [key, offset] of before) {
    const told = answer.value.find((one) => `${one.topic}[${one.partition}]` === key)?.offset ?? -1;
    if (told >= offset && told <= after.get(key)!) continue;
    world.violate('offsets never go back', `the group is said to be at ${told} of ${key}, it was at ${offset}`);
  }
}

function committedNow({ world }: Client): Map<string, number> {
  const offsets = new Map<string, number>();
  for (const topic of [STEADY, GROWING]) {
    const life = world.truth.lives(topic)[0]!;
    for (let partition = 0; partition < life.counts.at(-1)!.partitions; partition++) {
      const offset = world.groups.offset(GROUP, { topicId: life.id, partition });
      if (offset !== undefined) offsets.set(`${topic}[${partition}]`, offset);
    }
  }
  return offsets;
}

function judge({ world }: Client, topic: string, partition: number, answer: Answer<unknown>): void {
  if (codeOf(answer) === 'UNKNOWN_TOPIC_OR_PARTITION') world.model.unknownTopic(topic, partition, answer);
}
