import { sleep } from '../../../lib/clock.ts';
import type { AppendedRecord, EventLog } from '../../../lib/log/event-log.ts';
import {
  type Answer,
  anyPlace,
  ask,
  type Client,
  codeOf,
  compose,
  isRetriable,
  PATIENCE_MS,
  type Place,
  PRODUCER_ERRORS,
  rest,
} from '../client.ts';
import type { Payload } from '../payload.ts';
import { FLEETING, TOPICS } from '../topics.ts';
import { encodePayloads, timeoutOf } from './appender.ts';

/** One batch of an idempotent producer, the same however often it is sent. */
interface Batch extends Place {
  payloads: readonly Payload[];
  producer: { id: number; epoch: number; sequence: number };
  raw: Uint8Array | undefined;
}

interface Lane extends Place {
  id: number;
  epoch: number;
  sequence: number;
}

type Sent = Answer<AppendedRecord>;

const ALLOCATE_ERRORS = ['KAFKA_STORAGE_ERROR', 'REQUEST_TIMED_OUT'] as const;

/**
 * An idempotent producer that keeps its own sequences: what is not answered it sends again, the same, through any process, until
 * it is told. Sometimes it gives a batch up and goes on under the next epoch, while the old batch is still being sent.
 */
export async function resender(client: Client): Promise<void> {
  const { world, dice } = client;
  const lanes = new Map<string, Lane>();
  while (world.phase() === 'chaos') {
    const place = anyPlace(client, TOPICS);
    const key = `${place.topic}[${place.partition}]`;
    const lane = lanes.get(key) ?? (await newLane(client, place));
    if (!lane) continue;
    const goesOn = dice.chance(0.3) ? await pipelined(client, lane) : await oneByOne(client, lane);
    if (goesOn) lanes.set(key, lane);
    else lanes.delete(key);
    await rest(client, 500);
  }
}

async function newLane(client: Client, place: Place): Promise<Lane | undefined> {
  const { world, dice } = client;
  const answer = await ask(client, world.host(dice), 'allocate', { errors: ALLOCATE_ERRORS }, (log) =>
    log.allocateProducer(),
  );
  if (!('value' in answer)) return undefined;
  return { ...place, ...answer.value, sequence: 0 };
}

/** Answers whether the lane can go on. */
async function oneByOne(client: Client, lane: Lane): Promise<boolean> {
  const { dice } = client;
  const batch = nextBatch(client, lane);
  const first = await send(client, batch);
  if (isRetriable(first) && dice.chance(0.2)) {
    // In doubt, so the next epoch: from its first batch on the old one can no longer land.
    lane.epoch++;
    lane.sequence = 0;
    void haunt(client, batch);
    return true;
  }
  const answer = await insist(client, batch, first);
  return judge(client, batch, answer, false);
}

/** Two batches on their way at the same time. */
async function pipelined(client: Client, lane: Lane): Promise<boolean> {
  const host = client.world.host(client.dice);
  const batches = [nextBatch(client, lane), nextBatch(client, lane)] as const;
  const sent = await Promise.all(batches.map((batch) => send(client, batch, host)));
  for (const [i, batch] of batches.entries()) {
    const first = sent[i]!;
    const outOfOrder = codeOf(first) === 'OUT_OF_ORDER_SEQUENCE_NUMBER' || codeOf(first) === 'UNKNOWN_PRODUCER_ID';
    const again = i === 1 && outOfOrder && codeOf(sent[0]!) !== undefined;
    const answer = await insist(client, batch, again ? await send(client, batch) : first);
    if (!judge(client, batch, answer, i === 0)) return false;
  }
  return true;
}

function nextBatch(client: Client, lane: Lane): Batch {
  const { topic, partition, id, epoch, sequence } = lane;
  const payloads = compose(client, lane, client.dice.int(1, 4));
  lane.sequence += payloads.length;
  const producer = { id, epoch, sequence };
  const raw = client.dice.chance(0.3) ? encodePayloads(payloads, 'none', producer) : undefined;
  return { topic, partition, payloads, producer, raw };
}

function send(client: Client, batch: Batch, host = client.world.host(client.dice)): Promise<Sent> {
  const { topic, partition, payloads, producer, raw } = batch;
  const timeout = timeoutOf(client);
  const what = `append of ${producer.id}/${producer.epoch}/${producer.sequence} to ${topic}[${partition}]`;
  const call = (log: EventLog) => {
    if (raw) return log.appendBatch(topic, partition, raw, { timeout });
    const records = payloads.map(({ record }) => record);
    return log.append(topic, records, { timeout, producer }).then(([first]) => first!);
  };
  return ask(client, host, what, { limit: timeout, errors: PRODUCER_ERRORS }, call);
}

/** Sends until the answer is not "try again". */
async function insist(client: Client, batch: Batch, first: Sent): Promise<Sent> {
  const { world } = client;
  const since = world.clock.monotonic();
  let answer = first;
  for (let pause = 50; isRetriable(answer); pause = Math.min(pause * 2, 2_000)) {
    if (world.phase() === 'healing' && world.clock.monotonic() - since > PATIENCE_MS) {
      world.violate('all is read', `${client.name} cannot append though nothing fails: ${codeOf(answer)}`);
      break;
    }
    await sleep(world.clock, pause);
    world.count('resent');
    answer = await send(client, batch);
  }
  return answer;
}

/** A client that does not know that its epoch is over. */
async function haunt(client: Client, batch: Batch): Promise<void> {
  for (let i = client.dice.int(1, 3); i > 0; i--) {
    await rest(client, 3_000);
    if (client.world.phase() === 'over') return;
    const answer = await send(client, batch);
    if ('value' in answer) judge(client, batch, answer, true);
  }
}

/** Judges a last answer. `overtaken`: a later batch was sent before this one was answered. Answers whether the lane can go on. */
function judge({ world, name }: Client, batch: Batch, answer: Sent, overtaken: boolean): boolean {
  const { topic, partition, payloads, producer } = batch;
  if ('value' in answer) {
    for (const [i, payload] of payloads.entries()) {
      world.count('idempotent records acknowledged');
      // The first of several answers may have been lost: then the batch is there since before.
      world.model.acknowledged(payload, answer.value.offset + i, { from: 0, to: answer.to });
    }
    return true;
  }
  const code = codeOf(answer);
  if (code === 'UNKNOWN_TOPIC_OR_PARTITION') world.model.unknownTopic(topic, partition, answer);
  else if (code === 'DUPLICATE_SEQUENCE_NUMBER' && overtaken) return true;
  else if (code !== 'lost' && topic !== FLEETING) {
    const { id, epoch, sequence } = producer;
    world.violate('producer order', `${name}: ${id}/${epoch}/${sequence} came in its turn and was refused: ${code}`);
  }
  return false;
}
