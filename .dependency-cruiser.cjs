/** The walls between the parts. `npm run walls` checks them, and what this tool cannot see: test/support/walls.ts. */

const npm = (...names) => `(^|/)node_modules/(${names.join('|')})(/|$)`;
const PRODUCT_NOT = '^((test|stack|bench)/|build\\.mjs$)';
const ENTRY_POINTS = '^(start\\.ts|client/main\\.ts|stack/(main|demo|token)\\.ts|bench/main\\.ts|bench/bare/main\\.ts|test/support/check-walls\\.ts)$';

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    { name: 'kafkajs-only-in-bus', severity: 'error', comment: 'kafkajs is wrapped once, in bus/',
      from: { pathNot: '^(bus|test/support)/' }, to: { path: npm('kafkajs') } },
    { name: 'pg-only-in-store', severity: 'error', comment: 'SQL is written in store/ only',
      from: { pathNot: '^(store|test/support)/' }, to: { path: npm('pg', '@types/pg', 'pg-[a-z-]+') } },
    { name: 'page-stands-alone', severity: 'error', comment: 'The status page is loaded by browsers as it lies: there is nothing but its own files',
      from: { path: '^api/page/' }, to: { pathNot: '^api/page/', dependencyTypesNot: ['type-only'] } },
    { name: 'page-is-no-server-code', severity: 'error', comment: 'What runs in browsers is served by the API, not loaded by it',
      from: { pathNot: '^(api/page|test)/' }, to: { path: '^api/page/' } },
    { name: 'no-cycles', severity: 'error', comment: 'Of two parts that need each other, neither can be understood or tested alone',
      from: {}, to: { circular: true } },
    { name: 'workflows-are-pure', severity: 'error', comment: 'Workflow code is replayed: no I/O, no zod; only the SDK, the names and the types of activities',
      from: { path: '^workflows/' }, to: { pathNot: ['^workflows/', '^contracts/names/', '^activities/', npm('@temporalio/workflow', '@temporalio/common')] } },
    { name: 'activities-by-type-in-workflows', severity: 'error', comment: 'Workflows call activities through proxies; they never load them',
      from: { path: '^workflows/' }, to: { path: '^activities/', dependencyTypesNot: ['type-only'] } },
    { name: 'bare-workflow-is-pure', severity: 'error', comment: 'What the product is compared with is replayed as well',
      from: { path: '^bench/bare/(workflows|names)\\.ts$' }, to: { pathNot: ['^bench/bare/names\\.ts$', npm('@temporalio/workflow')] } },
    { name: 'names-import-nothing', severity: 'error', comment: 'Workflows use the names, so they hold no I/O and no library',
      from: { path: '^contracts/names/' }, to: { pathNot: '^contracts/names/' } },
    { name: 'product-without-its-tests', severity: 'error', comment: 'What runs in production never loads tests, benchmarks or the local stack',
      from: { pathNot: [PRODUCT_NOT, '\\.config\\.(ts|js)$'] }, to: { path: PRODUCT_NOT } },
    { name: 'stack-without-tests', severity: 'error', comment: 'Tests use the stack, not the other way round',
      from: { path: '^(stack|bench)/' }, to: { path: '^test/' } },
    { name: 'worker-without-kafka', severity: 'error', comment: 'The worker needs no Kafka: what it has to say goes to the outbox',
      from: { path: '^(worker\\.ts$|activities/|workflows/)' }, to: { path: npm('kafkajs'), reachable: true } },
    { name: 'entry-points-are-ends', severity: 'error', comment: 'An entry point does something when it is loaded',
      from: {}, to: { path: ENTRY_POINTS } },
    { name: 'resolvable', severity: 'error', comment: 'An import that leads nowhere is one that no other rule has looked at',
      from: {}, to: { couldNotResolve: true } },
    { name: 'no-dev-dependency-in-product', severity: 'error', comment: 'A production install has no devDependencies',
      from: { pathNot: [PRODUCT_NOT, '\\.config\\.(ts|js)$'] }, to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['type-only'] } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    combinedDependencies: false,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'], mainFields: ['module', 'main', 'types'] },
  },
};
