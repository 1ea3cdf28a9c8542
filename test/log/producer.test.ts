import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/clock.ts';
import { VarveError } from '../../lib/errors.ts';
import { systemRandom } from '../../lib/ids.ts';
import { parseBrokerConfig } from '../../lib/log/broker-config.ts';
import type { EventLog } from '../../lib/log/event-log.ts';
import { createLog } from '../../lib/log/log.ts';
import { partitionForKey } from '../../lib/log/partitioner.ts';
import { embeddedPrices } from '../../lib/log/placement.ts';
import type { AppendOutcome, Partitions } from '../../lib/stores/catalog/partitions.ts';
import { openSqlite } from '../../lib/stores/catalog/sqlite/sqlite.ts';
import { openMemory as openObjects } from '../../lib/stores/objects/memory.ts';
import { codeOf } from '../support/code-of.ts';
import { seeded } from '../support/random.ts';

type Append = Partitions['append'];

/** A log whose commits pass through `between`, which may lose, delay or refuse them. */
async function openBetween(between: (append: Append) => Append): Promise<EventLog> {
  const catalog = await openSqlite({ path: ':memory:', clock: systemClock, random: systemRandom });
  return createLog({
    catalog: { ...catalog, partitions: { ...catalog.partitions, append: between(catalog.partitions.append) } },
    objects: openObjects(),
    clock: systemClock,
    random: systemRandom,
    brokerConfig: parseBrokerConfig([]),
    prices: embeddedPrices,
    writer: { linger: 0 },
  });
}

const unknown = (count: number): { outcomes: AppendOutcome[] } => ({
  outcomes: Array.from({ length: count }, () => ({ status: 'unknown', cause: new Error('injected') })),
});

async function valuesIn(log: EventLog, topic: string, partition = 0): Promise<string[]> {
  const values = [];
  for await (const { value } of log.read(topic, { partition, follow: false }))
    values.push(Buffer.from(value!).toString());
  return values;
}

