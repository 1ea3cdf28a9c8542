import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EventLog } from '../../../lib/log/event-log.ts';
import { openMemory } from '../../../lib/open/memory.ts';
import { type TravelClock, travelClock } from '../../support/clock.ts';
import { codeOf } from '../../support/code-of.ts';
import { poll } from '../../support/poll.ts';
import { nextBatch, numbered, take, valuesOf } from './batches.ts';

describe('a consumer', () => {
  let clock: TravelClock;
  let log: EventLog;
  beforeEach(async () => {
    clock = travelClock();
    log = await openMemory({ clock });
    await log.topics.create('orders', { partitions: 4 });
  });
  afterEach(() => log.close());

  const consume = (options: Partial<Parameters<EventLog['consumer']>[0]> = {}) =>
    log.consumer({ group: 'billing', topics: ['orders'], ...options });

  it('reads all partitions of its topics, each in order', async () => {
    await log.topics.create('refunds');
    for (let partition = 0; partition < 4; partition++) await log.append('orders', numbered(0, 100, partition));
    await log.append('refunds', numbered(0, 100));
    const consumer = consume({ topics: ['orders', 'refunds', 'orders'], maxRecords: 30 });

    const batches = await take(consumer, 500);

    for (const [, own] of Map.groupBy(batches, ({ topic, partition }) => `${topic}-${partition}`)) {
      expect(own.flatMap(valuesOf)).toEqual(numbered(0, 100).map(({ value }) => value));
      expect(own.flatMap(({ records }) => records.map(({ offset }) => offset))).toEqual([...Array(100).keys()]);
      for (const { records } of own) expect(records.length).toBeLessThanOrEqual(30);
    }
    expect(new Set(batches.map(({ topic, partition }) => `${topic}-${partition}`)).size).toBe(5);
    await consumer.close();
  });

  it('waits for what is yet to come', async () => {
    const consumer = consume();
    const first = nextBatch(consumer);
    await log.append('orders', numbered(0, 1, 3));
    expect(await first).toMatchObject({ topic: 'orders', partition: 3 });
    const second = nextBatch(consumer);
    await log.append('orders', numbered(1, 2, 3));
    expect(valuesOf(await second)).toEqual(['1']);
    await consumer.close();
  });

  it('goes on from what its group committed', async () => {
    await log.append('orders', numbered(0, 10));
    const first = consume({ maxRecords: 4 });
    const [a, b] = await take(first, 8);
    await a!.commit();
    await first.close();

    const second = consume({ maxRecords: 4 });

    expect(valuesOf(a!)).toEqual(['0', '1', '2', '3']);
    expect(valuesOf(b!)).toEqual(['4', '5', '6', '7']);
    expect(valuesOf(await nextBatch(second))).toEqual(['4', '5', '6', '7']);
    await second.close();
  });

  it('of another group reads for itself', async () => {
    await log.append('orders', numbered(0, 3));
    const billing = consume();
    await (await nextBatch(billing)).commit();
    const audit = consume({ group: 'audit' });
    expect(valuesOf(await nextBatch(audit))).toEqual(['0', '1', '2']);
    await Promise.all([billing.close(), audit.close()]);
  });

  it('commits the end of a batch, and the group shows its lag', async () => {
    await log.append('orders', numbered(0, 10, 2));
    const consumer = consume({ maxRecords: 4 });
    expect(await codeOf(log.groups.lag('billing'))).toBe('GROUP_ID_NOT_FOUND');

    await (await nextBatch(consumer)).commit();

    expect(await log.groups.lag('billing')).toEqual([{ topic: 'orders', partition: 2, offset: 4, latest: 10, lag: 6 }]);
    await consumer.close();
  });

  it('never moves its group back, whichever commit comes last', async () => {
    await log.append('orders', numbered(0, 12));
    const consumer = consume({ maxRecords: 4 });
    const [a, b, c] = await take(consumer, 12);

    await b!.commit();
    await a!.commit();
    expect(await log.groups.offsets('billing')).toMatchObject([{ offset: 8 }]);

    await Promise.all([c!.commit(), b!.commit(), a!.commit(), c!.commit()]);
    expect(await log.groups.offsets('billing')).toMatchObject([{ offset: 12 }]);
    await consumer.close();
  });

  it('may begin at the end', async () => {
    await log.append('orders', numbered(0, 5));
    const consumer = consume({ autoOffsetReset: 'latest' });
    const batch = nextBatch(consumer);
    // The consumer is at the end once it holds the group and looked where that is: until then it may pass over what comes.
    const appended = poll('a record was seen', 10_000, async () => {
      await log.append('orders', numbered(5, 6));
      return Promise.race([batch, Promise.resolve(undefined)]);
    });
    expect(valuesOf(await batch)[0]).toBe('5');
    await appended;
    await consumer.close();
  });

  it('begins anew where its policy says when what it committed was deleted', async () => {
    await log.append('orders', numbered(0, 10));
    for (const group of ['first', 'last'])
      await log.groups.commit(group, [{ topic: 'orders', partition: 0, offset: 3 }]);
    await log.deleteRecords('orders', 0, 7);

    const first = consume({ group: 'first' });
    expect(valuesOf(await nextBatch(first))).toEqual(['7', '8', '9']);
    const last = consume({ group: 'last', autoOffsetReset: 'latest' });
    const batch = nextBatch(last);
    const appended = poll('a record was seen', 10_000, async () => {
      await log.append('orders', numbered(10, 11));
      return Promise.race([batch, Promise.resolve(undefined)]);
    });
    expect(valuesOf(await batch)[0]).toBe('10');
    await appended;
    await Promise.all([first.close(), last.close()]);
  });

  it('passes over records that are deleted under it', async () => {
    await log.append('orders', numbered(0, 1));
    const consumer = consume();
    const first = await nextBatch(consumer);
    await first.commit();

    await log.append('orders', numbered(1, 5));
    await log.deleteRecords('orders', 0, 4);
    await log.append('orders', numbered(5, 6));

    const rest: string[] = [];
    while (rest.at(-1) !== '5') rest.push(...valuesOf(await nextBatch(consumer)));
    expect(rest.slice(-2)).toEqual(['4', '5']);
    await consumer.close();
  });

  it('takes up partitions that are added while it runs, from their beginning', async () => {
    await log.append('orders', numbered(0, 1));
    await log.groups.commit('billing', [{ topic: 'orders', partition: 0, offset: 0 }]);
    const consumer = consume({ autoOffsetReset: 'latest' });
    await nextBatch(consumer);

    await log.topics.grow('orders', 6);
    await log.append('orders', numbered(0, 3, 5));
    const batch = nextBatch(consumer);
    const seen = await poll('the new partition was read', 10_000, () => {
      clock.advance(3_000);
      return Promise.race([batch, Promise.resolve(undefined)]);
    });

    expect(seen).toMatchObject({ partition: 5 });
    expect(valuesOf(seen)).toEqual(['0', '1', '2']);
    await seen.commit();
    await consumer.close();
  });

  it('reads a topic that is deleted and made anew from its beginning', async () => {
    await log.append('orders', numbered(0, 50));
    const consumer = consume();
    await (await take(consumer, 50)).at(-1)!.commit();

    await log.topics.delete('orders');
    await log.topics.create('orders');
    await log.append('orders', numbered(100, 103));
    const batch = nextBatch(consumer);
    const seen = await poll('the new topic was read', 10_000, () => {
      clock.advance(3_000);
      return Promise.race([batch, Promise.resolve(undefined)]);
    });

    expect(valuesOf(seen)).toEqual(['100', '101', '102']);
    await seen.commit();
    expect(await log.groups.offsets('billing')).toEqual([{ topic: 'orders', partition: 0, offset: 3 }]);
    await consumer.close();
  });

  it('lets no busy partition keep a quiet one waiting', async () => {
    await log.append('orders', numbered(0, 5_000, 0));
    await log.append('orders', numbered(0, 1, 1));
    const consumer = consume({ maxRecords: 10 });
    let batches = 0;
    while ((await nextBatch(consumer)).partition === 0) batches++;
    expect(batches).toBeLessThan(40);
    await consumer.close();
  });

  it('lets everything else in the process have its turn, however fast it reads', async () => {
    await log.append('orders', numbered(0, 5_000, 0));
    const consumer = consume({ maxRecords: 10 });
    await nextBatch(consumer);
    let turns = 0;
    const count = () => {
      turns++;
      next = setImmediate(count);
    };
    let next = setImmediate(count);
    await take(consumer, 4_000);
    clearImmediate(next);
    expect(turns).toBeGreaterThan(20);
    await consumer.close();
  });

  it('can be left and gone on with', async () => {
    await log.append('orders', numbered(0, 10));
    const consumer = consume({ maxRecords: 5 });
    for await (const batch of consumer) {
      expect(valuesOf(batch)[0]).toBe('0');
      break;
    }
    for await (const batch of consumer) {
      expect(valuesOf(batch)[0]).toBe('5');
      await batch.commit();
      break;
    }
    expect(await log.groups.offsets('billing')).toMatchObject([{ offset: 10 }]);
    await consumer.close();
  });

  it('ends its iteration when it is closed, and commits nothing after that', async () => {
    await log.append('orders', numbered(0, 1));
    const consumer = consume();
    const batch = await nextBatch(consumer);
    const waiting = consumer[Symbol.asyncIterator]().next();

    await consumer.close();
    await consumer.close();

    expect(await waiting).toEqual({ done: true, value: undefined });
    expect(await codeOf(batch.commit())).toBe('ILLEGAL_GENERATION');
    expect(await consumer[Symbol.asyncIterator]().next()).toEqual({ done: true, value: undefined });
  });

  it('that never ran can be closed', async () => {
    await consume().close();
  });

  it('ends with its signal, after the batch in hand is done with', async () => {
    await log.append('orders', numbered(0, 10));
    const stop = new AbortController();
    const seen: string[] = [];
    for await (const batch of consume({ maxRecords: 2, signal: stop.signal })) {
      seen.push(...valuesOf(batch));
      if (seen.length === 4) stop.abort();
      await batch.commit();
    }
    expect(seen).toEqual(['0', '1', '2', '3']);
    // The group is given up: nobody has to wait for its lease to end.
    await log.groups.commit('billing', [{ topic: 'orders', partition: 0, offset: 4 }]);
  });

  it('ends with its signal at whatever step it is', async () => {
    await log.append('orders', numbered(0, 40));
    for (let batches = 1; batches <= 20; batches++) {
      const stop = new AbortController();
      const consumer = consume({ group: `g${batches}`, maxRecords: 1, signal: stop.signal });
      await take(consumer, 1);
      // What it reads ahead is there: each step is one batch from here on.
      await new Promise(setImmediate);
      await take(consumer, batches);
      const next = consumer[Symbol.asyncIterator]().next();
      stop.abort();
      await next;
      await consumer.close();
    }
  });

  it('ends with its log', async () => {
    const consumer = consume();
    const waiting = consumer[Symbol.asyncIterator]().next();
    await log.append('orders', numbered(0, 1));
    await waiting;
    const next = consumer[Symbol.asyncIterator]().next();
    await log.close();
    expect(await next).toEqual({ done: true, value: undefined });
  });

  it.each([
    [{ group: '' }, 'INVALID_GROUP_ID'],
    [{ group: 'a\nb' }, 'INVALID_GROUP_ID'],
    [{ group: 'é'.repeat(128) }, 'INVALID_GROUP_ID'],
    [{ topics: [] }, 'INVALID_REQUEST'],
    [{ maxRecords: 0 }, 'INVALID_REQUEST'],
    [{ maxRecords: 1.5 }, 'INVALID_REQUEST'],
  ])('is refused %j with %s', (options, code) => {
    expect(() => consume(options)).toThrow(expect.objectContaining({ code }));
  });

  it('of a topic that does not exist fails, once, and gives the group up', async () => {
    const consumer = consume({ topics: ['orders', 'none'] });
    expect(await codeOf(nextBatch(consumer))).toBe('UNKNOWN_TOPIC_OR_PARTITION');
    expect(await consumer[Symbol.asyncIterator]().next()).toMatchObject({ done: true });
    await log.groups.commit('billing', [{ topic: 'orders', partition: 0, offset: 0 }]);
  });
});
