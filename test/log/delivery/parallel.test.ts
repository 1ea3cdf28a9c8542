import { afterEach, describe, expect, it } from 'vitest';
import { type Handler, openTown, type Town, UNKNOWN } from './town.ts';

let town: Town | undefined;
afterEach(() => town?.close());

const KEYS = 12;
const keyOf = (offset: number) => `customer-${offset % KEYS}`;
/** Records of one partition, whose keys take turns. */
const keyed = (count: number, from = 0) =>
  Array.from({ length: count }, (_, i) => ({ key: keyOf(from + i), value: `${from + i}`, partition: 0 }));

/** The offsets of a key, in the order in which the function got them. */
const seenOf = (key: string) => town!.seen.flatMap(({ offsets }) => offsets.filter((offset) => keyOf(offset) === key));
const allKeys = Array.from({ length: KEYS }, (_, i) => keyOf(i));
const sorted = (offsets: number[]) => offsets.toSorted((a, b) => a - b);
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

describe('several batches of a partition at a time', () => {
  it('are of different keys, each in order, and all is committed in the end', async () => {
    let running = 0;
    let most = 0;
    const takesTime: Handler = async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise<void>((resolve) => town!.clock.schedule(500, resolve));
      running -= 1;
    };
    town = await openTown({ parallelizationFactor: 4, batchSize: 5 }, takesTime);

    await town.append(keyed(100));
    await town.settle();

    expect(most).toBe(4);
    expect(sorted(town.seen.flatMap(({ offsets }) => offsets))).toEqual(range(0, 99));
    for (const key of allKeys) expect(seenOf(key)).toEqual(range(0, 99).filter((offset) => keyOf(offset) === key));
    expect(await town.committed()).toBe(100);
  });

  it('do not wait for one that fails, until as many records as may be read at once have come after it', async () => {
    const began = 10 * 60_000;
    town = await openTown({ parallelizationFactor: 4, batchSize: 10, retryAttempts: -1 }, (offsets) => {
      if (offsets.includes(2) && town!.clock.monotonic() < began) throw new Error('no');
    });

    await town.append(keyed(100));
    await town.pass(began - 60_000);

    // The group is held where the first record is that is not done with; others went on, each once.
    const [held] = town.seen.find(({ offsets }) => offsets.includes(2))!.offsets;
    expect(await town.committed()).toBe(held);
    const others = allKeys.filter(
      (key) =>
        !town!.seen.some(({ offsets }) => offsets.includes(2) && offsets.some((offset) => keyOf(offset) === key)),
    );
    expect(others.length).toBeGreaterThan(3);
    for (const key of others) {
      const seen = seenOf(key);
      expect(seen.length).toBeGreaterThan(2);
      expect(seen).toEqual([...new Set(seen)]);
    }

    // Then the rest comes, what was done with does not come again, and the order of each key is kept.
    await town.settle();
    expect(await town.committed()).toBe(100);
    for (const key of allKeys) {
      const seen = seenOf(key);
      expect([...new Set(seen)]).toEqual(range(0, 99).filter((offset) => keyOf(offset) === key));
      if (others.includes(key)) expect(seen).toEqual([...new Set(seen)]);
    }
  });

  it('give up a record that fails, and it alone', async () => {
    town = await openTown(
      { parallelizationFactor: 3, batchSize: 10, retryAttempts: 1, bisectBatchOnError: true, onFailure: 'queue' },
      (offsets) => {
        if (offsets.includes(17)) throw new Error('no');
      },
    );

    await town.append(keyed(60));
    await town.settle();

    expect(town.letters).toMatchObject([{ firstOffset: 17, lastOffset: 17, records: 1 }]);
    const rest = town.seen.flatMap(({ offsets }) => (offsets.includes(17) ? [] : offsets));
    expect(sorted([...new Set(rest)])).toEqual(range(0, 59).filter((offset) => offset !== 17));
    expect(await town.committed()).toBe(60);
  });

  it('begin anew where the group is set to, whatever was done beyond', async () => {
    let works = false;
    town = await openTown({ parallelizationFactor: 4, batchSize: 5, retryAttempts: -1 }, (offsets) => {
      if (!works && offsets.includes(30)) throw new Error('no');
    });
    await town.append(keyed(60));
    await town.pass(20_000);
    const [held] = town.seen.find(({ offsets }) => offsets.includes(30))!.offsets;
    expect(await town.committed()).toBe(held);
    expect(held).toBeGreaterThan(10);

    const before = town.seen.length;
    works = true;
    await town.log.groups.commit('billing', [{ topic: 'orders', partition: 0, offset: 10 }]);
    await town.settle();

    const again = town.seen.slice(before).flatMap(({ offsets }) => offsets);
    expect(sorted([...new Set(again)])).toEqual(range(10, 59));
    expect(await town.committed()).toBe(60);
  });

  it('wait for an invocation that was not answered, though the store failed as the others were committed', async () => {
    // Given an invocation of which nobody knows whether it still runs, and a commit that fails
    let fails = false;
    let unknown: number[] | undefined;
    const once: Handler = (offsets) => {
      if (unknown || !offsets.includes(7)) return undefined;
      unknown = offsets;
      fails = true;
      return UNKNOWN;
    };
    town = await openTown({ parallelizationFactor: 4, batchSize: 5, targetTimeout: 60_000 }, once, {
      groups: (inner) => ({
        ...inner,
        async advance(...args) {
          if (!fails) return inner.advance(...args);
          fails = false;
          throw new Error('the store fails');
        },
      }),
    });

    // When
    await town.append(keyed(40));
    await town.settle();

    // Then it was over by the time that its records came again
    const [first, second] = town.seen.filter(({ offsets }) => offsets.includes(7));
    expect(second!.at - first!.at).toBeGreaterThan(60_000);
    expect(await town.committed()).toBe(40);
  });

  it('have records without keys spread over them', async () => {
    town = await openTown({ parallelizationFactor: 2, batchSize: 50 }, () => undefined);

    await town.append(Array.from({ length: 20 }, (_, i) => ({ value: `${i}`, partition: 0 })));
    await town.settle();

    expect(town.seen.map(({ offsets }) => offsets.length)).toEqual([10, 10]);
    expect(await town.committed()).toBe(20);
  });
});
