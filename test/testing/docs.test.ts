import { expect, test } from 'vitest';
import { runExample } from './docs.ts';

test('the examples of docs/testing.md for a log in the test itself pass', async () => {
  expect(await runExample('startVarve')).toBe(4);
}, 120_000);
