import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { VarveError } from '../../../lib/errors.ts';
import type { EventLog } from '../../../lib/log/event-log.ts';
import type { ConsumedBatch, Consumer } from '../../../lib/log/groups/consumer.ts';
import { type TravelClock, travelClock } from '../../support/clock.ts';
import { codeOf } from '../../support/code-of.ts';
import { poll } from '../../support/poll.ts';
import { type Processes, startProcesses } from './processes.ts';

const PATIENCE = 20_000;

/** The port, with every call and its answer told. */
function watch<Port extends object>(port: Port, told: (name: string, call: unknown) => unknown): Port {
  return new Proxy(port, {
    get: (target, name) => {
      const method = Reflect.get(target, name) as (...args: unknown[]) => unknown;
      return (...args: unknown[]) => {
        const call = method.apply(target, args);
        void told(String(name), call);
        return call;
      };
    },
  });
}

/** The port, of which nothing is heard any more as soon as it `isSilent`. */
function silenced<Port extends object>(port: Port, isSilent: () => boolean): Port {
  return new Proxy(port, {
    get: (target, name) => {
      const call = Reflect.get(target, name) as (...args: unknown[]) => unknown;
      return (...args: unknown[]) => (isSilent() ? new Promise(() => {}) : call.apply(target, args));
    },
  });
}

/** A consumer that commits whatever comes, and what came. */
function running(log: EventLog, options: Partial<Parameters<EventLog['consumer']>[0]> = {}) {
  const consumer = log.consumer({ group: 'billing', topics: ['orders'], ...options });
  const seen: ConsumedBatch[] = [];
  const ended = (async () => {
    for await (const batch of consumer) {
      seen.push(batch);
      await batch.commit().catch((error: VarveError) => {
        if (error.code !== 'ILLEGAL_GENERATION') throw error;
      });
    }
  })();
  return { consumer, seen, ended, partitions: () => consumer.assignment().map(({ partition }) => partition) };
}
type Running = ReturnType<typeof running>;

