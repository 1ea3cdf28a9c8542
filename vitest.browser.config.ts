import { defineConfig } from 'vitest/config';

/** Pages in a real browser, the one of this machine: `npm run test:browser`. Without one they are skipped, and say so. */
export default defineConfig({
  test: {
    include: ['test/**/*.browser.test.ts'],
    testTimeout: 90_000,
    hookTimeout: 120_000,
    pool: 'forks',
  },
});
