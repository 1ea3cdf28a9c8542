import { defineConfig } from 'vitest/config';

/** Kafka's own tools, and clients of other languages: `npm run test:clients`. They are fetched once, and kept outside the clone. */
export default defineConfig({
  test: {
    include: ['test/clients/**/*.clients.test.ts'],
    globalSetup: 'test/clients/setup.ts',
    testTimeout: 120_000,
    hookTimeout: 600_000,
    pool: 'forks',
    // Java takes the machine that it gets, and groups wait for sessions that end.
    maxWorkers: 2,
  },
});
