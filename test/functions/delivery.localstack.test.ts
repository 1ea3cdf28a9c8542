import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Invocation } from './delivery/handlers/note.ts';
import { deployTrials, type Letter, progressOf, type Trials } from './delivery/trials.ts';
import { trigger } from './delivery/triggers.ts';

const DEPLOY_MS = 300_000;
const TRIAL_MS = 600_000;
/** `npm run prove -- triggers` has a hundred times as many. */
const LOAD = { records: 1_000, callers: 2, batch: 50, pause: 0 };

const offsetsOf = (invocations: readonly Invocation[], partition = 0) =>
  invocations.filter((one) => one.partition === partition).map(({ offsets }) => offsets);
const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

/** One app, deployed once, for all of them: each has topics of its own. */
describe.concurrent('functions that subscribe to topics, deployed by the CDK', { timeout: TRIAL_MS }, () => {
  let trials: Trials;
  beforeAll(async () => {
    trials = await deployTrials();
  }, DEPLOY_MS);
  afterAll(() => trials?.close(), DEPLOY_MS);

  const append = (topic: string, values: readonly unknown[], partition = 0) =>
    trials.client.append(
      topic,
      values.map((value) => ({ value, partition })),
    );

  async function letterOf(topic: string, partition: number): Promise<Letter> {
    for (let count = 1; ; count++) {
      const found = (await trials.letters(topic, count)).find(
        ({ KafkaBatchInfo }) => `${topic}-${partition}` in KafkaBatchInfo.recordsInfo,
      );
      if (found) return found;
    }
  }

  /** Appends a record a second until its end, which answers how many there were. */
  function flowing(topic: string): { end(): Promise<number> } {
    const stop = new AbortController();
    const flow = (async () => {
      let count = 0;
      for (; !stop.signal.aborted; count++) {
        await trials.client.append(topic, [{ key: `${count}`, value: count }]);
        await delay(1_000);
      }
      return count;
    })();
    flow.catch(() => {});
    return {
      end() {
        stop.abort();
        return flow;
      },
    };
  }

  /** What a letter names is read again. */
  async function readBack({ KafkaBatchInfo }: Letter): Promise<{ name: string; values: unknown[] }> {
    const [[name, told]] = Object.entries(KafkaBatchInfo.recordsInfo) as [[string, Told]];
    const [first, last] = [Number(told.firstRecordOffset), Number(told.lastRecordOffset)];
    expect(last - first + 1).toBe(KafkaBatchInfo.batchSize);
    const { records } = await trials.client.poll(told.topic, told.partition, first);
    return { name, values: records.filter(({ offset }) => offset <= last).map(({ value }) => value) };
  }
  type Told = Letter['KafkaBatchInfo']['recordsInfo'][string];

  it('get every record that came through the API, in order per partition', async () => {
    const { wrong, latencies } = await trigger(trials, 'orders', LOAD);

    expect(wrong).toEqual([]);
    expect(latencies).toHaveLength(LOAD.records);
  });

  it.each([
    ['throws', 'throw', 0],
    ['times out', 'time out', 1],
    ['ends its process', 'exit', 2],
  ] as const)('get a batch again when one %s, until it is given up, and then the next', async (_, value, partition) => {
    // When
    await append('ends', ['first', value, 'last'], partition);
    const letter = await letterOf('ends', partition);
    await append('ends', ['next'], partition);
    await trials.caughtUp('ends');

    // Then
    expect(letter.requestContext).toMatchObject({ condition: 'RetryAttemptsExhausted', approximateInvokeCount: 2 });
    expect(await readBack(letter)).toEqual({ name: `ends-${partition}`, values: ['first', value, 'last'] });
    expect(offsetsOf(await trials.seen('ends'), partition)).toEqual([[0, 1, 2], [0, 1, 2], [3]]);
  });

  it.each([
    [
      'first',
      0,
      [
        [0, 1, 2],
        [0, 1, 2],
        [1, 2],
      ],
    ],
    ['middle', 1, [[0, 1, 2], [1, 2], [2]]],
    ['last', 2, [[0, 1, 2], [2]]],
  ] as const)('go on from a record that they report: the %s of a batch', async (_, at, invoked) => {
    // When
    const values = range(0, 3).map((offset) => (offset === at ? 'report' : offset));
    await append('reports', values, at);
    const letter = await letterOf('reports', at);
    await trials.caughtUp('reports');

    // Then
    expect(letter.requestContext).toMatchObject({ condition: 'RetryAttemptsExhausted', approximateInvokeCount: 2 });
    expect(await readBack(letter)).toEqual({ name: `reports-${at}`, values: ['report'] });
    expect(offsetsOf(await trials.seen('reports'), at)).toEqual(invoked);
  });

  it('get over a record that they cannot handle, and all others', async () => {
    // When
    await append('reports', ['a', 'b', 'throw', 'd'], 3);
    const letter = await letterOf('reports', 3);
    await trials.caughtUp('reports');

    // Then
    expect(letter.requestContext).toMatchObject({ condition: 'RetryAttemptsExhausted', approximateInvokeCount: 2 });
    expect(await readBack(letter)).toEqual({ name: 'reports-3', values: ['throw'] });
    expect(offsetsOf(await trials.seen('reports'), 3)).toEqual([[0, 1, 2, 3], [0, 1], [2, 3], [2], [2], [3]]);
  });

  it('get what their filters let through, and no more; a bucket gets a record that they cannot handle', async () => {
    // When
    await append('filtered', [{ keep: 1 }, { keep: 2 }, 'throw', 'other', { keep: 1 }]);
    await trials.caughtUp('filtered');
    const { name, letter } = await trials.kept();

    // Then
    const seen = await trials.seen('filtered');
    expect(offsetsOf(seen)).toEqual([[0, 2, 4], [0, 2], [0], [2, 4], [2], [4]]);
    expect(name).toMatch(/^aws\/lambda\/[0-9a-f]{12}-filtered\/filtered-0\/\d{4}\//);
    const { records } = JSON.parse(letter.payload);
    expect(records['filtered-0']).toMatchObject([{ offset: 2, value: Buffer.from('"throw"').toString('base64') }]);
    expect(letter.requestContext).toMatchObject({ condition: 'RetryAttemptsExhausted', approximateInvokeCount: 1 });
  });

  it('get several batches of a partition at a time, those of a key in order', async () => {
    // When
    const keys = range(0, 10).map((i) => `customer-${i}`);
    const records = range(0, 200).map((n) => ({ key: keys[n % 10]!, value: { key: keys[n % 10], n }, partition: 0 }));
    await trials.client.append('parallel', records);
    await trials.caughtUp('parallel');

    // Then
    const seen = (await trials.seen('parallel')).flatMap(({ values }) => values as { key: string; n: number }[]);
    for (const [i, key] of keys.entries()) {
      const firsts = new Set(seen.flatMap((one) => (one.key === key ? [one.n] : [])));
      expect([key, [...firsts]]).toEqual([key, range(0, 20).map((turn) => turn * 10 + i)]);
    }
    const invoked = (await trials.seen('parallel')).map(({ offsets }) => offsets);
    expect(invoked.some((offsets) => offsets.at(-1)! - offsets[0]! >= offsets.length)).toBe(true);
  });

  it('may be consumers of Powertools', async () => {
    const records = [{ key: '{"id":1}', value: { amount: 10 }, headers: { trace: 'abc' } }, { value: { amount: 20 } }];
    await trials.client.append('typed', records);
    await trials.caughtUp('typed');

    expect((await trials.seen('typed')).flatMap(({ values }) => values)).toEqual([
      { key: { id: 1 }, value: { amount: 10 }, headers: [{ trace: 'abc' }] },
      { value: { amount: 20 }, headers: [] },
    ]);
  });

  it('are added, replaced, removed and made again, by topics that grow, while records flow', async () => {
    // Given old records in topics that nobody subscribes to, some of before a time, and records that flow
    const since = Math.floor(Date.now() / 1_000) - 3_600;
    for (const topic of ['earliest', 'latest', 'timestamp']) {
      const old = [since - 60, since, since + 60].map((at, i) => ({ value: i, timestamp: at * 1_000 }));
      await trials.log.topics.create(topic, { partitions: 1 });
      await trials.client.append(topic, old);
    }
    await append('again', ['before']);
    await trials.caughtUp('again');
    const flow = flowing('grows');

    // When functions subscribe to these, a topic grows, code is replaced, and a subscription goes
    await trials.stack.deploy({ VARVE_PHASE: '2', VARVE_SINCE: `${since}` });
    await append('again', ['meanwhile']);
    for (const topic of ['earliest', 'latest', 'timestamp']) await append(topic, ['new']);
    for (const partition of range(0, 8)) await append('grows', ['grown'], partition);
    const flowed = await flow.end();
    await Promise.all(['earliest', 'latest', 'timestamp', 'grows'].map((topic) => trials.caughtUp(topic)));

    // Then each begins where it was told
    const seen = async (topic: string) => (await trials.seen(topic)).flatMap(({ values }) => values);
    expect(await seen('earliest')).toEqual([0, 1, 2, 'new']);
    expect(await seen('latest')).toEqual(['new']);
    expect(await seen('timestamp')).toEqual([1, 2, 'new']);

    // and what flowed was delivered in order, by the code before and then by the one after it
    const grows = await trials.seen('grows');
    let all = 0;
    for (const partition of range(0, 8)) {
      const { latest } = await trials.log.offsets('grows', partition);
      const { wrong, next } = progressOf(grows.filter((one) => one.partition === partition));
      expect({ partition, wrong, next }).toEqual({ partition, wrong: [], next: latest });
      all += latest;
    }
    expect(all).toBe(flowed + 8);
    expect([...new Set(grows.map(({ code }) => code))]).toEqual(['before', 'after']);

    // and what went gets nothing, until it comes back: then it goes on where it was
    expect(await seen('again')).toEqual(['before']);
    await trials.stack.deploy({ VARVE_PHASE: '3', VARVE_SINCE: `${since}` });
    await trials.caughtUp('again');
    expect(await seen('again')).toEqual(['before', 'meanwhile']);
  });
});
