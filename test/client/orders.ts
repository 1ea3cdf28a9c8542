import { afterEach, beforeEach } from 'vitest';
import type { Client, ReadOptions, ReadRecord } from '../../lib/client/client.ts';
import { type RunningDoor, runDoor } from '../doors/http/running-door.ts';
import { poll } from '../support/poll.ts';

/** For each test of a file a door of its own, with a topic `orders` of three partitions. */
export function doorWithOrders() {
  let door: RunningDoor;

  async function open(deps?: Parameters<typeof runDoor>[0]): Promise<void> {
    door = await runDoor(deps);
    await door.log.topics.create('orders', { partitions: 3 });
  }

  beforeEach(() => open());
  afterEach(() => door.close());

  return {
    get url() {
      return door.url;
    },
    get log() {
      return door.log;
    },
    close: () => door.close(),
    /** Another one in its place. */
    async replace(deps: Parameters<typeof runDoor>[0]) {
      await door.close();
      await open(deps);
    },
    append: (partition: number, ...values: unknown[]) =>
      door.log.append(
        'orders',
        values.map((value) => ({ partition, value: JSON.stringify(value) })),
      ),
  };
}

export const valuesOf = (records: readonly ReadRecord[], partition: number) =>
  records.filter((record) => record.partition === partition).map(({ value }) => value);

/** Follows `orders` in the background; what came is in `records`. */
export function following(client: Client, options: ReadOptions = {}) {
  const records: ReadRecord[] = [];
  const controller = new AbortController();
  const ended = (async () => {
    for await (const record of client.read('orders', { ...options, signal: controller.signal })) records.push(record);
  })();
  ended.catch(() => {});
  return {
    records,
    ended,
    stop: () => controller.abort(),
    count: (count: number) =>
      poll(`${count} records are there`, 25_000, () => (records.length >= count ? true : undefined)),
  };
}
