import { VarveError } from '../../../lib/errors.ts';
import { encodeBatch } from '../../../lib/format/records/batch.ts';
import { APPEND_ERRORS, anyPlace, ask, type Client, compose, type Place, rest } from '../client.ts';
import type { Host } from '../host.ts';
import type { Interval } from '../model.ts';
import type { Payload } from '../payload.ts';
import { FLEETING, TOPICS } from '../topics.ts';

/** Appends without a producer id, sometimes several calls without waiting, and never sends anything again. */
export async function appender(client: Client): Promise<void> {
  const { world, dice } = client;
  while (world.phase() === 'chaos') {
    const host = world.host(dice);
    const calls = dice.chance(0.7) ? 1 : dice.int(2, 6);
    const place = anyPlace(client, TOPICS);
    const answered = await Promise.all(
      Array.from({ length: calls }, () => {
        const to = dice.chance(0.8) ? place : anyPlace(client, TOPICS);
        const payloads = compose(client, to, dice.int(1, 5));
        return dice.chance(0.25) ? appendRaw(client, host, to, payloads) : append(client, host, to, payloads);
      }),
    );
    checkOrder(client, answered);
    await rest(client, 400);
  }
}

interface Answered extends Place {
  payloads: readonly Payload[];
  /** Of the first record, when it was acknowledged. */
  offset: number | undefined;
}

async function append(client: Client, host: Host, to: Place, payloads: readonly Payload[]): Promise<Answered> {
  const timeout = timeoutOf(client);
  const answer = await ask(
    client,
    host,
    `append of ${payloads[0]!.name} to ${to.topic}[${to.partition}]`,
    { limit: timeout, errors: APPEND_ERRORS },
    (log) =>
      log.appendSettled(
        to.topic,
        payloads.map(({ record }) => record),
        { timeout, compression: client.dice.pick(['none', 'none', 'gzip']) },
      ),
  );
  payloads.forEach((payload, i) => {
    judge(client, payload, answer, 'value' in answer ? answer.value[i]! : answer.error);
  });
  const first = 'value' in answer ? answer.value[0] : undefined;
  return { ...to, payloads, offset: first && !(first instanceof VarveError) ? first.offset : undefined };
}

async function appendRaw(client: Client, host: Host, to: Place, payloads: readonly Payload[]): Promise<Answered> {
  const timeout = timeoutOf(client);
  const batch = encodePayloads(payloads, client.dice.pick(['none', 'gzip', 'zstd']));
  const answer = await ask(
    client,
    host,
    `append of the batch ${payloads[0]!.name} to ${to.topic}[${to.partition}]`,
    { limit: timeout, errors: APPEND_ERRORS },
    (log) => log.appendBatch(to.topic, to.partition, batch, { timeout }),
  );
  payloads.forEach((payload, i) => {
    judge(client, payload, answer, 'value' in answer ? { offset: answer.value.offset + i } : answer.error);
  });
  return { ...to, payloads, offset: 'value' in answer ? answer.value.offset : undefined };
}

export function encodePayloads(
  payloads: readonly Payload[],
  compression: 'none' | 'gzip' | 'zstd',
  producer?: { id: number; epoch: number; sequence: number },
): Uint8Array {
  const bytes = (text: unknown) => Buffer.from(String(text));
  const records = payloads.map(({ record, timestamp }) => ({
    key: bytes(record.key),
    value: bytes(record.value),
    headers: record.headers!.map(({ key, value }) => ({ key, value: bytes(value) })),
    timestamp,
  }));
  return encodeBatch(records, { compression, ...(producer && { producer }) });
}

function judge({ world }: Client, payload: Payload, when: Interval, outcome: { offset: number } | Error): void {
  if ('offset' in outcome) {
    world.count('records acknowledged');
    world.model.acknowledged(payload, outcome.offset, when);
  } else if (outcome instanceof VarveError && outcome.code !== 'REQUEST_TIMED_OUT') {
    world.model.refused(payload, outcome.code);
    if (outcome.code === 'UNKNOWN_TOPIC_OR_PARTITION') {
      world.model.unknownTopic(payload.topic, payload.partition, when);
    }
  }
}

/** Calls that one client makes through one process without waiting are appended in the order of the calls. */
function checkOrder({ world, name }: Client, answered: readonly Answered[]): void {
  for (const group of Map.groupBy(answered, ({ topic, partition }) => `${topic}[${partition}]`).values()) {
    let last: Answered | undefined;
    for (const one of group) {
      if (one.offset === undefined) continue;
      const sameLife = world.truth.places(one.payloads[0]!.name)[0]?.partition;
      const lastLife = last && world.truth.places(last.payloads[0]!.name)[0]?.partition;
      if (last && one.topic !== FLEETING && sameLife === lastLife && one.offset < last.offset!) {
        world.violate(
          'order of calls',
          `${name} appended ${last.payloads[0]!.name} before ${one.payloads[0]!.name}, they are at ${last.offset} and ${one.offset}`,
        );
      }
      last = one;
    }
  }
}

export function timeoutOf({ dice }: Client): number {
  return dice.chance(0.5) ? 30_000 : dice.pick([20, 200, 2_000, 10_000]);
}
