import { defineConfig } from 'vitest/config';

/** Programs that tests start are the built ones. */
const BUILD = 'test/support/build-setup.ts';

const project = (name: string, { globalSetup = [], ...options }: { globalSetup?: string[]; [option: string]: unknown } = {}) => ({
  test: { name, include: [`test/${name}/**/*.test.ts`], pool: 'forks' as const, ...options, globalSetup: [BUILD, ...globalSetup] },
});

/** Suites that need parts of the stack name the setup that brings them; each project is a folder under test/. */
export default defineConfig({
  test: {
    projects: [
      project('unit'),
      project('workflows', { testTimeout: 60_000, hookTimeout: 300_000, globalSetup: ['test/support/stack-setup.ts'], fileParallelism: false }),
      project('replay', { testTimeout: 60_000 }),
      project('integration', { testTimeout: 60_000, hookTimeout: 300_000, globalSetup: ['test/support/stack-setup.ts'], fileParallelism: false }),
      project('e2e', { testTimeout: 300_000, hookTimeout: 600_000, globalSetup: ['test/support/stack-setup.ts'], fileParallelism: false }),
      // The status page in a real Chromium, over real roles: `npm run test:page`, apart from `npm test`.
      project('page', { testTimeout: 180_000, hookTimeout: 600_000, globalSetup: ['test/support/stack-setup.ts'], fileParallelism: false }),
      // What is deployed: rendered by Helm, which may have to be built first.
      project('deploy', { testTimeout: 60_000, hookTimeout: 900_000 }),
      // Random walks on Temporal's servers: minutes, so `npm run test:model`, apart from `npm test`.
      project('model', { testTimeout: 60_000, hookTimeout: 300_000, globalSetup: ['test/support/stack-setup.ts'], fileParallelism: false }),
      // Faults: minutes, so `npm run test:chaos`, apart from `npm test`. It takes parts of its stack down, and so holds that itself.
      project('chaos', { testTimeout: 300_000, hookTimeout: 600_000, fileParallelism: false }),
    ],
  },
});
