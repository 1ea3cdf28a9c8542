import { afterEach, describe, expect, it, vi } from 'vitest';
import { numbered, openTown, type Town } from './town.ts';

let town: Town | undefined;
afterEach(async () => {
  vi.restoreAllMocks();
  await town?.close();
});

/*
 * A deliverer is frozen between its last look at the clock and the invocation, while another one takes the partition over. Lambda freezes
 * functions only between invocations, so this is a machine that stands still.
 */
describe('a deliverer that is frozen before it invokes', () => {
  it('asks again, once it sees that its time is over', async () => {
    town = await openTown({}, () => undefined);
    const { clock } = town;
    const now = clock.now;
    let frozen = 0;
    // The time that is left is what it asks for last.
    town.beforeTimeLeft = () => {
      if (frozen === 0) frozen = 60_000;
    };
    vi.spyOn(clock, 'now').mockImplementation(() => now() + frozen);

    await town.append(numbered(3));
    await town.settle();

    // It was not invoked before the deliverer had asked a second time.
    expect(frozen).toBe(60_000);
    expect(town.seen.map(({ offsets }) => offsets)).toEqual([[0, 1, 2]]);
    expect(town.seen[0]!.at).toBeGreaterThan(4_000);
    expect(await town.committed()).toBe(3);
  });

  it('with its request under way, has records come again late, and commits nothing', async () => {
    // Given a request that reaches the function after a minute
    town = await openTown({}, () => undefined);
    const { clock } = town;
    let invocations = 0;
    town.beforeInvocation = async () => {
      if (++invocations === 1) await new Promise<void>((resolve) => clock.schedule(60_000, resolve));
    };
    await town.append(numbered(3));
    await town.pass(30_000);

    // When another one takes over, and goes on
    await town.append(numbered(2, 3));
    await town.pass(5_000);
    expect(await town.committed()).toBe(5);
    await town.settle();

    // Then nothing was skipped, and the group is where it was
    expect(town.seen.map(({ offsets }) => offsets)).toEqual([
      [0, 1, 2, 3, 4],
      [0, 1, 2],
    ]);
    expect(await town.committed()).toBe(5);
    await town.append(numbered(1, 5));
    await town.settle();
    expect(town.seen.at(-1)!.offsets).toEqual([5]);
  });
});