describe('consumers that share the partitions of a group', () => {
  let processes: Processes;
  let clock: TravelClock;
  let log: EventLog;
  beforeEach(async () => {
    processes = await startProcesses();
    clock = travelClock();
    log = processes.start({ clock });
    await log.topics.create('orders', { partitions: 8 });
  });
  afterEach(() => processes.close());

  /** Lets time pass until these have all partitions, each some, none two of them. */
  async function shared(all: readonly Running[], partitions = 8): Promise<void> {
    await poll('all partitions are shared', PATIENCE, () => {
      clock.advance(500);
      const counts = all.map((one) => one.partitions().length);
      const have = new Set(all.flatMap((one) => one.partitions()));
      const isEven = Math.max(...counts) - Math.min(...counts) <= 1;
      return have.size === partitions && counts.reduce((a, b) => a + b) === partitions && isEven ? true : undefined;
    });
  }

  async function append(from: number, to: number): Promise<void> {
    const records = Array.from({ length: to - from }, (_, i) => ({
      value: String(from + i),
      partition: (from + i) % 8,
    }));
    await log.append('orders', records);
  }

  async function seenAll(all: readonly Running[], to: number): Promise<void> {
    await poll(`all ${to} are seen`, PATIENCE, () => {
      const seen = all.flatMap((one) => one.seen.flatMap(({ records }) => records));
      return new Set(seen.map(({ value }) => Buffer.from(value!).toString())).size === to ? true : undefined;
    });
  }

  function expectOrder(all: readonly Running[]): void {
    for (const { seen } of all) {
      for (const [, own] of Map.groupBy(seen, ({ partition }) => partition)) {
        const offsets = own.flatMap(({ records }) => records.map(({ offset }) => offset));
        expect(offsets).toEqual(offsets.toSorted((a, b) => a - b));
      }
    }
  }

  it('have each a part, and each record goes to one of them once while nobody is lost', async () => {
    const all = [running(log), running(processes.start({ clock })), running(processes.start({ clock }))];
    await append(0, 100);
    await shared(all);
    await append(100, 400);
    await seenAll(all, 400);

    const offsets = all.flatMap((one) =>
      one.seen.flatMap(({ partition, records }) => records.map((r) => `${partition}-${r.offset}`)),
    );
    expect(offsets).toHaveLength(400);
    expectOrder(all);
    const committed = await poll('all is committed', PATIENCE, async () => {
      const lag = await log.groups.lag('billing');
      return lag.length === 8 && lag.every((one) => one.lag === 0) ? lag : undefined;
    });
    expect(committed.reduce((sum, { offset }) => sum + offset, 0)).toBe(400);
    await Promise.all(all.map(({ consumer }) => consumer.close()));
  });

  it('take over what one had that vanishes, when its session is over, from what it committed', async () => {
    let isDead = false;
    const dead = processes.start({
      clock,
      around: ({ memberships, groups }) => ({
        memberships: silenced(memberships, () => isDead),
        groups: silenced(groups, () => isDead),
      }),
    });
    const vanishing = running(dead);
    const others = [running(log), running(processes.start({ clock }))];
    await append(0, 100);
    await shared([vanishing, ...others]);
    const kept = others.map((one) => one.partitions());

    isDead = true;
    await append(100, 300);
    await shared(others);

    await append(300, 400);
    await seenAll(others.concat(vanishing), 400);
    for (const [i, before] of kept.entries()) expect(others[i]!.partitions()).toEqual(expect.arrayContaining(before));
    expectOrder(others);
    await poll('all is committed', PATIENCE, async () => {
      return (await log.groups.lag('billing')).every(({ lag }) => lag === 0) || undefined;
    });
    await Promise.all(others.map(({ consumer }) => consumer.close()));
  });

  it('pass a partition on only when the batch in hand is done with', async () => {
    // Given one that was handed a batch of the partition that it will have to give up first
    await log.append('orders', [{ value: 'a', partition: 7 }]);
    const first = log.consumer({ group: 'billing', topics: ['orders'] });
    const batches = first[Symbol.asyncIterator]();
    const { value: inHand } = await batches.next();
    expect(inHand!.partition).toBe(7);

    // When another joins, and both have had time to say so
    const other = running(processes.start({ clock }));
    await poll(
      'it has joined',
      PATIENCE,
      async () => (await codeOf(log.groups.delete('billing'))) === 'NON_EMPTY_GROUP' || undefined,
    );
    for (let i = 0; i < 8; i++) {
      clock.advance(1_000);
      await log.groups.list();
      expect(other.partitions()).toEqual([]);
    }

    // Then the batch is committed as ever, and the partition passes on when the next is asked for
    await inHand!.commit();
    const next = batches.next();
    await poll('it has passed on', PATIENCE, () => {
      clock.advance(200);
      return other.partitions().includes(7) || undefined;
    });
    expect(first.assignment().map(({ partition }) => partition)).toEqual([0, 1, 2, 3]);
    await Promise.all([first.close(), other.consumer.close()]);
    expect((await next).done).toBe(true);
    expect(await log.groups.offsets('billing')).toEqual([{ topic: 'orders', partition: 7, offset: 1 }]);
    expect(other.seen).toEqual([]);
  });

  it('share at once what one leaves behind that is closed', async () => {
    const all = [running(log), running(processes.start({ clock }))];
    await shared(all);

    await all[0]!.consumer.close();
    await shared([all[1]!]);

    expect(all[0]!.partitions()).toEqual([]);
    await all[1]!.consumer.close();
    await log.groups.commit('billing', [{ topic: 'orders', partition: 0, offset: 0 }]);
  });

  it('share partitions that are added, and read them from their beginning', async () => {
    const all = [
      running(log, { autoOffsetReset: 'latest' }),
      running(processes.start({ clock }), { autoOffsetReset: 'latest' }),
    ];
    await shared(all);
    await log.topics.grow('orders', 12);
    await log.append('orders', [{ value: 'new', partition: 11 }]);

    await shared(all, 12);
    await seenAll(all, 1);
    await Promise.all(all.map(({ consumer }) => consumer.close()));
  });

  it('lose nothing of what came after a group began at the end, though nothing was committed', async () => {
    await append(0, 80);
    const vanishing = log.consumer({ group: 'billing', topics: ['orders'], autoOffsetReset: 'latest' });
    void vanishing[Symbol.asyncIterator]().next();
    await poll('it has begun', PATIENCE, async () => {
      const offsets = await log.groups.offsets('billing').catch(() => []);
      return offsets.length === 8 || undefined;
    });
    await append(80, 88);
    await vanishing.close();

    const next = running(processes.start({ clock }), { autoOffsetReset: 'latest' });
    await seenAll([next], 8);
    await next.consumer.close();
  });

  it('wait while a Kafka coordinator holds the group, and it is refused while they have it', async () => {
    const coordinator = processes.start({ clock }).groups.coordinateAs(0);
    const held = await coordinator.hold('billing');
    const waiting = running(log);
    await append(0, 8);
    expect(waiting.partitions()).toEqual([]);

    await held.release();
    await poll('it has joined', PATIENCE, () => {
      clock.advance(500);
      return waiting.partitions().length === 8 || undefined;
    });

    expect(await codeOf(coordinator.hold('billing'))).toBe('NON_EMPTY_GROUP');
    expect(await codeOf(log.groups.commit('billing', [{ topic: 'orders', partition: 0, offset: 0 }]))).toBe(
      'NON_EMPTY_GROUP',
    );
    expect(await codeOf(held.commit([{ topic: 'orders', partition: 0, offset: 0 }]))).toBe('ILLEGAL_GENERATION');
    await waiting.consumer.close();
    const again = await coordinator.hold('billing');
    await again.commit([{ topic: 'orders', partition: 0, offset: 0 }]);
    await again.release();
  });

  it('cost one write each, every third of the session, while nothing happens', async () => {
    const calls: string[] = [];
    let answered = 0;
    const watched = processes.start({
      clock,
      around: (catalog) =>
        Object.fromEntries(
          (['memberships', 'leases', 'groups'] as const).map((port) => [
            port,
            watch(catalog[port], async (name, call) => {
              calls.push(`${port}.${name}`);
              await call;
              answered++;
            }),
          ]),
        ),
    });
    const first = running(log);
    const second = running(watched);
    await shared([first, second]);
    const before = calls.length;

    for (let beats = 1; beats <= 5; beats++) {
      const already = answered;
      clock.advance(3_400);
      await poll('a sign of life', PATIENCE, () => answered > already || undefined);
    }

    const since = calls.slice(before);
    expect(new Set(since)).toEqual(new Set(['memberships.renew']));
    expect(since.length).toBeLessThanOrEqual(7);
    await Promise.all([first, second].map(({ consumer }) => consumer.close()));
  });
});

