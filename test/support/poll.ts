import { setTimeout as delay } from 'node:timers/promises';

/** Asks until the answer is not undefined; throws `what` when that takes longer than `timeout` milliseconds. */
export async function poll<T>(
  what: string,
  timeout: number,
  ask: () => Promise<T | undefined> | T | undefined,
  every = 10,
): Promise<T> {
  const deadline = performance.now() + timeout;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > deadline) throw new Error(`${what}: not within ${timeout} ms`);
    await delay(every);
  }
}
