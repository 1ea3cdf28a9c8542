/** Server-sent events that follow a partition or a topic. https://html.spec.whatwg.org/multipage/server-sent-events.html */
import { type Context, Hono } from 'hono';
import { VarveError } from '../../../errors.ts';
import type { From } from '../../../log/event-log.ts';
import type { Door } from '../door.ts';
import { HttpProblem } from '../errors.ts';
import { parseFrom, partitionOf, resolveFrom } from '../params.ts';
import { endings, linked } from '../read.ts';
import { type Positions, parsePositions } from './positions.ts';
import { eventStream } from './stream.ts';

/** Partitions whose start is looked up at the same time. */
const AT_ONCE = 16;

export function events(door: Door): Hono {
  const app = new Hono();
  let followed = 0;

  app.get('/api/topics/:topic/events', (c) => open(c, c.req.param('topic')));
  app.get('/api/topics/:topic/partitions/:partition/events', (c) => open(c, c.req.param('topic'), partitionOf(c)));

  async function open(c: Context, topic: string, single?: number): Promise<Response> {
    const { log, limits, metrics } = door;
    const { partitions } = await log.topics.describe(topic);
    const wanted = single === undefined ? Array.from({ length: partitions }, (_, id) => id) : [single];
    if (wanted.length > limits.maxFollowedAtOnce) {
      throw new HttpProblem(
        'INVALID_PARAMETER',
        `One stream follows at most ${limits.maxFollowedAtOnce} partitions; follow the partitions of this topic one by one.`,
      );
    }
    const positions = await start(c, topic, partitions, wanted, single);
    const headers = { 'content-type': 'text/event-stream; charset=utf-8', 'x-accel-buffering': 'no' };
    // Nobody would take what follows, nor end it.
    if (c.req.method === 'HEAD') return c.body(null, { headers });
    if (followed + wanted.length > limits.maxFollowed) {
      throw new HttpProblem('TOO_BUSY', 'Too many event streams are open; try again later.');
    }
    const count = (change: number) => {
      followed += change;
      metrics.following(change);
    };
    count(wanted.length);
    const ended = linked(endings(c, door));
    const body = eventStream(door, topic, positions, {
      single: single !== undefined,
      signal: ended.signal,
      onEnd() {
        ended.abort();
        ended.unlink();
        count(-wanted.length);
      },
    });
    return c.newResponse(body, { headers });
  }

  /** After the last event that the reader has, else where `from` says. Every position is checked while an error can still be answered. */
  async function start(c: Context, topic: string, partitions: number, wanted: number[], single?: number) {
    const { log } = door;
    const last = c.req.header('last-event-id') ?? c.req.query('last_event_id');
    const known: Positions = last ? parsePositions(last, partitions, single) : new Map();
    // A partition that the reader does not know of was added after it began: nothing of it was seen.
    const from: From = last ? 'earliest' : parseFrom(c.req.query('from') ?? 'latest');
    if (typeof from === 'number' && single === undefined) {
      throw new HttpProblem(
        'INVALID_PARAMETER',
        'An offset is one of a partition: follow /partitions/{p}/events from it.',
      );
    }
    const positions: Positions = new Map();
    for (let at = 0; at < wanted.length; at += AT_ONCE) {
      const offsets = wanted.slice(at, at + AT_ONCE).map(async (partition): Promise<[number, number]> => {
        const seen = known.get(partition);
        const offset = seen === undefined ? await resolveFrom(log, topic, partition, from) : seen + 1;
        const { earliest, latest } = await log.offsets(topic, partition);
        if (offset >= earliest && offset <= latest) return [partition, offset - 1];
        throw new VarveError(
          'OFFSET_OUT_OF_RANGE',
          `offset ${offset} of partition ${partition} is not between ${earliest} and ${latest}: start again with from=earliest`,
        );
      });
      for (const [partition, seen] of await Promise.all(offsets)) positions.set(partition, seen);
    }
    return positions;
  }

  return app;
}
