import pLimit from 'p-limit';
import { type Clock, sleep } from '../clock.ts';
import type { Follow, Position } from './following.ts';
import { merge } from './merge.ts';
import { PAGE, type Partitions } from './partitions.ts';
import { patience } from './requests.ts';
import type { Topics } from './topics.ts';

export interface PollsDeps {
  topics: Topics;
  partitions: Partitions;
  clock: Clock;
  /** Milliseconds that a read goes on trying without an answer. */
  patience: number;
}

/** Requests of one client that wait at the same time: each holds a function, and a browser has six connections to an address. */
const WAITING = 4;
/** Milliseconds that a request waits: API Gateway's most; and when partitions have to take turns. */
const WAIT = 20_000;
const WAIT_IN_TURN = 2_000;
/** Milliseconds from one request of a partition to the next, so that a busy one is not asked for every record. */
const PACE = 500;
/** Milliseconds until it is looked whether the topic has grown. */
const ROUND = 60_000;

/** Follows by requests that wait for something to come. */
export function followByPolls(deps: PollsDeps): Follow {
  const { topics, partitions, clock } = deps;
  const slots = pLimit(WAITING);
  let followed = 0;

  /** One partition, until `end` by the monotonic clock. */
  async function* polls(topic: string, position: Position, end: number, signal: AbortSignal) {
    const trying = patience(clock, deps.patience, signal);
    while (!signal.aborted && clock.monotonic() < end) {
      const begun = clock.monotonic();
      try {
        const { records, next } = await slots(() => {
          const left = Math.max(0, Math.round(end - clock.monotonic()));
          const wait = Math.min(left, followed > WAITING ? WAIT_IN_TURN : WAIT);
          return partitions.poll(topic, position.partition, position.next, { ...PAGE, wait, signal });
        });
        trying.reset();
        position.next = next;
        if (records.length > 0) yield records;
      } catch (error) {
        if (signal.aborted) return;
        await trying.failed(error);
      }
      await sleep(clock, Math.max(0, begun + PACE - clock.monotonic()), signal);
    }
  }

  /** The partitions that the topic has grown by. */
  async function added(topic: string, known: number, signal: AbortSignal): Promise<Position[]> {
    const trying = patience(clock, deps.patience, signal);
    while (!signal.aborted) {
      try {
        const ids = Array.from({ length: (await topics.describe(topic)).partitions }, (_, id) => id).slice(known);
        return await Promise.all(
          ids.map(async (id) => ({ partition: id, next: (await partitions.offsets(topic, id, { signal })).earliest })),
        );
      } catch (error) {
        if (!signal.aborted) await trying.failed(error);
      }
    }
    return [];
  }

  return async function* follow(topic, positions, { whole, signal }) {
    const all = positions.map((position) => ({ ...position }));
    while (!signal.aborted) {
      const end = clock.monotonic() + ROUND;
      followed += all.length;
      try {
        yield* merge(
          all.map((position) => () => polls(topic, position, end, signal)),
          all.length,
        );
      } finally {
        followed -= all.length;
      }
      if (whole) all.push(...(await added(topic, all.length, signal)));
    }
  };
}