describe('a consumer that is told where to read', () => {
  let processes: Processes;
  let log: EventLog;
  let consumer: Consumer;
  beforeEach(async () => {
    processes = await startProcesses();
    log = processes.start();
    await log.topics.create('orders', { partitions: 2 });
    for (let partition = 0; partition < 2; partition++) {
      await log.append(
        'orders',
        Array.from({ length: 20 }, (_, i) => ({ value: `${i}`, partition, timestamp: 1_000 + i })),
      );
    }
    consumer = log.consumer({ group: 'g', topics: ['orders'], maxRecords: 5 });
  });
  afterEach(() => processes.close());

  async function next(): Promise<ConsumedBatch> {
    const { done, value } = await consumer[Symbol.asyncIterator]().next();
    if (done) throw new Error('the consumer has ended');
    return value;
  }
  const zero = { topic: 'orders', partition: 0 };
  const one = { topic: 'orders', partition: 1 };
  const firstOf = ({ records }: ConsumedBatch) => records[0]!.offset;

  it('has both partitions, and none before it began', async () => {
    expect(consumer.assignment()).toEqual([]);
    await next();
    expect(consumer.assignment()).toEqual([zero, one]);
    await consumer.close();
    expect(consumer.assignment()).toEqual([]);
  });

  it('reads nothing of a partition that is paused, and goes on exactly there', async () => {
    while ((await next()).partition !== 0);
    consumer.pause([zero]);
    const seen: ConsumedBatch[] = [];
    while (!seen.some((batch) => firstOf(batch) === 15)) seen.push(await next());
    expect(new Set(seen.map(({ partition }) => partition))).toEqual(new Set([1]));

    consumer.resume([zero]);
    const after = await next();
    expect([after.partition, firstOf(after)]).toEqual([0, 5]);
  });

  it.each([
    [7, 7],
    ['earliest', 0],
    [{ timestamp: 1_012 }, 12],
  ] as const)('goes on from %j when it is told to, and may commit below what was committed', async (to, offset) => {
    let batch = await next();
    consumer.pause([one]);
    while (batch.partition !== 0 || firstOf(batch) < 15) batch = await next();
    await batch.commit();
    expect(await log.groups.offsets('g')).toContainEqual({ ...zero, offset: 20 });

    consumer.seek(zero, to);
    const after = await next();
    expect([after.partition, firstOf(after)]).toEqual([0, offset]);
    await batch.commit();
    await after.commit();

    expect(await log.groups.offsets('g')).toContainEqual({ ...zero, offset: offset + after.records.length });
  });

  it('goes on from the end', async () => {
    await next();
    consumer.pause([one]);
    consumer.seek(zero, 'latest');
    const waiting = next();
    const appended = await poll('a new record is seen', PATIENCE, async () => {
      await log.append('orders', [{ value: 'new', partition: 0 }]);
      return Promise.race([waiting, Promise.resolve(undefined)]);
    });
    expect(firstOf(appended)).toBeGreaterThanOrEqual(20);
  });

  it('is refused partitions that are not its own', async () => {
    await next();
    for (const act of [
      () => consumer.pause([{ topic: 'orders', partition: 2 }]),
      () => consumer.resume([{ topic: 'bills', partition: 0 }]),
      () => consumer.seek({ topic: 'orders', partition: -1 }, 0),
    ]) {
      expect(act).toThrow(expect.objectContaining({ code: 'INVALID_REQUEST' }));
    }
  });

  it.each([999, 1_800_001, 1_500.5])('is refused a session time-out of %d', (sessionTimeout) => {
    const options = { group: 'g', topics: ['orders'], sessionTimeout };
    expect(() => log.consumer(options)).toThrow(expect.objectContaining({ code: 'INVALID_REQUEST' }));
  });
});
