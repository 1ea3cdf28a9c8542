import { expect, test } from 'vitest';
import { fewAtOnce } from '../../../lib/doors/kafka/parts.ts';

test('many parts are answered in order, few at the same time, and others get their turn in between', async () => {
  const parts = Array.from({ length: 1_000 }, (_, i) => i);
  const turns: number[] = [];
  let underway = 0;
  let most = 0;
  let done = 0;
  let over = false;
  const others = (async () => {
    while (!over) {
      turns.push(done);
      await new Promise((resolve) => setImmediate(resolve));
    }
  })();

  const answers = await fewAtOnce(parts, async (part) => {
    most = Math.max(most, ++underway);
    await Promise.resolve();
    underway--;
    done++;
    return part * 2;
  });
  over = true;
  await others;

  expect(answers).toEqual(parts.map((part) => part * 2));
  expect(most).toBe(100);
  expect(new Set(turns).size).toBeGreaterThan(5);
});

test('after one that fails no more are begun', async () => {
  let begun = 0;
  const answers = fewAtOnce(
    Array.from({ length: 1_000 }, (_, i) => i),
    async (part) => {
      begun++;
      if (part === 150) throw new Error('this one');
    },
  );

  await expect(answers).rejects.toThrow('this one');
  expect(begun).toBe(200);
});
