import { writeCliDocument } from './cli-document.js';

// To be run when a command was changed: npm run write-cli
writeCliDocument();