describe('a producer', () => {
  let log: EventLog;
  let between: (append: Append) => Append;
  beforeEach(async () => {
    between = (append) => append;
    log = await openBetween(
      (append) =>
        (...args) =>
          between(append)(...args),
    );
    await log.topics.create('orders', { partitions: 4 });
    await log.topics.create('single');
  });
  afterEach(() => log.close());

  it('appends, and answers where', async () => {
    const producer = await log.producer();
    const answers = await producer.append('orders', [
      { value: 'a', partition: 2, timestamp: 5 },
      { value: 'b', partition: 1 },
      { value: 'c', partition: 2 },
    ]);
    expect(answers).toMatchObject([
      { partition: 2, offset: 0, timestamp: 5 },
      { partition: 1, offset: 0 },
      { partition: 2, offset: 1 },
    ]);
    expect(await producer.append('orders', [])).toEqual([]);
    expect(await valuesIn(log, 'orders', 2)).toEqual(['a', 'c']);
  });

  it('has an id of its own', async () => {
    const [a, b] = await Promise.all([log.producer(), log.producer()]);
    expect(a!.id).not.toBe(b!.id);
    await a!.append('single', [{ value: 'a' }]);
    await b!.append('single', [{ value: 'b' }]);
    expect(await valuesIn(log, 'single')).toEqual(['a', 'b']);
  });

  it('puts keys where other clients put them, and records without a key of one call together, calls in turn', async () => {
    const producer = await log.producer();
    const keys = Array.from({ length: 50 }, (_, i) => `key-${i}`);
    const answers = await producer.append(
      'orders',
      keys.map((key) => ({ key, value: 'x' })),
    );
    expect(answers.map(({ partition }) => partition)).toEqual(keys.map((key) => partitionForKey(Buffer.from(key), 4)));

    const calls = [];
    for (let i = 0; i < 8; i++) {
      const together = await producer.append('orders', [{ value: '1' }, { key: null, value: '2' }]);
      expect(together[0]!.partition).toBe(together[1]!.partition);
      calls.push(together[0]!.partition);
    }
    expect(new Set(calls)).toEqual(new Set([0, 1, 2, 3]));
  });

  it('keeps the order of its calls per partition, in few batches', async () => {
    let batches = 0;
    between = (append) => (to, entries, options) => {
      batches += entries.length;
      return append(to, entries, options);
    };
    const producer = await log.producer();
    await Promise.all(Array.from({ length: 500 }, (_, i) => producer.append('single', [{ value: `${i}` }])));
    expect(await valuesIn(log, 'single')).toEqual(Array.from({ length: 500 }, (_, i) => `${i}`));
    // What waits together travels together.
    expect(batches).toBeLessThan(10);
  });

  it.each([1, 2, 3])(
    'appends each record once and in order, whatever commits are lost or unanswered (seed %i)',
    async (seed) => {
      const random = seeded(seed);
      between = (append) => async (to, entries, options) => {
        const dice = random();
        if (dice < 0.2) return unknown(entries.length);
        const answer = await append(to, entries, options);
        return dice < 0.4 ? unknown(entries.length) : answer;
      };
      const producer = await log.producer();

      const answers = await Promise.all(
        Array.from({ length: 200 }, (_, i) => producer.append('orders', [{ value: `${i}`, partition: i % 4 }])),
      );

      for (let partition = 0; partition < 4; partition++) {
        const values = await valuesIn(log, 'orders', partition);
        expect(values).toEqual(Array.from({ length: 50 }, (_, i) => `${i * 4 + partition}`));
        const offsets = answers.flatMap((answer) => answer.filter((one) => one.partition === partition));
        expect(offsets.map(({ offset }) => offset)).toEqual([...Array(50).keys()]);
      }
      expect(producer.epoch).toBe(0);
    },
  );

  describe('after a call whose time was up', () => {
    it('goes on when the records had been appended, and never doubles them', async () => {
      const producer = await log.producer();
      await producer.append('single', [{ value: 'before' }]);
      between = (append) => async (to, entries, options) => {
        await append(to, entries, options);
        return unknown(entries.length);
      };
      expect(await codeOf(producer.append('single', [{ value: 'in doubt' }], { timeout: 100 }))).toBe(
        'REQUEST_TIMED_OUT',
      );
      between = (append) => append;

      expect(await producer.append('single', [{ value: 'after' }])).toMatchObject([{ offset: 2 }]);
      expect(await valuesIn(log, 'single')).toEqual(['before', 'in doubt', 'after']);
      expect(producer.epoch).toBe(1);
    });

    it('goes on when they had not', async () => {
      const producer = await log.producer();
      await producer.append('single', [{ value: 'before' }]);
      between = () => async (_to, entries) => unknown(entries.length);
      expect(await codeOf(producer.append('single', [{ value: 'lost' }], { timeout: 100 }))).toBe('REQUEST_TIMED_OUT');
      between = (append) => append;

      await producer.append('single', [{ value: 'after' }]);
      await producer.append('single', [{ value: 'more' }]);
      expect(await valuesIn(log, 'single')).toEqual(['before', 'after', 'more']);
    });

    it('lets nothing land late behind what came after', async () => {
      const producer = await log.producer();
      await producer.append('single', [{ value: 'before' }]);
      const late: (() => Promise<{ outcomes: AppendOutcome[] }>)[] = [];
      between = (append) => async (to, entries, options) => {
        late.push(() => append(to, entries, options));
        return unknown(entries.length);
      };
      expect(await codeOf(producer.append('single', [{ value: 'late' }], { timeout: 100 }))).toBe('REQUEST_TIMED_OUT');
      between = (append) => append;
      await producer.append('single', [{ value: 'after' }]);

      expect(late.length).toBeGreaterThan(0);
      for (const land of late) {
        expect((await land()).outcomes).toEqual([{ status: 'refused', code: 'INVALID_PRODUCER_EPOCH' }]);
      }
      expect(await valuesIn(log, 'single')).toEqual(['before', 'after']);
    });

    it('leaves other partitions under their epoch', async () => {
      const producer = await log.producer();
      await producer.append('orders', [{ value: 'a', partition: 0 }]);
      await producer.append('orders', [{ value: 'a', partition: 1 }]);
      between = () => async (_to, entries) => unknown(entries.length);
      await codeOf(producer.append('orders', [{ value: 'lost', partition: 0 }], { timeout: 50 }));
      between = (append) => append;
      await producer.append(
        'orders',
        [0, 1, 2].map((partition) => ({ value: 'b', partition })),
      );
      expect(await valuesIn(log, 'orders', 0)).toEqual(['a', 'b']);
      expect(await valuesIn(log, 'orders', 1)).toEqual(['a', 'b']);
      expect(await valuesIn(log, 'orders', 2)).toEqual(['b']);
    });
  });

  it('lets a record that is refused take no other with it', async () => {
    await log.topics.configure('single', { 'max.message.bytes': '1000', 'message.timestamp.after.max.ms': '1000' });
    const producer = await log.producer();
    const far = Date.now() + 3_600_000;

    const codes = await Promise.all([
      codeOf(producer.append('single', [{ value: 'a' }])),
      codeOf(producer.append('single', [{ value: 'x'.repeat(2_000) }])),
      codeOf(producer.append('single', [{ value: 'b' }])),
      codeOf(producer.append('single', [{ value: 'c', timestamp: far }])),
      codeOf(producer.append('single', [{ value: 'd' }])),
    ]);

    expect(codes).toEqual(['no error', 'MESSAGE_TOO_LARGE', 'no error', 'INVALID_TIMESTAMP', 'no error']);
    expect(await valuesIn(log, 'single')).toEqual(['a', 'b', 'd']);
    expect(producer.epoch).toBe(0);
  });

  it('splits a call that is larger than a batch may be', async () => {
    await log.topics.configure('single', { 'max.message.bytes': '1000' });
    const producer = await log.producer();
    const records = Array.from({ length: 100 }, (_, i) => ({ value: `${i}`.padStart(100, '0') }));
    const answers = await producer.append('single', records);
    expect(answers.map(({ offset }) => offset)).toEqual([...Array(100).keys()]);
    expect(await valuesIn(log, 'single')).toEqual(records.map(({ value }) => value));
  });

  it('goes on with a topic that was made anew', async () => {
    const producer = await log.producer();
    for (let i = 0; i < 3; i++) await producer.append('single', [{ value: 'old' }]);
    await log.topics.delete('single');
    expect(await codeOf(producer.append('single', [{ value: 'nowhere' }]))).toBe('UNKNOWN_TOPIC_OR_PARTITION');
    await log.topics.create('single');
    await producer.append('single', [{ value: 'new' }]);
    await producer.append('single', [{ value: 'newer' }]);
    expect(await valuesIn(log, 'single')).toEqual(['new', 'newer']);
    expect(producer.epoch).toBe(0);
  });

  it('does not send what was given up before its turn', async () => {
    const stuck = Promise.withResolvers<void>();
    between = (append) => async (to, entries, options) => {
      await stuck.promise;
      return append(to, entries, options);
    };
    const producer = await log.producer();
    const stop = new AbortController();
    const first = producer.append('single', [{ value: 'first' }]);
    // Once the first is on its way, the others wait for it.
    await log.offsets('single', 0);
    const given = codeOf(producer.append('single', [{ value: 'given up' }], { signal: stop.signal }));
    const late = codeOf(producer.append('single', [{ value: 'too late' }], { timeout: 1 }));
    const last = producer.append('single', [{ value: 'last' }]);
    stop.abort(new VarveError('NETWORK_EXCEPTION', 'the caller left'));
    expect(await given).toBe('NETWORK_EXCEPTION');
    expect(await late).toBe('REQUEST_TIMED_OUT');
    stuck.resolve();
    await Promise.all([first, last]);
    expect(await valuesIn(log, 'single')).toEqual(['first', 'last']);
    expect(await codeOf(producer.append('single', [{ value: 'x' }], { signal: stop.signal }))).toBe(
      'NETWORK_EXCEPTION',
    );
  });

  it('refuses more than it can hold, and takes more when that is gone', async () => {
    const stuck = Promise.withResolvers<void>();
    between = (append) => async (to, entries, options) => {
      await stuck.promise;
      return append(to, entries, options);
    };
    const producer = await log.producer();
    const value = new Uint8Array(512 * 1024);
    const calls = Array.from({ length: 80 }, () => codeOf(producer.append('single', [{ value }])));
    await log.offsets('single', 0);
    stuck.resolve();
    const codes = await Promise.all(calls);
    expect(codes.filter((code) => code === 'no error')).toHaveLength(63);
    expect(codes.filter((code) => code === 'THROTTLING_QUOTA_EXCEEDED')).toHaveLength(17);
    expect(await codeOf(producer.append('single', [{ value }]))).toBe('no error');
  });

  it('forgets idle partitions when there are very many, and still knows no doubles', async () => {
    await log.topics.create('wide', { partitions: 10_000 });
    const producer = await log.producer();
    await producer.append(
      'wide',
      Array.from({ length: 10_000 }, (_, partition) => ({ value: 'a', partition })),
    );
    await producer.append('single', [{ value: 'a' }]);
    await producer.append('wide', [{ value: 'b', partition: 9_999 }]);
    await producer.append('wide', [{ value: 'c', partition: 9_999 }]);
    expect(await valuesIn(log, 'wide', 9_999)).toEqual(['a', 'b', 'c']);
    expect(producer.epoch).toBe(1);
  });

  it('fails at once when its log is closed or the partition is unknown', async () => {
    const producer = await log.producer();
    expect(await codeOf(producer.append('none', [{ value: 'x' }]))).toBe('UNKNOWN_TOPIC_OR_PARTITION');
    expect(await codeOf(producer.append('single', [{ value: 'x', partition: 7 }]))).toBe('UNKNOWN_TOPIC_OR_PARTITION');
    await log.close();
    expect(await codeOf(producer.append('single', [{ value: 'x' }]))).toBe('LOG_CLOSED');
  });
});
