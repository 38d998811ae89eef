import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { checkWalls } from '../support/walls.js';

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));

/** A small tree of the project's form in which every import is allowed. */
const CLEAN: Readonly<Record<string, string>> = {
  'contracts/names/index.ts': `export * from './lane.js';`,
  'contracts/names/lane.ts': `export const LANE = 'default';`,
  'workflows/index.ts': `export { deletion } from './deletion.js';`,
  'workflows/deletion.ts': `import { proxyActivities } from '@temporalio/workflow';\nimport type { Acts } from '../activities/acts.js';\nimport { LANE } from '../contracts/names/index.js';\nexport const deletion = async (): Promise<string> => proxyActivities<Acts>({}).erase(LANE);`,
  'activities/acts.ts': `import { save } from '../store/ledger.js';\nexport interface Acts { erase(lane: string): Promise<string> }\nexport const act = save;`,
  'store/ledger.ts': `import { Pool } from 'pg';\nexport const save = (): Pool => new Pool();`,
  'bus/producer.ts': `import { Kafka } from 'kafkajs';\nexport const producer = (brokers: string[]): Kafka => new Kafka({ brokers });`,
  'bridges/ingress/role.ts': `import { producer } from '../../bus/producer.js';\nimport { config } from '../../platform/config.js';\nexport const start = (): unknown => producer([config ?? '']);`,
  'platform/config.ts': `export const config = process.env.ANYTHING;`,
  'worker.ts': `import { act } from './activities/acts.js';\nimport * as workflows from './workflows/index.js';\nexport const worker = [act, workflows];`,
  'start.ts': `export const roles = [await import('./worker.js'), await import('./bridges/ingress/role.js')];`,
  'test/unit/worker.test.ts': `import { worker } from '../../worker.js';\nconsole.log(worker);`,
};

let root: string;
const write = (path: string, text: string): void => {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
};

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'expunge-walls-'));
  for (const name of ['.dependency-cruiser.cjs', 'tsconfig.json', 'package.json']) copyFileSync(join(PROJECT, name), join(root, name));
  symlinkSync(join(PROJECT, 'node_modules'), join(root, 'node_modules'), 'dir');
  for (const [path, text] of Object.entries(CLEAN)) write(path, text);
});
afterEach(() => rmSync(root, { recursive: true }));

test('passes a tree that keeps the walls, and says how much it looked at', async () => {
  const report = await checkWalls(root, 12);
  expect(report.breaches).toEqual([]);
  expect(report).toMatchObject({ files: 12, innerDependencies: 12 });
});

test.each([
  ['kafkajs-only-in-bus', 'bridges/result/role.ts', `import { Kafka } from 'kafkajs';\nexport const k = Kafka;`],
  ['kafkajs-only-in-bus', 'api/type.ts', `import type { Kafka } from 'kafkajs';\nexport type K = Kafka;`],
  ['pg-only-in-store', 'activities/sql.ts', `import pg from 'pg';\nexport const p = pg;`],
  ['no-cycles', 'contracts/names/lane.ts', `import { x } from './index.js';\nexport const LANE = x;`],
  ['workflows-are-pure', 'workflows/read.ts', `import { readFileSync } from 'node:fs';\nexport const r = readFileSync;`],
  ['workflows-are-pure', 'workflows/check.ts', `import { z } from 'zod';\nexport const r = z;`],
  ['workflows-are-pure', 'workflows/configured.ts', `import { config } from '../platform/config.js';\nexport const r = config;`],
  ['activities-by-type-in-workflows', 'workflows/direct.ts', `import { act } from '../activities/acts.js';\nexport const r = act;`],
  ['names-import-nothing', 'contracts/names/hash.ts', `import { createHash } from 'node:crypto';\nexport const r = createHash;`],
  ['product-without-its-tests', 'api/cheat.ts', `import '../test/unit/worker.test.js';`],
  ['product-without-its-tests', 'client/demo.ts', `import '../stack/parts.js';`],
  ['worker-without-kafka', 'activities/send.ts', `import { producer } from '../bus/producer.js';\nexport const r = producer;`],
  ['entry-points-are-ends', 'api/again.ts', `import { roles } from '../start.js';\nexport const r = roles;`],
  ['resolvable', 'api/nowhere.ts', `import { r } from './not-there.js';\nexport const s = r;`],
  ['no-dev-dependency-in-product', 'api/property.ts', `import fc from 'fast-check';\nexport const r = fc;`],
  ['environment-only-in-config', 'api/port.ts', `export const port = process.env.API_PORT;`],
  ['environment-only-in-config', 'api/port.ts', `export const port = globalThis.process.env['API_PORT'];`],
  ['environment-only-in-config', 'api/port.ts', `export const port = process['env'].API_PORT;`],
  ['environment-only-in-config', 'api/port.ts', `const { env } = process;\nexport const port = env.API_PORT;`],
  ['environment-only-in-config', 'api/port.ts', `import { env } from 'node:process';\nexport const port = env.API_PORT;`],
  ['is-typescript', 'api/broken.ts', `export const broken = (;`],
])('%s is breached by %s', async (rule, path, text) => {
  if (path === 'client/demo.ts') write('stack/parts.ts', 'export const parts = 1;');
  write(path, text);
  const { breaches } = await checkWalls(root, 12);
  expect(breaches.map((breach) => breach.rule)).toContain(rule);
  expect(breaches.find((breach) => breach.rule === rule)?.where).toContain(path.split('/')[0]);
});

test('fails when there is next to nothing to look at', async () => {
  rmSync(join(root, 'contracts'), { recursive: true });
  const { breaches } = await checkWalls(root, 12);
  expect(breaches).toMatchObject([{ rule: 'looked-at-enough' }]);
});

test('fails when TypeScript was not understood, so that no import between files was seen', async () => {
  for (const path of Object.keys(CLEAN)) write(path, 'export const alone = 1;');
  const { breaches } = await checkWalls(root, 12);
  expect(breaches).toMatchObject([{ rule: 'looked-at-enough', what: expect.stringContaining('TypeScript was not understood') as string }]);
});
