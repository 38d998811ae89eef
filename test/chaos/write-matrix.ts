import { writeMatrix } from './matrix.js';
import { scenarios } from './scenarios/index.js';

// To be run when a scenario was added or changed: node --import tsx test/chaos/write-matrix.ts
await writeMatrix(scenarios);
