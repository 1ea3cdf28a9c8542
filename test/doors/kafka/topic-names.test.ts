import { randomUUID } from 'node:crypto';
import { afterEach, expect, test } from 'vitest';
import { createTopicNames } from '../../../lib/doors/kafka/topic-names.ts';
import type { EventLog } from '../../../lib/log/event-log.ts';
import { openMemory } from '../../../lib/open/memory.ts';

let log: EventLog;
afterEach(() => log.close());

/** The log, whose lists of topics wait to be let through, one after the other. */
function held(over: EventLog) {
  const doors: (() => void)[] = [];
  const list: EventLog['topics']['list'] = async (options) => {
    await new Promise<void>((resolve) => doors.push(resolve));
    return over.topics.list(options);
  };
  return { log: { ...over, topics: { ...over.topics, list } }, doors };
}

test('who asks for an id first is answered first, also when the next need not look for it any more', async () => {
  log = await openMemory();
  const { id } = await log.topics.create('orders');
  const { log: slow, doors } = held(log);
  const names = createTopicNames(slow);
  const answered: string[] = [];
  const ask = async (who: string) => {
    expect((await names.of([id])).get(id)).toBe('orders');
    answered.push(who);
  };
  const first = ask('first');
  await Promise.resolve();
  const second = ask('second');
  await expect.poll(() => doors.length).toBe(1);
  doors[0]!();
  await first;
  await ask('third');
  await second;
  expect(answered).toEqual(['first', 'second', 'third']);
});

test('one look through the topics serves all who ask before it has begun', async () => {
  log = await openMemory();
  const topics = await Promise.all(['a', 'b', 'c'].map((name) => log.topics.create(name)));
  const { log: slow, doors } = held(log);
  const names = createTopicNames(slow);
  const nowhere = randomUUID();
  const asked = [...topics.map(({ id }) => [id]), [nowhere]].map((ids) => names.of(ids));
  await expect.poll(() => doors.length).toBe(1);
  doors[0]!();
  expect((await Promise.all(asked)).map((found) => [...found.values()])).toEqual([['a'], ['b'], ['c'], []]);
  expect(doors).toHaveLength(1);
});

test('a topic that was made after an id was not found is found', async () => {
  log = await openMemory();
  const names = createTopicNames(log);
  const id = randomUUID();
  expect(await names.of([id])).toEqual(new Map());
  await log.topics.create('late', { id });
  expect(await names.of([id])).toEqual(new Map([[id, 'late']]));
});
