import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { VarveError } from '../../../lib/errors.ts';
import { silentMeter } from '../../../lib/log/meter.ts';
import { openEmbedded } from '../../../lib/open/embedded.ts';
import { travelClock } from '../../support/clock.ts';
import { codeOf } from '../../support/code-of.ts';
import { poll } from '../../support/poll.ts';
import { nextBatch, numbered, take, valuesOf } from './batches.ts';
import { type Processes, startProcesses } from './processes.ts';

describe('consumers of one group', () => {
  let processes: Processes;
  beforeEach(async () => {
    processes = await startProcesses();
  });
  afterEach(() => processes.close());

  const options = { group: 'billing', topics: ['orders'], maxRecords: 5 };

  it('of one partition take turns: one reads, the next when it is closed', async () => {
    const a = processes.start();
    const b = processes.start();
    await a.topics.create('orders');
    await a.append('orders', numbered(0, 10));
    const first = a.consumer(options);
    await (await nextBatch(first)).commit();
    const second = b.consumer(options);
    let taken = false;
    const waiting = nextBatch(second).then((batch) => {
      taken = true;
      return batch;
    });
    await nextBatch(first);
    expect(taken).toBe(false);

    await first.close();

    expect(valuesOf(await waiting)).toEqual(['5', '6', '7', '8', '9']);
    await second.close();
  });

  it('lose nothing when one dies: what it did not commit is delivered again', async () => {
    const clock = travelClock();
    // Given a process that is gone without a word: its renewals reach nobody.
    let dead = false;
    const a = processes.start({
      around: ({ memberships }) => ({
        memberships: {
          ...memberships,
          renew: (...args) => (dead ? new Promise(() => {}) : memberships.renew(...args)),
        },
      }),
    });
    const b = processes.start({ clock });
    await a.topics.create('orders');
    await a.append('orders', numbered(0, 15));
    const first = a.consumer(options);
    await (await nextBatch(first)).commit();
    const lost = await nextBatch(first);
    dead = true;

    clock.advance(11_000);
    const second = b.consumer(options);
    const batches = await take(second, 10);

    expect(batches[0]!.records).toEqual(lost.records);
    expect(batches.flatMap(valuesOf)).toEqual(numbered(5, 15).map(({ value }) => value));
    await second.close();
  });

  it('fence off one that froze and does not know it', async () => {
    // Given A, whose clock says that its lease is good, and B, for whom the lease has long expired.
    const clock = travelClock();
    const a = processes.start();
    const b = processes.start({ clock });
    await a.topics.create('orders');
    await a.append('orders', numbered(0, 15));
    const frozen = a.consumer(options);
    const [one, two] = await take(frozen, 10);
    await one!.commit();

    // When B takes over and goes on
    clock.advance(11_000);
    const next = b.consumer(options);
    const [again] = await take(next, 5);
    await again!.commit();

    // Then what A does is refused, and B's progress stays.
    expect(valuesOf(again!)).toEqual(valuesOf(two!));
    expect(await codeOf(two!.commit())).toBe('ILLEGAL_GENERATION');
    expect(await b.groups.offsets('billing')).toMatchObject([{ offset: 10 }]);
    await next.close();
  });

  it('stop in time when they cannot renew, and resume when they can', async () => {
    const clock = travelClock();
    let reachable = true;
    const log = processes.start({
      clock,
      around: ({ memberships }) => ({
        memberships: {
          ...memberships,
          renew: (...args) => (reachable ? memberships.renew(...args) : new Promise(() => {})),
        },
      }),
    });
    await log.topics.create('orders');
    await log.append('orders', numbered(0, 15));
    const consumer = log.consumer(options);
    const batch = await nextBatch(consumer);

    // The session is 10 s, two of them are margin.
    reachable = false;
    clock.advance(8_500);
    expect(await codeOf(batch.commit())).toBe('ILLEGAL_GENERATION');

    clock.advance(2_000);
    reachable = true;
    const again = await nextBatch(consumer);
    expect(again.records).toEqual(batch.records);
    await again.commit();
    expect(await log.groups.offsets('billing')).toMatchObject([{ offset: 5 }]);
    await consumer.close();
  });

  it('deliver nothing that was read before a stall longer than the lease', async () => {
    // Given a process that stands still so long that not even its timers ran
    let stall = 0;
    const clock = travelClock();
    let read = 0;
    const log = processes.start({
      clock: { ...clock, monotonic: () => clock.monotonic() + stall },
      meter: { ...silentMeter, fetched: () => read++ },
    });
    await log.topics.create('orders');
    await log.append('orders', numbered(0, 15));
    const consumer = log.consumer(options);
    const first = await nextBatch(consumer);
    await poll('all was read ahead', 5_000, () => (read >= 3 ? true : undefined));

    stall = 20_000;
    const after = nextBatch(consumer);
    clock.advance(20_000);

    expect((await after).records).toEqual(first.records);
    await consumer.close();
  });

  it('keep the group as long as they run', async () => {
    const clock = travelClock();
    let renewed = 0;
    const a = processes.start({
      clock,
      around: ({ memberships }) => ({
        memberships: {
          ...memberships,
          async renew(...args) {
            const view = await memberships.renew(...args);
            renewed++;
            return view;
          },
        },
      }),
    });
    const b = processes.start({ clock });
    await a.topics.create('orders');
    await a.append('orders', numbered(0, 5));
    const consumer = a.consumer(options);
    const batch = await nextBatch(consumer);
    const other = b.consumer(options);
    let taken = false;
    const otherNext = other[Symbol.asyncIterator]()
      .next()
      .then(({ done }) => {
        taken = !done;
      });
    for (let times = 1; times <= 15; times++) {
      clock.advance(4_000);
      await poll('the lease was renewed', 5_000, () => (renewed >= times ? true : undefined));
    }
    await batch.commit();
    await other.close();
    await otherNext;
    expect(taken).toBe(false);
    await consumer.close();
  });

  it('join again when they find themselves given up, and go on from where the group then is', async () => {
    const clockOfA = travelClock();
    const clockOfB = travelClock();
    let joins = 0;
    const a = processes.start({
      clock: clockOfA,
      around: ({ memberships }) => ({
        memberships: {
          ...memberships,
          change: (...args) => {
            joins++;
            return memberships.change(...args);
          },
        },
      }),
    });
    const b = processes.start({ clock: clockOfB });
    await a.topics.create('orders');
    await a.append('orders', numbered(0, 15));
    const first = a.consumer(options);
    await nextBatch(first);
    clockOfB.advance(11_000);
    const second = b.consumer(options);
    await (await nextBatch(second)).commit();

    // When A comes to say that it is there
    clockOfA.advance(4_000);
    await poll('A joins again', 5_000, () => (joins >= 1 ? true : undefined));
    const waiting = nextBatch(first);
    await second.close();
    const resumed = await poll('A resumed', 10_000, () => {
      clockOfA.advance(1_000);
      return Promise.race([waiting, Promise.resolve(undefined)]);
    });

    expect(valuesOf(resumed)).toEqual(['5', '6', '7', '8', '9']);
    await first.close();
  });

  it('outlast failures of the catalog', async () => {
    const everySecond = <Args extends unknown[], R>(call: (...args: Args) => Promise<R>) => {
      let calls = 0;
      return async (...args: Args): Promise<R> => {
        calls++;
        if (calls % 2) throw new VarveError('KAFKA_STORAGE_ERROR', 'injected');
        return call(...args);
      };
    };
    const log = processes.start({
      around: ({ memberships, groups }) => ({
        memberships: { ...memberships, get: everySecond(memberships.get), begin: everySecond(memberships.begin) },
        groups: { ...groups, claim: everySecond(groups.claim) },
      }),
    });
    await log.topics.create('orders');
    await log.append('orders', numbered(0, 5));
    const consumer = log.consumer(options);
    expect(valuesOf(await nextBatch(consumer))).toEqual(['0', '1', '2', '3', '4']);
    await consumer.close();
  });

  it('hold few batches that nobody takes', async () => {
    const log = processes.start();
    await log.topics.create('orders', { partitions: 60 });
    for (let partition = 0; partition < 60; partition++) await log.append('orders', numbered(0, 3, partition));
    let read = 0;
    const other = processes.start({ meter: { ...silentMeter, fetched: () => read++ } });
    const consumer = other.consumer(options);
    const seen = new Set([(await nextBatch(consumer)).partition]);
    await poll('the consumer has read ahead', 10_000, () => (read >= 16 ? true : undefined));
    for (let i = 0; i < 20; i++) await other.offsets('orders', i);
    expect(read).toBeLessThanOrEqual(17);
    while (seen.size < 60) seen.add((await nextBatch(consumer)).partition);
    await consumer.close();
  });
});

it('a log that closes gives its groups up: the next one need not wait for their leases', async () => {
  const data = await mkdtemp(join(tmpdir(), 'varve-consumer-'));
  try {
    const before = await openEmbedded({ data });
    await before.topics.create('orders');
    await before.append('orders', numbered(0, 3));
    await (await nextBatch(before.consumer({ group: 'g', topics: ['orders'] }))).commit();
    await before.close();

    const after = await openEmbedded({ data });
    await after.append('orders', numbered(3, 5));
    expect(await codeOf(after.groups.commit('g', [{ topic: 'orders', partition: 0, offset: 3 }]))).toBe('no error');
    const consumer = after.consumer({ group: 'g', topics: ['orders'] });
    expect(valuesOf(await nextBatch(consumer))).toEqual(['3', '4']);
    await after.close();
  } finally {
    await rm(data, { recursive: true });
  }
});
