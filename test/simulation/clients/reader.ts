import { decodeBatch } from '../../../lib/format/records/batch.ts';
import type { LogRecord } from '../../../lib/format/records/record.ts';
import { type Answer, anyPlace, ask, type Client, codeOf, type Place, READ_ERRORS, rest } from '../client.ts';
import type { Host } from '../host.ts';
import { TOPICS } from '../topics.ts';

/** Asks for anything: records from an offset on, the offsets that there are, the offset of a time. */
export async function reader(client: Client): Promise<void> {
  const { world, dice } = client;
  while (world.phase() !== 'over') {
    const host = world.host(dice);
    const place = anyPlace(client, TOPICS);
    const ask = dice.pick([poll, poll, fetch, snapshot, offsets, offsetAt]);
    judge(client, place, await ask(client, host, place));
    await rest(client, 300);
  }
}

/** Every negative answer is judged alike. */
export function judge({ world }: Client, { topic, partition }: Place, answer: Answer<unknown>): void {
  if (codeOf(answer) === 'UNKNOWN_TOPIC_OR_PARTITION') world.model.unknownTopic(topic, partition, answer);
}

/** Around what there is, and now and then beside it. */
function anyOffset({ dice, world }: Client, { topic, partition }: Place): number {
  const life = world.truth.lives(topic).at(-1);
  const end = (life && world.truth.partition({ topicId: life.id, partition })?.records.length) ?? 0;
  return Math.max(0, dice.chance(0.2) ? end + dice.int(-2, 1) : dice.int(0, end));
}

async function poll(client: Client, host: Host, { topic, partition }: Place): Promise<Answer<unknown>> {
  const { world, dice } = client;
  const offset = anyOffset(client, { topic, partition });
  const wait = dice.chance(0.3) ? dice.int(1, 3_000) : 0;
  const options = { wait, maxRecords: dice.pick([1, 10, 1_000]), maxBytes: dice.pick([1, 5_000, 1_000_000]) };
  const what = `poll of ${topic}[${partition}] at ${offset}`;
  const answer = await ask(client, host, what, { errors: READ_ERRORS }, (log) =>
    log.poll(topic, partition, offset, options),
  );
  if ('value' in answer) {
    const { records, next, highWatermark } = answer.value;
    see(client, { topic, partition }, offset, records, answer);
    world.model.watermark(host.process.name, topic, partition, highWatermark, answer);
    if (next !== offset + records.length) {
      world.violate('reads are true', `${what} answered ${records.length} records and goes on at ${next}`);
    }
  }
  rangeJudged(client, { topic, partition }, offset, answer);
  return answer;
}

async function fetch(client: Client, host: Host, { topic, partition }: Place): Promise<Answer<unknown>> {
  const { world, dice } = client;
  const offset = anyOffset(client, { topic, partition });
  const what = `fetch of ${topic}[${partition}] at ${offset}`;
  const maxBytes = dice.pick([1, 5_000, 1_000_000]);
  const answer = await ask(client, host, what, { errors: READ_ERRORS }, (log) =>
    log.fetch(topic, partition, offset, { maxBytes }),
  );
  if ('value' in answer) {
    const records = answer.value.batches.flatMap((batch) => decodeBatch(batch));
    const first = records[0]?.offset ?? offset;
    if (first > offset || (records.length > 0 && records.at(-1)!.offset < offset)) {
      world.violate('reads are true', `${what} answered ${first} to ${records.at(-1)?.offset}`);
    }
    see(client, { topic, partition }, first, records, answer);
  }
  rangeJudged(client, { topic, partition }, offset, answer);
  return answer;
}

/** All that there is at the moment of the call. */
async function snapshot(client: Client, host: Host, { topic, partition }: Place): Promise<Answer<unknown>> {
  const what = `read of ${topic}[${partition}]`;
  const answer = await ask(client, host, what, { errors: READ_ERRORS }, async (log) => {
    const records: LogRecord[] = [];
    for await (const record of log.read(topic, { partition, follow: false })) records.push(record);
    return records;
  });
  if (!('value' in answer)) return answer;
  const records = answer.value;
  client.world.count('reads');
  client.world.model.read(topic, partition, records[0]?.offset ?? 0, records, answer);
  client.world.model.whole(topic, partition, records, answer);
  return answer;
}

function see(
  { world }: Client,
  { topic, partition }: Place,
  offset: number,
  records: readonly LogRecord[],
  when: Answer<unknown>,
): void {
  world.count('reads');
  world.model.read(topic, partition, offset, records, when);
  if (records.length === 0) world.model.nothing(topic, partition, offset, when);
}

function rangeJudged({ world }: Client, { topic, partition }: Place, offset: number, answer: Answer<unknown>): void {
  if (codeOf(answer) === 'OFFSET_OUT_OF_RANGE') world.model.outOfRange(topic, partition, offset, answer);
}

async function offsets(client: Client, host: Host, { topic, partition }: Place): Promise<Answer<unknown>> {
  const answer = await ask(client, host, `offsets of ${topic}[${partition}]`, { errors: READ_ERRORS }, (log) =>
    log.offsets(topic, partition),
  );
  if ('value' in answer) client.world.model.range(topic, partition, answer.value, answer);
  return answer;
}

async function offsetAt(client: Client, host: Host, { topic, partition }: Place): Promise<Answer<unknown>> {
  const { world, dice } = client;
  const timestamp = world.clock.now() - dice.int(-3_000, Math.ceil(world.clock.monotonic()));
  const what = `offset of ${timestamp} in ${topic}[${partition}]`;
  const answer = await ask(client, host, what, { errors: READ_ERRORS }, (log) =>
    log.offsetAt(topic, partition, timestamp),
  );
  if ('value' in answer) world.model.offsetAt(topic, partition, timestamp, answer.value, answer);
  return answer;
}
