import { connect } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import type { HttpLimits } from '../../../lib/doors/http/limits.ts';
import type { EventLog } from '../../../lib/log/event-log.ts';
import { openMemory } from '../../../lib/open/memory.ts';
import { travelClock } from '../../support/clock.ts';
import { poll } from '../../support/poll.ts';
import { seeded } from '../../support/random.ts';
import { type EventReader, openEvents } from './event-reader.ts';
import { type RunningDoor, runDoor } from './running-door.ts';

const open: RunningDoor[] = [];
afterEach(async () => {
  for (const door of open.splice(0)) await door.close();
});

async function doorWith(partitions: number, limits: Partial<HttpLimits> = {}, log?: EventLog): Promise<RunningDoor> {
  const door = await runDoor({ limits, ...(log && { log }) });
  open.push(door);
  await door.log.topics.create('t', { partitions });
  return door;
}

async function followed(door: RunningDoor): Promise<number> {
  const { body } = await door.ask('GET', '/metrics');
  return Number(/^varve_http_followed_partitions (\d+)$/m.exec(body)![1]);
}

const take = async (reader: EventReader, count: number) => {
  const events = [];
  while (events.length < count) events.push((await reader.next())!);
  return events;
};

describe('events of a partition', () => {
  test('each record is an event whose id is its offset; reading goes on after the last one', async () => {
    const door = await doorWith(1);
    const url = `${door.url}/api/topics/t/partitions/0/events`;
    await door.log.append('t', [{ value: '0' }]);
    const first = await openEvents(url);
    expect(first.status).toBe(200);
    await door.log.append('t', [{ key: 'k', value: '{"n":1}' }, { value: '2' }, { value: '3' }]);
    const [one, two] = await take(first, 2);
    expect(one).toMatchObject({
      id: '1',
      event: 'message',
      data: { partition: 0, offset: 1, key: 'k', value: { n: 1 } },
    });
    expect(two).toMatchObject({ id: '2', data: { value: 2 } });
    first.close();

    const second = await openEvents(url, two!.id);
    expect(await second.next()).toMatchObject({ id: '3', data: { value: 3 } });
    second.close();
    const byQuery = await openEvents(`${url}?last_event_id=0`);
    expect(await byQuery.next()).toMatchObject({ id: '1' });
    byQuery.close();
    const fromStart = await openEvents(`${url}?from=earliest`);
    expect((await take(fromStart, 4)).map(({ id }) => id)).toEqual(['0', '1', '2', '3']);
    fromStart.close();
  });

  test('who is cut off before the first event misses nothing', async () => {
    const door = await doorWith(2);
    for (const path of ['partitions/0/events', 'events']) {
      const url = `${door.url}/api/topics/t/${path}`;
      const first = await openEvents(url);
      const waiting = first.next().catch(() => undefined);
      await poll('the first id', 5_000, () => first.lastEventId || undefined);
      first.close();
      await waiting;
      await door.log.append('t', [{ value: JSON.stringify(path), partition: 0 }]);
      const second = await openEvents(url, first.lastEventId);
      expect(await second.next()).toMatchObject({ data: { value: path } });
      second.close();
    }
  });

  test('JSON that spans lines stays one event', async () => {
    const door = await doorWith(1);
    await door.log.append('t', [{ value: '{\r\n "a":\n1\r}' }]);
    const reader = await openEvents(`${door.url}/api/topics/t/partitions/0/events?from=0`);
    expect((await reader.next())!.data.value).toEqual({ a: 1 });
    reader.close();
  });
});

describe('events of a topic', () => {
  test('a reader that is cut off again and again gets every record once, in order per partition', async () => {
    const door = await doorWith(3);
    const random = seeded(20261122);
    const count = 3_000;
    const writing = (async () => {
      for (let n = 0; n < count; n += 10) {
        await door.log.append(
          't',
          Array.from({ length: 10 }, (_, i) => ({ value: `${n + i}`, partition: Math.floor(random() * 3) })),
        );
      }
    })();
    const seen = new Set<number>();
    const ends = [-1, -1, -1];
    let last: string | undefined;
    while (seen.size < count) {
      const reader = await openEvents(`${door.url}/api/topics/t/events?from=earliest`, last);
      for (let left = Math.floor(random() * 400); left >= 0 && seen.size < count; left--) {
        const { data, id } = (await reader.next())!;
        expect(data.offset).toBe(ends[data.partition]! + 1);
        ends[data.partition] = data.offset;
        seen.add(data.value);
        last = id;
      }
      reader.close();
    }
    await writing;
    const latest = await Promise.all(
      [0, 1, 2].map(async (partition) => (await door.log.offsets('t', partition)).latest - 1),
    );
    expect(ends).toEqual(latest);
    expect(last).toBe(latest.map((offset, partition) => `${partition}:${offset}`).join(','));
  });

  test('partitions that were added since are read from their start', async () => {
    const door = await doorWith(1);
    const first = await openEvents(`${door.url}/api/topics/t/events`);
    await door.log.append('t', [{ value: '0' }]);
    expect((await first.next())!.id).toBe('0:0');
    first.close();
    await door.log.topics.grow('t', 2);
    await door.log.append('t', [{ value: '1', partition: 1 }]);
    const second = await openEvents(`${door.url}/api/topics/t/events`, first.lastEventId);
    expect(await second.next()).toMatchObject({ id: '0:0,1:0', data: { partition: 1, value: 1 } });
    second.close();
  });
});

