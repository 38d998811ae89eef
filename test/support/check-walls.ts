import { fileURLToPath } from 'node:url';
import { checkWalls } from './walls.js';

/** Far below what the tree has: a floor, not a census. */
const LEAST_FILES = 60;

const { files, modules, innerDependencies, breaches } = await checkWalls(fileURLToPath(new URL('../..', import.meta.url)), LEAST_FILES);
process.stdout.write(`Walls: looked at ${files} files, ${modules} modules, ${innerDependencies} imports between them.\n`);
for (const { rule, where, what } of breaches) process.stderr.write(`  ${rule}: ${where}: ${what}\n`);
if (breaches.length > 0) {
  process.stderr.write(`${breaches.length} breaches. The rules and their reasons are in .dependency-cruiser.cjs and test/support/walls.ts.\n`);
  process.exitCode = 1;
}
