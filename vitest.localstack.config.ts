import { defineConfig } from 'vitest/config';

/** Tests that need LocalStack: `npm run localstack` first. */
export default defineConfig({
  test: {
    include: ['test/**/*.localstack.test.ts'],
    globalSetup: 'test/support/localstack.ts',
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: 'forks',
    // One LocalStack answers all of them; while one file waits for it another has its turn.
    maxWorkers: 2,
  },
});
