import { configDefaults, defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // These have configurations of their own: vitest.localstack.config.ts, vitest.clients.config.ts, vitest.browser.config.ts.
    exclude: [...configDefaults.exclude, 'test/**/*.{localstack,clients,browser}.test.ts'],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    pool: 'forks',
    // Most of a test's time is waiting: for disks, timers and other processes.
    maxWorkers: '100%',
  },
});
