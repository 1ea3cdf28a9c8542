import type { Producer } from '../../../lib/log/producer.ts';
import { APPEND_ERRORS, anyPlace, ask, type Client, compose, type Place, rest } from '../client.ts';
import type { Host } from '../host.ts';
import type { Payload } from '../payload.ts';
import { TOPICS } from '../topics.ts';
import { timeoutOf } from './appender.ts';

/** Uses the library's producer, many calls at a time; begins with a new one when its process dies. */
export async function producer(client: Client): Promise<void> {
  const { world, dice } = client;
  while (world.phase() === 'chaos') {
    const host = world.host(dice);
    const opened = await ask(client, host, 'producer', { errors: APPEND_ERRORS }, (log) => log.producer());
    if (!('value' in opened)) {
      await rest(client, 500);
      continue;
    }
    const sent = new Map<string, Payload[]>();
    while (world.phase() === 'chaos' && host.process.alive && dice.chance(0.95)) {
      await Promise.all(Array.from({ length: dice.int(1, 5) }, () => append(client, host, opened.value, sent)));
      await rest(client, 400);
    }
    world.model.inOrder(`the producer of ${client.name}`, [...sent.values()]);
  }
}

async function append(client: Client, host: Host, producer: Producer, sent: Map<string, Payload[]>): Promise<void> {
  const { world } = client;
  const to: Place = anyPlace(client, TOPICS);
  const payloads = compose(client, to, client.dice.int(1, 4));
  const lane = `${to.topic}[${to.partition}]`;
  sent.set(lane, [...(sent.get(lane) ?? []), ...payloads]);
  const timeout = timeoutOf(client);
  const what = `producer's append of ${payloads[0]!.name} to ${lane}`;
  const answer = await ask(client, host, what, { limit: timeout, errors: APPEND_ERRORS }, () =>
    producer.append(
      to.topic,
      payloads.map(({ record }) => record),
      { timeout },
    ),
  );
  if (!('value' in answer)) return;
  for (const [i, payload] of payloads.entries()) {
    world.count('producer records acknowledged');
    world.model.acknowledged(payload, answer.value[i]!.offset, answer);
  }
}
