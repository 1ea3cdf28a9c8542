import { expect, test } from 'vitest';
import { runExample } from './docs.ts';

test('the example of docs/testing.md for a log in the test itself passes', async () => {
  expect(await runExample('startVarve')).toBe(2);
}, 120_000);
