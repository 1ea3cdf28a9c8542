import type { ReadRecord } from '../../../lib/log/event-log.ts';
import { ask, type Client, codeOf, READ_ERRORS, rest } from '../client.ts';
import type { Host } from '../host.ts';
import { Lost } from '../process.ts';
import { FLEETING } from '../topics.ts';
import { judge } from './reader.ts';

/** Follows all partitions of a topic from the beginning, through one process after the other, and misses nothing. */
export function follower(topic: string) {
  return async function follow(client: Client): Promise<void> {
    const { world, dice } = client;
    const positions: Record<number, number> = {};
    if (topic !== FLEETING) world.goal(() => world.model.unread(client.name, topic, positions));
    while (world.phase() !== 'over') {
      await followIn(client, world.host(dice), topic, positions);
      await rest(client, 300);
    }
  };
}

async function followIn(client: Client, host: Host, topic: string, positions: Record<number, number>): Promise<void> {
  const { world, dice } = client;
  const stop = new AbortController();
  const stopLater = world.clock.schedule(dice.around(10_000), () => stop.abort());
  const from = world.clock.monotonic();
  const what = `following ${topic}`;
  const partition = world.phase() === 'chaos' && dice.chance(0.3) ? 0 : undefined;
  world.note(`${client.name} follows ${partition ?? 'all'} in ${host.process.name} from ${JSON.stringify(positions)}`);
  // The call ends when its time is up, at the latest.
  const answer = await ask(
    client,
    host,
    what,
    { errors: READ_ERRORS, limit: Number.POSITIVE_INFINITY },
    async (log) => {
      const options = {
        positions: { ...positions },
        signal: stop.signal,
        ...(partition !== undefined && { partition }),
      };
      for await (const record of log.read(topic, options)) {
        see(client, topic, positions, record, from);
        if (world.phase() === 'over') stop.abort();
      }
    },
  );
  stopLater();
  const code = codeOf(answer);
  if (code === 'OFFSET_OUT_OF_RANGE' || (code !== undefined && topic === FLEETING)) {
    for (const at of Object.keys(positions)) {
      if (topic === FLEETING || world.model.isDeleted(topic, Number(at), positions[Number(at)]!))
        delete positions[Number(at)];
    }
  }
  judge(client, { topic, partition: partition ?? 0 }, answer);
  if (!('error' in answer && answer.error instanceof Lost)) world.count('followed');
}

function see(client: Client, topic: string, positions: Record<number, number>, record: ReadRecord, from: number): void {
  const { world, name } = client;
  const { partition, offset } = record;
  const expected = positions[partition];
  const when = { from, to: world.clock.monotonic() };
  if (expected !== undefined && offset !== expected) {
    world.violate('reads are true', `${name} was given ${offset} of ${topic}[${partition}], ${expected} was next`);
  } else if (expected === undefined) {
    world.model.begins(topic, partition, offset, when);
  }
  world.model.read(topic, partition, offset, [record], when);
  positions[partition] = offset + 1;
}
