import { defineConfig } from 'vitest/config';

/** What is seen on the real Airflow: some minutes, so apart from `npm test`. */
export default defineConfig({
  test: {
    name: 'real-airflow',
    include: ['test/e2e/*.real.ts'],
    pool: 'forks',
    testTimeout: 300_000,
    hookTimeout: 900_000,
    globalSetup: ['test/support/build-setup.ts', 'test/support/stack-setup.ts'],
    fileParallelism: false,
  },
});
