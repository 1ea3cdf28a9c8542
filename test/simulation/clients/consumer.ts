import { sleep } from '../../../lib/clock.ts';
import type { ErrorCode } from '../../../lib/errors.ts';
import type { Consumer } from '../../../lib/log/groups/consumer.ts';
import { ask, type Client, codeOf, READ_ERRORS, rest } from '../client.ts';
import type { Host } from '../host.ts';
import { GROWING, STEADY } from '../topics.ts';

export const GROUP = 'billing';

const COMMIT_ERRORS: readonly ErrorCode[] = ['ILLEGAL_GENERATION', 'KAFKA_STORAGE_ERROR', 'REQUEST_TIMED_OUT'];

/** Consumes for the group, works for a while on each batch, commits most of them, and is now and then closed or forgotten. */
export async function consumer(client: Client): Promise<void> {
  const { world, dice } = client;
  while (world.phase() !== 'over') {
    const host = world.host(dice);
    const answer = await ask(client, host, 'consumer', { errors: [] }, async (log) =>
      log.consumer({ group: GROUP, topics: [STEADY, GROWING], maxRecords: dice.pick([1, 7, 500]) }),
    );
    if ('value' in answer) await consume(client, host, answer.value);
    await rest(client, 1_000);
  }
}

async function consume(client: Client, host: Host, consumer: Consumer): Promise<void> {
  const { world, dice } = client;
  const iterator = consumer[Symbol.asyncIterator]();
  const closeAt = dice.around(world.phase() === 'chaos' ? 30_000 : 120_000);
  const cancel = world.clock.schedule(closeAt, () => void close(client, host, consumer));
  const over = world.whenOver(() => void close(client, host, consumer));
  const consumerName = `${client.name}@${host.process.name}#${world.clock.monotonic().toFixed(3)}`;
  for (;;) {
    const next = await ask(client, host, 'next batch', { errors: READ_ERRORS, limit: Number.POSITIVE_INFINITY }, () =>
      iterator.next(),
    );
    if (!('value' in next) || next.value.done) break;
    const { topic, partition, records, commit } = next.value.value;
    world.groups.delivered(GROUP, consumerName, topic, partition, records);
    if (world.phase() === 'chaos') await sleep(world.clock, dice.around(30));
    if (world.phase() === 'chaos' && dice.chance(0.3)) continue;
    const committed = await ask(client, host, 'commit', { errors: COMMIT_ERRORS }, commit);
    world.count(`commit ${codeOf(committed) ?? 'done'}`);
  }
  cancel();
  over();
  if (host.process.alive) await close(client, host, consumer);
}

async function close(client: Client, host: Host, consumer: Consumer): Promise<void> {
  if (host.process.alive) await ask(client, host, 'close of a consumer', { errors: [] }, () => consumer.close());
}