describe('what a stream holds', () => {
  test('a silent stream says that it is alive', async () => {
    const door = await doorWith(1, { heartbeat: 20 });
    const reader = await openEvents(`${door.url}/api/topics/t/events`);
    expect(await reader.comment()).toBe('alive');
    await door.log.append('t', [{ value: '1' }]);
    expect((await reader.next())!.data.value).toBe(1);
    reader.close();
  });

  test('a stream with a longest duration ends, and goes on where it ended', async () => {
    const clock = travelClock();
    const door = await runDoor({ limits: { maxStream: 60_000 }, clock });
    open.push(door);
    await door.log.topics.create('t');
    const url = `${door.url}/api/topics/t/events`;
    const first = await openEvents(url);
    await door.log.append('t', [{ value: '1' }]);
    expect((await first.next())!.data.value).toBe(1);
    clock.advance(60_000);
    expect(await first.next()).toBeUndefined();
    await door.log.append('t', [{ value: '2' }]);
    const second = await openEvents(url, first.lastEventId);
    expect((await second.next())!.data.value).toBe(2);
    second.close();
  });

  test('a reader that takes nothing is not read ahead for, and then gets everything', async () => {
    const memory = await openMemory();
    let taken = 0;
    const counting: EventLog = {
      ...memory,
      async *read(...asked) {
        for await (const record of memory.read(...asked)) {
          taken++;
          yield record;
        }
      },
    };
    const door = await doorWith(1, {}, counting);
    const count = 3_000;
    const value = JSON.stringify('x'.repeat(10_000));
    for (let n = 0; n < count; n += 100)
      await memory.append(
        't',
        Array.from({ length: 100 }, () => ({ value })),
      );

    const socket = connect(door.port, '127.0.0.1');
    socket.write(
      'GET /api/topics/t/partitions/0/events?from=0 HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n',
    );
    let steady = 0;
    let before = -1;
    await poll('the stream waits for its reader', 20_000, () => {
      steady = taken === before && taken > 0 ? steady + 1 : 0;
      before = taken;
      return steady > 20 ? true : undefined;
    });
    expect(taken).toBeLessThan(count * 0.8);

    let text = '';
    socket.setEncoding('utf8');
    for await (const piece of socket) {
      text += String(piece).replaceAll(/x{2,}/g, '');
      if (text.includes(`id: ${count - 1}\n`)) break;
    }
    const ids = [...text.matchAll(/^id: (\d+)$/gm)].map(([, id]) => Number(id));
    expect(ids).toEqual(Array.from({ length: count }, (_, offset) => offset));
    socket.destroy();
  });

  test('a client that goes leaves nothing behind', async () => {
    const memory = await openMemory();
    const signals: AbortSignal[] = [];
    const watched: EventLog = {
      ...memory,
      read(topic, options) {
        signals.push(options!.signal!);
        return memory.read(topic, options);
      },
    };
    const door = await doorWith(4, {}, watched);
    const readers = await Promise.all([1, 2, 3].map(() => openEvents(`${door.url}/api/topics/t/events`)));
    expect(await followed(door)).toBe(12);
    for (const reader of readers) reader.close();
    await poll('all reads ended', 5_000, () => (signals.every(({ aborted }) => aborted) ? true : undefined));
    await poll('nothing is followed', 5_000, async () => ((await followed(door)) === 0 ? true : undefined));
  });

  test('more streams than are allowed are refused, to be tried again', async () => {
    const door = await doorWith(2, { maxFollowed: 3 });
    const first = await openEvents(`${door.url}/api/topics/t/events`);
    const refused = await door.ask('GET', '/api/topics/t/events');
    expect(refused).toMatchObject({ status: 429, body: { code: 'THROTTLING_QUOTA_EXCEEDED', retriable: true } });
    expect(refused.headers.get('retry-after')).toBe('1');
    first.close();
  });

  test('streams and waiting reads end when the process stops', async () => {
    const door = await doorWith(1);
    const reader = await openEvents(`${door.url}/api/topics/t/events`);
    const waiting = door.ask('GET', '/api/topics/t/partitions/0/records?wait=20000');
    await poll('the read waits', 5_000, async () => ((await followed(door)) === 1 ? true : undefined));
    open.pop();
    await door.close();
    // What does not end by itself is cut off, and has no answer.
    expect(await reader.next()).toBeUndefined();
    expect(await waiting).toMatchObject({ status: 200, body: { records: [], next: 0 } });
  });

  test('a topic that is deleted ends its streams with the reason', async () => {
    const door = await doorWith(1);
    const reader = await openEvents(`${door.url}/api/topics/t/events`);
    await door.log.topics.delete('t');
    expect(await reader.next()).toMatchObject({ event: 'failure', data: { code: 'UNKNOWN_TOPIC_OR_PARTITION' } });
    expect(await reader.next()).toBeUndefined();
  });
});
