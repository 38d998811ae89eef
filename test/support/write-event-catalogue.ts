import { writeEventFiles } from './event-catalogue.js';

// To be run when a contract was changed: npm run write-events
await writeEventFiles();
